"""How old a frame is: told by the promptest, through wraps, drift and changed paths."""

from __future__ import annotations

import pytest

from media.punctuality import FrameClock
from tests.media.rtp_packets import Time

STEP = 3750
FRAME_S = STEP / 90_000


def stamps(count: int, first: int = 0xFFFFFFFF - 10 * STEP) -> list[int]:
    return [(first + number * STEP) & 0xFFFFFFFF for number in range(count)]


def test_age_is_what_a_frame_has_waited_beyond_the_promptest() -> None:
    clock = Time()
    frames = FrameClock(clock)
    for number, stamp in enumerate(stamps(100)):
        clock.now_s = 5 + number * FRAME_S + (0.4 if 50 <= number < 60 else 0.03 * (number % 2))
        frames.note(stamp)
        expected = 0.4 if 50 <= number < 60 else 0.03 * (number % 2)
        if number:
            assert frames.age_s(stamp) == pytest.approx(expected, abs=1e-6)
    clock.now_s += 0.2
    assert frames.age_s(stamps(100)[-2]) == pytest.approx(0.2 + FRAME_S + 0.03, abs=1e-6)


def test_before_anything_came_there_is_no_age() -> None:
    frames = FrameClock(Time())
    assert frames.age_s(90_000) is None
    frames.note(90_000)
    assert frames.age_s(None) is None and frames.age_s(90_000) == 0


def test_a_longer_path_is_the_usual_one_after_a_while() -> None:
    clock = Time()
    frames = FrameClock(clock)
    ages = []
    for number, stamp in enumerate(stamps(1200)):
        clock.now_s = number * FRAME_S + (0.3 if number >= 240 else 0)
        frames.note(stamp)
        ages.append(frames.age_s(stamp))
    assert ages[300] == pytest.approx(0.3) and ages[-1] == pytest.approx(0, abs=1e-6)


def test_frames_out_of_order_are_as_old_as_they_are() -> None:
    clock = Time()
    frames = FrameClock(clock)
    first, second, third = stamps(3, first=1000)
    for stamp, now_s in ((first, 0.0), (third, 2 * FRAME_S), (second, 2 * FRAME_S)):
        clock.now_s = now_s
        frames.note(stamp)
    assert frames.age_s(second) == pytest.approx(FRAME_S)
    assert frames.age_s(third) == pytest.approx(0)
