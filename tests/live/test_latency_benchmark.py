"""What ``benchmarks.latency`` makes of what a page has seen."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from benchmarks.frame_numbers import draw_number, luma_of, read_number
from benchmarks.latency import Run, of_phase
from benchmarks.page_probe import (
    PHASE_NAMES,
    Overlay,
    Probe,
    captured_ms,
    encode_ms,
    in_page_time,
    overlays_of,
)

FRAME_MS = 1000 / 24
AGE_MS = 30.0
IN_PAGE_MS = 4.0
"""From a capture to the frame's arrival in the page."""


def seen(count: int = 120, large_from: int = 40, taken: int = 80, result: int = 100) -> Probe:
    """A visit of so many frames, of a camera whose pace is not quite even."""
    jitter = np.random.default_rng(1).normal(0, 4, count)
    captures = [1000 + number * FRAME_MS + jitter[number] for number in range(count)]
    overlays = [
        [round(at) * 90 - 12_345, at + AGE_MS, 1280 if number >= large_from else 640, None]
        for number, at in enumerate(captures)
    ]
    return {
        "frames": [[at, None, at + IN_PAGE_MS] for at in captures],
        "overlays": overlays,
        "states": [[captures[taken], "captured"]],
        "results": [[captures[result], "complete"]],
    }


def test_overlays_count_until_the_result_each_with_its_age() -> None:
    told = overlays_of(seen())
    # Overlays of the frames from number 100 on come after the result.
    assert len(told) == 100
    ages = [overlay.since_capture_ms for overlay in told]
    assert ages == pytest.approx([AGE_MS] * len(told), abs=2)
    in_page = [overlay.since_capture_ms - overlay.age_ms for overlay in told]
    assert in_page == pytest.approx([IN_PAGE_MS] * len(told))
    assert len(overlays_of(seen(result=60))) == 60


def test_overlays_are_told_by_phase() -> None:
    told = overlays_of(seen())
    count = {name: sum(overlay.phase == name for overlay in told) for name in PHASE_NAMES}
    assert sum(count.values()) == len(told)
    assert count["small"] == 40
    assert count["change"] == pytest.approx(0.4 * 24, abs=1)
    assert count["small"] + count["change"] + count["large"] == pytest.approx(80 - 1, abs=1)


def test_a_frame_that_the_page_did_not_get_is_as_late_as_its_neighbour() -> None:
    probe = seen()
    lacking = {**probe, "frames": [each for n, each in enumerate(probe["frames"]) if n != 30]}
    told = overlays_of(lacking)
    assert len(told) == 100
    assert told[30].since_capture_ms - told[30].age_ms == pytest.approx(IN_PAGE_MS)


@pytest.mark.parametrize("jitter_ms", [0, 0.02, 0.2, 4])
@pytest.mark.parametrize("not_shown", [(), (1, 2, 5), (0,)])
@pytest.mark.parametrize("not_read", [(), (0,), (3, 4)])
def test_stamps_of_another_start_are_told_in_page_time(
    jitter_ms: float, not_shown: tuple[int, ...], not_read: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(3)
    captures = 1000 + np.arange(200) * FRAME_MS + rng.normal(0, jitter_ms, 200)
    came = captures + 1.5 + rng.exponential(8, 200)
    stamped = [
        [at + 98_765.4, None, came_ms]
        for number, (at, came_ms) in enumerate(zip(captures, came, strict=True))
        if number not in not_read
    ]
    shown = [round(at, 1) for n, at in enumerate(captures[:14]) if n not in not_shown]
    told = in_page_time(stamped, [*shown, None])
    true = [at for number, at in enumerate(captures) if number not in not_read]
    assert [frame[0] for frame in told] == pytest.approx(true, abs=0.2)
    assert [frame[1:] for frame in told] == [frame[1:] for frame in stamped]


@pytest.mark.parametrize(
    ("frames", "shown"),
    [([], [5.0]), ([[1.0, None, 2.0]], []), ([[1.0, None, 2.0]], [None]), ([], [])],
)
def test_without_a_start_there_are_no_frames(
    frames: list[list[float | None]], shown: list[float | None]
) -> None:
    assert in_page_time(frames, shown) == []
    assert overlays_of({**seen(), "frames": []}) == []


def test_phases_of_several_visits_are_one() -> None:
    visits = [
        Run([Overlay(10.0, "small", 12.0), Overlay(age_ms, "large", 40.0)], None, "none", 1280, {})
        for age_ms in (20.0, 30.0)
    ]
    assert of_phase(visits, "large") == [20.0, 30.0]
    assert of_phase(visits, "taken") == []
    assert visits[0].overlays_ms == [10.0, 20.0]
    assert visits[0].since_capture_ms == [12.0, 40.0]


def test_a_visit_without_a_clock_counts_for_nothing() -> None:
    captures = [1000 + number * FRAME_MS for number in range(120)]
    frames = [[at, None, at + IN_PAGE_MS] for at in captures]
    overlays = [[round(at * 90), at + AGE_MS, 640, None] for at in captures]
    assert overlays_of({**seen(), "frames": frames, "overlays": overlays}) == []


def test_the_encoder_is_told_of_until_the_first_result() -> None:
    assert encode_ms({**seen(), "coded": [[80, 520.0], [90, 900.0]]}) == 6.5
    for silent in ([], [[0, 0.0]], [[80, None]]):
        assert encode_ms({**seen(), "coded": silent}) is None


def numbered(round_of: int = 288) -> Probe:
    """A visit of a film's two rounds, of whose frames each twelfth had its number read."""
    jitter = np.random.default_rng(2).normal(0, 4, 2 * round_of)
    captures = [1000 + place * FRAME_MS + jitter[place] for place in range(2 * round_of)]
    return {
        "frames": [
            [at, None if place % 12 else place % round_of, at + IN_PAGE_MS]
            for place, at in enumerate(captures)
        ],
        "overlays": [
            [None, at + AGE_MS, 640, place % round_of] for place, at in enumerate(captures)
        ],
        "states": [],
        "results": [],
    }


def test_frames_are_told_by_the_numbers_in_them_too() -> None:
    told = overlays_of(numbered())
    assert len(told) == 2 * 288
    assert [overlay.since_capture_ms for overlay in told] == pytest.approx([AGE_MS] * len(told))


def test_a_server_that_is_far_behind_is_told_so() -> None:
    probe = numbered()
    late = [[None, at + 4000, width, number] for _, at, width, number in probe["overlays"]]
    told = overlays_of({**probe, "overlays": late})
    ages = [overlay.since_capture_ms for overlay in told]
    assert ages == pytest.approx([AGE_MS + 4000] * len(told))


def test_a_number_that_no_frame_has_counts_for_nothing() -> None:
    probe = numbered()
    assert captured_ms(probe, 900) is None
    assert captured_ms(probe, 0) == probe["frames"][0][0], "in the first round"
    misread = [[None, at, width, 900] for _, at, width, _ in probe["overlays"]]
    assert overlays_of({**probe, "overlays": misread}) == []


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (320, 180)])
@pytest.mark.parametrize("number", [0, 1, 0b10_1010_1010, 1023])
def test_a_number_is_read_in_pictures_of_any_size(size: tuple[int, int], number: int) -> None:
    picture = np.full((720, 1280, 3), 130, np.uint8)
    draw_number(picture, number)
    smaller = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    assert read_number(smaller[..., 1]) == number
    frame = av.VideoFrame.from_ndarray(smaller, format="bgr24").reformat(format="yuv420p")
    assert read_number(luma_of(frame)) == number
