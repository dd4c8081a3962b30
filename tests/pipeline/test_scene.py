"""An empty desk is searched seldom; whatever comes in is seen at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.scene import Search, StillScene
from pipeline.types import CaptureState, Detection, Frame, ImageU8, MrtdFormat, QuadPx
from tests.pipeline.guest import DESK, FRAME_MS, HELD, SHARP, Guest
from tests.pipeline.posed import ScriptedDetector, as_frame


def noisy(bgr: ImageU8, seed: int, sigma: float = 4.0) -> ImageU8:
    noise = np.random.default_rng(seed).normal(0, sigma, bgr.shape)
    return np.clip(bgr + noise, 0, 255).astype(np.uint8)


def test_noise_is_no_change_and_half_a_second_is_the_longest() -> None:
    scene = StillScene()
    known = [scene.is_known(as_frame(noisy(DESK, n), n, 1000 + n * 83.0)) for n in range(14)]
    assert known == [False, *[True] * 6, False, *[True] * 6]


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (160, 90), (33, 21)])
def test_a_hand_at_the_edge_is_a_change(size: tuple[int, int]) -> None:
    width, height = size
    desk = np.full((height, width, 3), 90, np.uint8)
    scene = StillScene()
    assert not scene.is_known(as_frame(desk, 0, 0.0)) and scene.is_known(as_frame(desk, 1, 42.0))
    hand = desk.copy()
    hand[-height // 8 :, : width // 8] = 150
    assert not scene.is_known(as_frame(hand, 2, 84.0))
    assert scene.is_known(as_frame(hand, 3, 126.0))
    assert not scene.is_known(as_frame(desk, 4, 168.0)), "and so is one that goes"


def test_slow_changes_add_up() -> None:
    scene = StillScene()
    looked = [
        not scene.is_known(as_frame(np.full_like(DESK, 90 + n), n, n * 10.0)) for n in range(15)
    ]
    assert looked == [n in (0, 7, 14) for n in range(15)]


def test_the_same_desk_in_another_size_is_known_and_in_another_form_is_not() -> None:
    scene = StillScene()
    assert not scene.is_known(as_frame(DESK, 0, 0.0))
    assert scene.is_known(as_frame(np.full((720, 1280, 3), 90, np.uint8), 1, 10.0))
    assert not scene.is_known(as_frame(np.full((480, 640, 3), 90, np.uint8), 2, 20.0))


def test_an_empty_desk_is_searched_twice_a_second_and_a_document_at_once() -> None:
    guest = Guest()
    guest.away(24 * 3)
    assert guest.detector.calls == 72, "somebody has just left: every frame"
    guest.away(24 * 4)
    assert guest.detector.calls - 72 <= 9
    calls = guest.detector.calls
    seen = guest.show(3, HELD, SHARP)
    assert seen[0].detection is not None and seen[0].state is CaptureState.ALIGNING
    assert guest.detector.calls == calls + 3
    guest.away(24)
    assert guest.detector.calls == calls + 27


def test_a_reset_looks_again() -> None:
    guest = Guest()
    guest.away(24 * 4)
    calls = guest.detector.calls
    guest.live.reset()
    guest.away(3)
    assert guest.detector.calls == calls + 3


def test_a_second_without_a_document_is_rest_whatever_moves() -> None:
    guest = Guest()
    leaving = guest.away(24)
    assert not any(seen.resting for seen in leaving), "one was there a moment ago"
    assert all(seen.resting for seen in guest.away(24 * 4))
    hand = DESK.copy()
    hand[:60, :60] = 200
    calls = guest.detector.calls
    assert guest.show(1, None, hand)[0].resting and guest.away(1)[0].resting
    assert guest.detector.calls == calls + 2, "what moves is searched all the same"
    assert not guest.show(1, HELD, SHARP)[0].resting
    again = guest.away(25)
    assert not any(seen.resting for seen in again[:24]) and again[24].resting


def test_a_reset_is_no_rest() -> None:
    guest = Guest()
    assert guest.away(24 * 4)[-1].resting
    guest.live.reset()
    assert not guest.away(1)[0].resting


def test_nobody_knows_who_came_while_no_frame_did() -> None:
    guest = Guest()
    assert guest.away(24 * 4)[-1].resting
    guest.index += 24
    assert guest.away(1)[0].resting, "a second without a frame is no news"
    guest.index += 24 * 2
    calls = guest.detector.calls
    assert not any(seen.resting for seen in guest.away(24))
    assert guest.detector.calls == calls + 24


class Following(ScriptedDetector):
    """One whose documents can be followed to ``lies_px``, None for one that has moved."""

    lies_px: QuadPx | None = HELD.quad_px

    def follow(self, frame: Frame, known: Detection) -> Detection | None:
        return None if self.lies_px is None else replace(known, quad_px=self.lies_px)


class Watched:
    """A search, frame by frame, and whether each took a look."""

    def __init__(self) -> None:
        self.detector = Following(HELD)
        self.search = Search(self.detector)
        self.now_ms = 1000.0
        self.pace = 1.0
        """Of the sender's clock, by ours."""

    def looks(self, count: int, bgr: ImageU8 = SHARP, step_ms: float = FRAME_MS) -> list[bool]:
        told = []
        for _ in range(count):
            calls = self.detector.calls
            frame = replace(as_frame(bgr, 0, self.now_ms), pts_ms=self.now_ms * self.pace)
            found = self.search.detect(frame)
            assert found is not None
            told.append(self.detector.calls > calls)
            self.now_ms += step_ms
        return told


