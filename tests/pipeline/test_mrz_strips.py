"""Strips cut out of a page."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.mrz.strips import STRIP_HEIGHT_PX, cut, ink_of, level


@pytest.mark.parametrize("off_px", [-15, -8, 0, 8, 15])
@pytest.mark.parametrize("slope", [-0.02, 0.0, 0.02])
def test_a_line_beside_its_place_is_brought_back_whole(off_px: int, slope: float) -> None:
    """A row's box that has caught other print lies beside its line: no foot may be cut off."""
    page = np.full((200, 700), 230, np.uint8)
    for x in range(60, 640, 20):
        y = 100 + round(off_px + slope * (x - 350))
        page[y - 10 : y + 10, x : x + 4] = 30
    strip = cut(page, (350, 100), (1.0, 0.0), 1.0, 700, spare_px=16)
    assert strip.shape == (STRIP_HEIGHT_PX + 32, 700)
    ink = level(ink_of(strip), 60, 640)
    assert ink.shape == (STRIP_HEIGHT_PX, 700)
    rows = np.array([(ink[:, x : x + 4].max(axis=1) > 0.5).sum() for x in range(60, 640, 20)])
    assert rows.min() >= 18, "each stroke keeps its height of 20"


@pytest.mark.parametrize("bow_px", [-16, -8, 8, 16])
@pytest.mark.parametrize("slope", [-0.01, 0.0])
def test_a_line_of_a_bent_page_is_made_straight(bow_px: int, slope: float) -> None:
    """Ends that lie lower than the middle, or higher, by up to most of a character."""
    page = np.full((200, 940), 230, np.uint8)
    strokes = range(60, 880, 20)
    for x in strokes:
        y = 100 + round(bow_px * (((x - 470) / 410) ** 2 - 1 / 3) + slope * (x - 470))
        page[y - 10 : y + 10, x : x + 4] = 30
    strip = cut(page, (470, 100), (1.0, 0.0), 1.0, 940, spare_px=16)
    ink = level(ink_of(strip), 60, 880)
    assert ink.shape == (STRIP_HEIGHT_PX, 940)
    tops = [int((ink[:, x : x + 4].max(axis=1) > 0.5).argmax()) for x in strokes]
    assert max(tops) - min(tops) <= 4, f"of {abs(bow_px)} pixels that the ends were off"
