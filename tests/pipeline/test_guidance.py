from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.settings import PipelineSettings
from pipeline.capture import CaptureStep
from pipeline.geometry import rectangle
from pipeline.guidance import View, choose, find_fault, is_ready
from pipeline.types import (
    CaptureState,
    Detection,
    DocumentStatus,
    GuidanceCode,
    QuadPx,
    Quality,
    Stability,
)

SETTINGS = PipelineSettings()
GOOD = Quality(
    sharpness=120,
    contrast=45,
    brightness=55,
    edge_density=20,
    noise=1,
    glare=0,
    glyph_height_px=16,
    score=85,
)
WELL_PLACED = rectangle(300, 140, 980, 580)
TILTED = np.array([[440, 140], [840, 140], [980, 580], [300, 580]], np.float32)


def view(
    quad_px: QuadPx = WELL_PLACED,
    *,
    cut: bool = False,
    motion: float = 0.0,
    size: tuple[int, int] = (1280, 720),
    **quality: Any,
) -> View:
    return View(
        Detection(quad_px.astype(np.float32), 0.9, cut=cut),
        Stability(motion, 0, 1, 8),
        replace(GOOD, **quality),
        *size,
    )


def wide(share: float) -> QuadPx:
    """A document in the middle, that share of a 1280×720 frame wide."""
    half = share * 1280 / 2
    return rectangle(640 - half, 360 - half * 0.5, 640 + half, 360 + half * 0.5)


FAULTS = [
    pytest.param(view(), None, id="nothing wrong"),
    pytest.param(view(rectangle(-40, 140, 640, 580), cut=True), "PARTLY_OUT_OF_VIEW", id="cut"),
    pytest.param(view(rectangle(-40, -40, 1320, 800), cut=True), "MOVE_BACK", id="cut all round"),
    pytest.param(
        view(rectangle(-40, -40, 1320, 800), cut=True, motion=0.9),
        "PARTLY_OUT_OF_VIEW",
        id="cut while coming in",
    ),
    pytest.param(view(rectangle(4, 20, 1276, 700)), "MOVE_BACK", id="no room"),
    pytest.param(view(rectangle(4, 100, 700, 600)), "CENTER_DOCUMENT", id="at the edge"),
    pytest.param(view(brightness=29), "TOO_DARK", id="dark"),
    pytest.param(view(brightness=85), None, id="a white page"),
    pytest.param(view(brightness=85, contrast=15), "TOO_BRIGHT", id="faded"),
    pytest.param(view(brightness=85, glare=30), "TOO_BRIGHT", id="burnt"),
    pytest.param(view(glare=5), "GLARE", id="a lamp on it"),
    pytest.param(view(wide(0.34)), "MOVE_CLOSER", id="far"),
    pytest.param(view(wide(0.36)), None, id="far but allowed"),
    pytest.param(view(wide(0.5), glyph_height_px=6), "MOVE_CLOSER", id="small print"),
    pytest.param(view(wide(0.85), glyph_height_px=6), None, id="small print, no nearer"),
    pytest.param(view(TILTED), "TILTED", id="tilted"),
    pytest.param(view(score=49), "BLURRED", id="a poor score"),
    pytest.param(view(sharpness=12), "BLURRED", id="blurred"),
    pytest.param(view(sharpness=5, motion=0.4), "HOLD_STILL", id="blurred by motion"),
    pytest.param(view(motion=0.4), None, id="moving but sharp"),
    pytest.param(view(zone_covered=10), "MRZ_COVERED", id="a finger on the zone"),
    pytest.param(view(zone_covered=10, motion=0.4), None, id="the zone is yet to come"),
]


