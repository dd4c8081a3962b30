from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.guidance import GuidanceVoice
from pipeline.types import GuidanceCode, Severity


class Listener:
    """Hears a voice that is asked to say one code in every frame, at 25 frames a second."""

    def __init__(self, min_ms: int = 1000) -> None:
        self.voice = GuidanceVoice(min_ms)
        self.now_ms = 0.0
        self.heard: list[tuple[float, str]] = []

    def during(self, ms: float, *codes: str) -> Listener:
        """Ask for the codes in turn, one a frame, for that long."""
        until = self.now_ms + ms
        index = 0
        while self.now_ms < until:
            said = self.voice.say(GuidanceCode(codes[index % len(codes)]), self.now_ms)
            if not self.heard or self.heard[-1][1] != said.code:
                self.heard.append((self.now_ms, said.code.value))
            self.now_ms += 40
            index += 1
        return self


def test_the_first_words_are_said_at_once() -> None:
    assert Listener().during(40, "TOO_DARK").heard == [(0, "TOO_DARK")]


def test_guidance_stays_for_its_time() -> None:
    heard = Listener().during(200, "TOO_DARK").during(2000, "GLARE").heard
    assert heard == [(0, "TOO_DARK"), (1000, "GLARE")]


def test_short_lived_codes_give_way_sooner() -> None:
    heard = Listener().during(40, "HOLD_STILL").during(400, "READING").during(400, "DONE").heard
    assert heard == [(0, "HOLD_STILL"), (320, "READING"), (640, "DONE")]


def test_what_is_said_is_never_replaced_before_its_min_ms() -> None:
    voice = GuidanceVoice(1000)
    for code in GuidanceCode:
        voice.reset()
        said = voice.say(code, 0)
        assert 0 < said.min_ms <= 1000
        other = next(c for c in (GuidanceCode.DONE, GuidanceCode.READING) if c is not code)
        assert voice.say(other, said.min_ms - 1) is said
        assert voice.say(other, said.min_ms).code is other


def test_a_flicker_is_not_spoken() -> None:
    listener = Listener().during(1200, "HOLD_STILL").during(120, "GLARE")
    assert listener.during(1000, "HOLD_STILL").heard == [(0, "HOLD_STILL")]


def test_a_lasting_change_is_spoken() -> None:
    heard = Listener().during(1200, "HOLD_STILL").during(400, "GLARE").heard
    assert [code for _, code in heard] == ["HOLD_STILL", "GLARE"]


def test_two_other_codes_in_turn_do_not_keep_a_stale_one_alive() -> None:
    heard = Listener().during(400, "NO_DOCUMENT").during(1200, "GLARE", "TILTED").heard
    assert heard[1][1] in ("GLARE", "TILTED")
    assert len(heard) == 2


def test_reset_falls_silent() -> None:
    voice = GuidanceVoice(1000)
    voice.say(GuidanceCode.DONE, 0)
    voice.reset()
    assert voice.say(GuidanceCode.NO_DOCUMENT, 1).code is GuidanceCode.NO_DOCUMENT


@pytest.mark.parametrize(
    ("code", "severity"),
    [
        ("NO_DOCUMENT", Severity.INFO),
        ("TOO_DARK", Severity.HINT),
        ("MRZ_NOT_VISIBLE", Severity.WARNING),
        ("ASK_STAFF", Severity.WARNING),
        ("DONE", Severity.SUCCESS),
    ],
)
def test_severity(code: str, severity: Severity) -> None:
    assert GuidanceVoice(1000).say(GuidanceCode(code), 0).severity is severity


@given(
    codes=st.lists(
        st.tuples(st.sampled_from(GuidanceCode), st.floats(1, 600)), min_size=2, max_size=80
    )
)
def test_no_story_breaks_the_promise_of_min_ms(codes: list[tuple[GuidanceCode, float]]) -> None:
    voice = GuidanceVoice(700)
    now_ms, since_ms = 0.0, 0.0
    said = voice.say(codes[0][0], now_ms)
    for code, wait_ms in codes[1:]:
        now_ms += wait_ms
        after = voice.say(code, now_ms)
        if after is not said:
            assert now_ms - since_ms >= said.min_ms
            assert after.code is code
            said, since_ms = after, now_ms