def test_a_document_at_rest_is_looked_at_four_times_and_then_each_quarter_of_a_second() -> None:
    view = Watched()
    assert view.looks(4) == [True] * 4
    assert view.looks(14) == [*[False] * 5, True, *[False] * 5, True, False, False]
    slow = Watched()
    slow.looks(4, step_ms=84)
    assert slow.looks(6, step_ms=84) == [False, False, True] * 2


@pytest.mark.parametrize(("step_ms", "pace"), [(12, 200 / 12), (200, 12 / 200)])
def test_neither_clock_passes_a_quarter_of_a_second(step_ms: float, pace: float) -> None:
    """Of a film's frames, decoded as fast as may be, and of those that a network kept back."""
    view = Watched()
    view.pace = pace
    view.looks(4, step_ms=step_ms)
    assert view.looks(6, step_ms=step_ms) == [False, True] * 3


def test_what_cannot_be_followed_is_looked_at_at_once() -> None:
    view = Watched()
    view.looks(6)
    view.detector.lies_px = None
    assert view.looks(4) == [True] * 4
    view.detector.lies_px = HELD.quad_px
    assert view.looks(1) == [False]


ELSEWHERE = replace(HELD, quad_px=HELD.quad_px + np.float32(20))


@pytest.mark.parametrize(
    "other",
    [
        ELSEWHERE,
        replace(HELD, mrtd_format=MrtdFormat.TD1),
        replace(HELD, mrz_quad_px=HELD.quad_px),
        replace(HELD, quad_px=np.roll(HELD.quad_px, 2, axis=0)),
    ],
)
def test_four_looks_must_say_the_same(other: Detection) -> None:
    view = Watched()
    view.looks(3)
    view.detector.found = other
    assert view.looks(4) == [True] * 4
    view.detector.lies_px = other.quad_px
    assert view.looks(2) == [False] * 2


def test_a_document_that_drifts_is_known_by_where_it_was_last() -> None:
    view = Watched()
    view.looks(4)
    for drift_px in (2.0, 3.0, 4.0):
        view.detector.lies_px = HELD.quad_px + np.float32(drift_px)
        assert view.looks(1) == [False]
    # Farther from the last look than a document at rest; not from where it was last seen.
    view.detector.lies_px = None
    view.detector.found = replace(HELD, quad_px=HELD.quad_px + np.float32(5))
    assert view.looks(1) == [True]
    view.detector.lies_px = view.detector.found.quad_px
    assert view.looks(1) == [False]


def test_in_pictures_of_another_size_and_after_a_pause_it_is_looked_for_anew() -> None:
    view = Watched()
    view.looks(6)
    wider = np.hstack([SHARP, SHARP])
    assert view.looks(5, wider) == [*[True] * 4, False]
    larger = np.repeat(np.repeat(SHARP, 2, axis=0), 2, axis=1)
    view.detector.found = replace(HELD, quad_px=HELD.quad_px * 2)
    view.detector.lies_px = view.detector.found.quad_px
    assert view.looks(5, larger) == [*[True] * 4, False]
    view.now_ms += 2000
    assert view.looks(5, larger) == [*[True] * 4, False]
    view.search.reset()
    assert view.looks(5, larger) == [*[True] * 4, False]
    view.detector.found = None
    view.detector.lies_px = None
    assert view.search.detect(as_frame(larger, 0, view.now_ms)) is None
    view.detector.found = replace(HELD, quad_px=HELD.quad_px * 2)
    view.detector.lies_px = view.detector.found.quad_px
    assert view.looks(5, larger) == [*[True] * 4, False], "it was gone"