@pytest.mark.parametrize(("seen", "expected"), FAULTS)
def test_faults(seen: View, expected: str | None) -> None:
    assert find_fault(seen, None, SETTINGS) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (view(wide(0.2), cut=True, brightness=5, glare=50, score=5), "PARTLY_OUT_OF_VIEW"),
        (view(wide(0.2), brightness=5, glare=50, score=5), "TOO_DARK"),
        (view(wide(0.2), glare=50, score=5), "GLARE"),
        (view(wide(0.2), score=5), "MOVE_CLOSER"),
        (view(TILTED, score=5), "TILTED"),
    ],
)
def test_the_most_pressing_fault_comes_first(seen: View, expected: str) -> None:
    assert find_fault(seen, None, SETTINGS) == expected


@pytest.mark.parametrize(
    ("code", "inside", "between", "outside"),
    [
        ("TOO_DARK", view(brightness=29.9), view(brightness=30.1), view(brightness=32.5)),
        ("GLARE", view(glare=4.1), view(glare=3.9), view(glare=3.3)),
        ("MOVE_CLOSER", view(wide(0.349)), view(wide(0.351)), view(wide(0.38))),
        ("BLURRED", view(score=49.9), view(score=50.1), view(score=54.1)),
        ("BLURRED", view(sharpness=12.4), view(sharpness=12.6), view(sharpness=13.6)),
        (
            "CENTER_DOCUMENT",
            view(rectangle(9, 100, 700, 600)),
            view(rectangle(12, 100, 700, 600)),
            view(rectangle(20, 100, 700, 600)),
        ),
        (
            "TOO_BRIGHT",
            view(brightness=81, contrast=19),
            view(brightness=81, contrast=21),
            view(brightness=81, contrast=22),
        ),
        (
            "PARTLY_OUT_OF_VIEW",
            view(rectangle(-8, 100, 700, 600), cut=True),
            view(rectangle(2, 100, 700, 600)),
            view(rectangle(24, 100, 700, 600)),
        ),
        (
            "MOVE_BACK",
            view(rectangle(4, 100, 1184, 600)),
            view(rectangle(4, 100, 1178, 600)),
            view(rectangle(40, 100, 1200, 600)),
        ),
        (
            "HOLD_STILL",
            view(sharpness=5, motion=0.151),
            view(sharpness=5, motion=0.149),
            view(motion=0.13),
        ),
        (
            "MRZ_COVERED",
            view(zone_covered=10, motion=0.149),
            view(zone_covered=10, motion=0.151),
            view(zone_covered=10, motion=0.17),
        ),
    ],
)
def test_a_fault_is_over_only_past_a_margin(
    code: str, inside: View, between: View, outside: View
) -> None:
    assert find_fault(inside, None, SETTINGS) == code
    assert find_fault(between, None, SETTINGS) != code
    assert find_fault(between, GuidanceCode(code), SETTINGS) == code
    assert find_fault(outside, GuidanceCode(code), SETTINGS) is None


def leaning(turn_deg: float, long_px: float = 600) -> QuadPx:
    """A document in the middle, turned by that much from lying along the frame."""
    turn = np.deg2rad(turn_deg)
    along = np.array([np.cos(turn), np.sin(turn)]) * long_px / 2
    across = np.array([-np.sin(turn), np.cos(turn)]) * long_px * 0.35
    corners = [-along - across, along - across, along + across, across - along]
    return np.asarray(np.array(corners) + np.array([640, 360]), np.float32)


@pytest.mark.parametrize(
    ("inside", "between", "outside"),
    [
        pytest.param(
            *(view(leaning(turn), glyph_height_px=7.0) for turn in (61, 58, 54)), id="turn"
        ),
        pytest.param(
            *(view(leaning(90), glyph_height_px=height) for height in (7.2, 7.4, 7.9)), id="print"
        ),
    ],
)
def test_a_document_on_its_side_is_turned_only_past_a_margin(
    inside: View, between: View, outside: View
) -> None:
    """What follows is another fault: its print is as small when it lies the right way."""
    rotate = GuidanceCode.ROTATE
    assert find_fault(inside, None, SETTINGS) is rotate
    assert find_fault(between, None, SETTINGS) is not rotate
    assert find_fault(between, rotate, SETTINGS) is rotate
    assert find_fault(outside, rotate, SETTINGS) is not rotate


