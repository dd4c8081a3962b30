"""From maps to a quad: drawn maps in, known corners out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.corner_maps import agreement, best_outline

GRID = 64
QUAD = np.array([[10.3, 12.6], [50.5, 14.2], [48.9, 44.4], [12.1, 41.7]], np.float32)
Maps = NDArray[np.float32]


def _bump(x: float, y: float, height: float = 12.0) -> Maps:
    """Logits of a Gaussian one cell wide around (x, y)."""
    cells = np.arange(GRID) + 0.5
    square = (cells[None, :] - x) ** 2 + (cells[:, None] - y) ** 2
    return np.asarray(height - square / 2, np.float32)


def _maps(quad: Maps) -> tuple[Maps, Maps, Maps]:
    heat = np.stack([_bump(float(x), float(y)) for x, y in quad])
    mask = np.zeros((GRID, GRID), np.uint8)
    cv2.fillPoly(mask, [np.round((quad - 0.5) * 16).astype(np.int32)], 1, shift=4)
    return heat, np.zeros((8, GRID, GRID), np.float32), np.asarray(mask * 8.0 - 4, np.float32)


def test_sub_cell_places_come_back() -> None:
    outline = best_outline(*_maps(QUAD))
    assert outline is not None
    assert np.abs(outline.quad - QUAD).max() < 0.05
    assert outline.mass > 0.9
    assert outline.agreement > 0.99


def test_offsets_move_the_corners() -> None:
    heat, offset, mask = _maps(QUAD)
    offset[0] = 0.5
    offset[7] = -0.25
    outline = best_outline(heat, offset, mask)
    assert outline is not None
    moved = outline.quad - QUAD
    assert moved[0, 0] == pytest.approx(0.5, abs=0.05)
    assert moved[3, 1] == pytest.approx(-0.25, abs=0.05)


def test_a_second_peak_far_away_does_not_pull_the_average() -> None:
    heat, offset, mask = _maps(QUAD)
    heat[1] = np.logaddexp(heat[1], _bump(20, 55, height=10.5))
    outline = best_outline(heat, offset, mask)
    assert outline is not None
    assert np.abs(outline.quad - QUAD).max() < 0.05


def test_two_maps_on_one_corner_are_resolved_by_the_second_peak() -> None:
    """A document turned by 45 degrees: its top may be called top-left and top-right at once."""
    diamond = np.array([[32, 8], [56, 32], [32, 56], [8, 32]], np.float32)
    heat, offset, mask = _maps(diamond)
    heat[1] = np.logaddexp(heat[1], _bump(32, 8, height=12.8))
    outline = best_outline(heat, offset, mask)
    assert outline is not None
    assert np.abs(outline.quad - diamond).max() < 0.05


def test_crossed_corners_are_no_outline() -> None:
    assert best_outline(*_maps(QUAD[[0, 2, 1, 3]])) is None


def test_all_corners_in_one_place_are_no_outline() -> None:
    assert best_outline(*_maps(np.full((4, 2), 30.0, np.float32))) is None


def test_agreement_of_nothing_with_nothing_is_zero() -> None:
    outside = np.full((4, 2), -50.0, np.float32) + QUAD * 0.1
    assert agreement(outside, np.zeros((GRID, GRID), np.bool_)) == 0


def test_a_mask_of_half_the_quad_halves_the_agreement() -> None:
    quad = np.array([[8, 8], [40, 8], [40, 40], [8, 40]], np.float32)
    inside = np.zeros((GRID, GRID), np.bool_)
    inside[8:40, 8:24] = True
    assert agreement(quad, inside) == pytest.approx(0.5, abs=0.04)
