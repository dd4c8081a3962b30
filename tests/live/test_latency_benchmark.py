"""What ``benchmarks.latency`` makes of what a page has seen."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.latency import (
    PHASE_NAMES,
    Overlay,
    Probe,
    Run,
    encode_ms,
    of_phase,
    overlays_of,
)

FRAME_MS = 1000 / 24
AGE_MS = 30.0


def seen(count: int = 120, large_from: int = 40, taken: int = 80, result: int = 100) -> Probe:
    """A visit of so many frames, of a camera whose pace is not quite even."""
    jitter = np.random.default_rng(1).normal(0, 4, count)
    captures = [1000 + number * FRAME_MS + jitter[number] for number in range(count)]
    overlays = [
        [round(at) * 90 - 12_345, at + AGE_MS, 1280 if number >= large_from else 640]
        for number, at in enumerate(captures)
    ]
    return {
        "frames": [[at, None] for at in captures],
        "overlays": overlays,
        "states": [[captures[taken], "captured"]],
        "results": [[captures[result], "complete"]],
    }


def test_overlays_count_until_the_result_each_with_its_age() -> None:
    told = overlays_of(seen())
    # Overlays of the frames from number 100 on come after the result.
    assert len(told) == 100
    assert [overlay.age_ms for overlay in told] == pytest.approx([AGE_MS] * len(told), abs=2)
    assert len(overlays_of(seen(result=60))) == 60


def test_overlays_are_told_by_phase() -> None:
    told = overlays_of(seen())
    count = {name: sum(overlay.phase == name for overlay in told) for name in PHASE_NAMES}
    assert sum(count.values()) == len(told)
    assert count["small"] == 40
    assert count["change"] == pytest.approx(0.4 * 24, abs=1)
    assert count["small"] + count["change"] + count["large"] == pytest.approx(80 - 1, abs=1)


def test_phases_of_several_visits_are_one() -> None:
    visits = [
        Run([Overlay(10.0, "small"), Overlay(age_ms, "large")], None, "none", 1280, {})
        for age_ms in (20.0, 30.0)
    ]
    assert of_phase(visits, "large") == [20.0, 30.0]
    assert of_phase(visits, "taken") == []
    assert visits[0].overlays_ms == [10.0, 20.0]


def test_a_visit_without_a_clock_counts_for_nothing() -> None:
    captures = [1000 + number * FRAME_MS for number in range(120)]
    frames = [[at, None] for at in captures]
    overlays = [[round(at * 90), at + AGE_MS, 640] for at in captures]
    assert overlays_of({**seen(), "frames": frames, "overlays": overlays}) == []


def test_the_encoder_is_told_of_until_the_first_result() -> None:
    assert encode_ms({**seen(), "coded": [[80, 520.0], [90, 900.0]]}) == 6.5
    for silent in ([], [[0, 0.0]], [[80, None]]):
        assert encode_ms({**seen(), "coded": silent}) is None