def test_a_figure_on_the_threshold_does_not_flicker() -> None:
    rng = np.random.default_rng(0)
    said: list[GuidanceCode | None] = [None]
    for noise in rng.normal(0, 0.6, 200):
        said.append(find_fault(view(brightness=30.3 + noise), said[-1], SETTINGS))
    changes = sum(a is not b for a, b in itertools.pairwise(said))
    assert changes <= 2


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080)])
def test_places_are_judged_alike_at_every_resolution(size: tuple[int, int]) -> None:
    scale = size[0] / 1280
    for quad_px, expected in ((wide(0.34), "MOVE_CLOSER"), (WELL_PLACED, None), (TILTED, "TILTED")):
        assert find_fault(view(quad_px * scale, size=size), None, SETTINGS) == expected


@pytest.mark.parametrize(
    ("fault", "cut", "in_view_ms", "expected"),
    [
        (None, False, 0, True),
        ("BLURRED", False, 3999, False),
        ("BLURRED", False, 4000, True),
        ("TOO_DARK", False, 4000, True),
        ("TILTED", False, 9000, True),
        ("MOVE_CLOSER", False, 9000, False),
        ("PARTLY_OUT_OF_VIEW", True, 9000, False),
        ("MOVE_BACK", True, 9000, False),
        ("MOVE_BACK", False, 9000, True),
        ("TOO_DARK", True, 9000, False),
    ],
)
def test_readiness(fault: str | None, cut: bool, in_view_ms: float, expected: bool) -> None:
    code = GuidanceCode(fault) if fault else None
    assert is_ready(code, cut, in_view_ms, SETTINGS) is expected


@pytest.mark.parametrize(
    ("step", "detected", "fault", "now_ms", "expected"),
    [
        (CaptureStep(), False, None, 0, "NO_DOCUMENT"),
        (CaptureStep(), True, "TOO_DARK", 0, "TOO_DARK"),
        (CaptureStep(CaptureState.ALIGNING), True, "TILTED", 0, "TILTED"),
        (CaptureStep(CaptureState.ALIGNING), True, None, 0, "HOLD_STILL"),
        (CaptureStep(CaptureState.ALIGNING), False, None, 0, "NO_DOCUMENT"),
        (CaptureStep(CaptureState.ALIGNING, not_before_ms=900), True, "GLARE", 800,
         "MRZ_NOT_VISIBLE"),
        (CaptureStep(CaptureState.ALIGNING, not_before_ms=900), True, "GLARE", 900, "GLARE"),
        (CaptureStep(CaptureState.SEARCHING, not_before_ms=900), False, None, 0,
         "MRZ_NOT_VISIBLE"),
        (CaptureStep(CaptureState.HOLDING), True, None, 0, "HOLD_STILL"),
        (CaptureStep(CaptureState.CAPTURED), True, "BLURRED", 0, "HOLD_STILL"),
        (CaptureStep(CaptureState.CAPTURED), False, None, 0, "HOLD_STILL"),
        (CaptureStep(CaptureState.READING), True, "TOO_DARK", 0, "READING"),
        (CaptureStep(CaptureState.READING), False, None, 0, "READING"),
        (CaptureStep(CaptureState.DONE, outcome=DocumentStatus.COMPLETE), True, None, 2499,
         "DONE"),
        (CaptureStep(CaptureState.DONE, outcome=DocumentStatus.COMPLETE), True, None, 2500,
         "REMOVE_DOCUMENT"),
        (CaptureStep(CaptureState.DONE, outcome=DocumentStatus.NEEDS_REVIEW), False, None, 10,
         "DONE"),
        (CaptureStep(CaptureState.DONE, outcome=DocumentStatus.FAILED), True, None, 9000,
         "ASK_STAFF"),
    ],
)  # fmt: skip
def test_choosing(
    step: CaptureStep, detected: bool, fault: str | None, now_ms: float, expected: str
) -> None:
    code = GuidanceCode(fault) if fault else None
    assert choose(step, detected, code, now_ms) == expected
