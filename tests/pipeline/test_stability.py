from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from core.settings import StabilitySettings
from pipeline.geometry import rectangle, turned
from pipeline.stability import StabilityTracker
from pipeline.types import Detection, Stability

FRAME_MS = 1000 / 24
HOME = rectangle(300, 150, 940, 600)


def found(quad_px: NDArray[np.floating]) -> Detection:
    return Detection(quad_px.astype(np.float32), confidence=0.9)


def shifted(dx: float = 0, dy: float = 0, corner: int | None = None) -> Detection:
    quad_px = HOME.copy()
    quad_px[slice(None) if corner is None else corner] += (dx, dy)
    return found(quad_px)


def watch(
    detections: Iterable[Detection | None], tracker: StabilityTracker | None = None
) -> list[Stability]:
    tracker = tracker or StabilityTracker(StabilitySettings())
    return [
        tracker.update(detection, 1280, 720, index * FRAME_MS)
        for index, detection in enumerate(detections)
    ]


def counts(detections: Iterable[Detection | None]) -> list[int]:
    return [stability.stable_count for stability in watch(detections)]


def test_eight_still_frames_are_stable() -> None:
    last = watch([shifted()] * 8)[-1]
    assert (last.stable_count, last.stable_required, last.progress) == (8, 8, 1.0)
    assert last.corner_motion_ratio == 0
    assert last.still_ms == pytest.approx(7 * FRAME_MS)


@pytest.mark.parametrize(
    ("detections", "expected"),
    [
        pytest.param([None] * 3, [0, 0, 0], id="nothing in view"),
        pytest.param([shifted(14.9)] * 4, [1, 2, 3, 4], id="still"),
        pytest.param([shifted(), shifted(14)], [1, 2], id="within 15 px"),
        pytest.param([shifted(), shifted(16)], [1, 1], id="beyond 15 px"),
        pytest.param(
            [shifted(), shifted(), None, shifted()], [1, 2, 2, 3], id="one missed detection"
        ),
        pytest.param(
            [shifted(), shifted(), None, None, shifted()], [1, 2, 2, 0, 1], id="two in a row"
        ),
        pytest.param(
            [shifted(), shifted(), None, shifted(), None, shifted()],
            [1, 2, 2, 3, 3, 4],
            id="two apart",
        ),
        pytest.param(
            [shifted(), shifted(), shifted(90, 0, corner=2), shifted()],
            [1, 2, 2, 3],
            id="one corner jumps once",
        ),
        pytest.param(
            [shifted(), shifted(), *[shifted(90, 0, corner=2)] * 3],
            [1, 2, 2, 1, 2],
            id="one corner moves for good",
        ),
        pytest.param(
            [shifted(), None, shifted(90, 0, corner=2)],
            [1, 1, 1],
            id="two doubtful frames of both kinds",
        ),
        pytest.param(
            [found(turned(HOME, turns)) for turns in (0, 1, 2, 3, 2, 0)],
            [1, 2, 3, 4, 5, 6],
            id="the corner order flips",
        ),
    ],
)
def test_counting(detections: list[Detection | None], expected: list[int]) -> None:
    assert counts(detections) == expected


def test_jitter_within_the_tolerance_never_starts_over() -> None:
    rng = np.random.default_rng(3)
    noisy = [found(HOME + rng.normal(0, 3, (4, 2))) for _ in range(48)]
    seen = counts(noisy)
    assert seen == sorted(seen)
    assert seen[-1] >= 44


def test_a_slow_drift_starts_over_again_and_again() -> None:
    drift = [shifted(dx=1.5 * index) for index in range(40)]
    seen = counts(drift)
    assert seen.count(1) >= 3
    assert max(seen) < 14


def test_a_drift_of_each_corner_s_own_is_noticed() -> None:
    growing = [found(HOME + np.sign(HOME - HOME.mean(axis=0)) * index) for index in range(40)]
    assert counts(growing).count(1) >= 2


def test_motion_is_in_diagonals_a_second() -> None:
    speed_px = 100.0
    moving = [shifted(dx=speed_px * index / 24) for index in range(6)]
    assert watch(moving)[-1].corner_motion_ratio == pytest.approx(speed_px / 1468.6, rel=1e-3)


def test_a_flip_of_the_corner_order_is_no_motion() -> None:
    assert watch([shifted(), found(turned(HOME, 2))])[-1].corner_motion_ratio == 0


def test_a_change_of_resolution_in_mid_call_does_not_start_over() -> None:
    tracker = StabilityTracker(StabilitySettings())
    sizes = [(320, 180)] * 2 + [(640, 360)] * 3 + [(1280, 720)] * 3 + [(1920, 1080)] * 2
    seen = [
        tracker.update(found(HOME * (width / 1280)), width, height, index * FRAME_MS)
        for index, (width, height) in enumerate(sizes)
    ]
    assert [stability.stable_count for stability in seen] == list(range(1, 11))
    assert seen[-1].corner_motion_ratio == pytest.approx(0, abs=1e-5)


def test_tolerance_means_the_same_at_every_resolution() -> None:
    for scale in (0.25, 1.5):
        for shift_px, expected in ((14, 2), (16, 1)):
            tracker = StabilityTracker(StabilitySettings())
            width, height = round(1280 * scale), round(720 * scale)
            tracker.update(found(HOME * scale), width, height, 0)
            moved = found((HOME + np.array([shift_px, 0], np.float32)) * scale)
            assert tracker.update(moved, width, height, FRAME_MS).stable_count == expected


@pytest.mark.parametrize(
    ("pts_ms", "expected"),
    [
        pytest.param([0, 0, 0], [1, 2, 3], id="a clock that stands still"),
        pytest.param([0, 40, 1500], [1, 2, 1], id="a gap too long to judge"),
        pytest.param([5000, 5040, 10], [1, 2, 1], id="a clock set back"),
    ],
)
def test_odd_clocks(pts_ms: list[float], expected: list[int]) -> None:
    tracker = StabilityTracker(StabilitySettings())
    seen = [tracker.update(shifted(), 1280, 720, pts) for pts in pts_ms]
    assert [stability.stable_count for stability in seen] == expected
    assert all(np.isfinite(stability.corner_motion_ratio) for stability in seen)


def test_counted_tells_doubtful_frames() -> None:
    tracker = StabilityTracker(StabilitySettings())
    jump = shifted(90, 0, corner=1)
    story = [shifted(), shifted(), None, shifted(), jump, shifted(), shifted(400)]
    told = []
    for index, detection in enumerate(story):
        tracker.update(detection, 1280, 720, index * FRAME_MS)
        told.append(tracker.counted)
    assert told == [True, True, False, True, False, True, True]


def test_settings_and_reset() -> None:
    tracker = StabilityTracker(StabilitySettings(frames=3))
    assert watch([shifted()] * 3, tracker)[-1].progress == 1.0
    tracker.required = 6
    assert tracker.required == 6
    tracker.reset()
    assert tracker.update(shifted(), 1280, 720, 0).stable_count == 1
    assert tracker.update(shifted(), 1280, 720, FRAME_MS).stable_required == 6
