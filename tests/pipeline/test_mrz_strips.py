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
