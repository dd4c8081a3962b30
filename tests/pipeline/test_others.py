"""The second look: what counts as another document, and how sure it must be."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from pipeline.geometry import rectangle
from pipeline.others import LOOK_EVERY, SecondLook, another
from pipeline.types import Detection
from tests.pipeline.posed import ScriptedDetector, as_frame

FRAME = as_frame(np.full((720, 1280, 3), 90, np.uint8))


def lying(left: float, width: float = 400, *, zone: bool = True) -> Detection:
    quad_px = rectangle(left, 200, left + width, 200 + width * 0.7)
    mrz = rectangle(left, 200 + width * 0.55, left + width, 200 + width * 0.7)
    return replace(Detection(quad_px, 0.9), mrz_quad_px=mrz if zone else None)


FIRST, SECOND = lying(100), lying(700)


def looks(*found: Detection | None) -> list[bool]:
    """What is told in each frame, when the second looks find these in turn."""
    detector, look = ScriptedDetector(), SecondLook()
    told, calls = [], 0
    for each in found:
        detector.found = each
        while detector.calls == calls:
            told.append(look.update(detector, FRAME, FIRST))
        calls = detector.calls
    return told


def changes(told: list[bool]) -> int:
    return sum(a is not b for a, b in itertools.pairwise(told))


def test_a_second_document_with_a_zone_is_another() -> None:
    assert another(ScriptedDetector(SECOND), FRAME, FIRST)


def test_what_has_no_zone_lies_far_behind_or_is_the_same_says_nothing() -> None:
    for other in (None, lying(700, zone=False), lying(700, 180), lying(140)):
        assert not another(ScriptedDetector(other), FRAME, FIRST)


def test_one_look_that_errs_changes_nothing() -> None:
    assert changes(looks(None, None, SECOND, None, None)) == 0
    together = looks(SECOND, SECOND, None, SECOND, SECOND)
    assert together[-1] and changes(together) == 1


def test_a_change_is_known_with_the_next_frame() -> None:
    told = looks(None, None, SECOND, SECOND)
    assert told[-2:] == [False, True]
    # Once it is known there is no hurry: looking costs as much as finding the document.
    assert len(looks(*[SECOND] * 4)) == 3 + LOOK_EVERY


def test_without_a_document_nothing_is_known() -> None:
    detector, look = ScriptedDetector(SECOND), SecondLook()
    assert [look.update(detector, FRAME, FIRST) for _ in range(2)] == [False, True]
    assert not look.update(detector, FRAME, None)
    assert not look.update(detector, FRAME, FIRST)


def test_in_motion_nobody_looks_and_what_is_known_stands() -> None:
    detector, look = ScriptedDetector(SECOND), SecondLook()
    assert not any(look.update(detector, FRAME, FIRST, moving=True) for _ in range(20))
    assert detector.calls == 0
    assert [look.update(detector, FRAME, FIRST) for _ in range(2)] == [False, True]
    detector.found = None
    assert all(look.update(detector, FRAME, FIRST, moving=True) for _ in range(20))
