"""From the corner network's maps to one quad: peaks, sub-cell places, agreement.

Coordinates here are cells of the G×G output grid, continuous, origin at its top-left; the grid
spans the padded square that the network saw. Corners run clockwise from the image's top-left.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.geometry import is_convex, mapped, rectangle, signed_area, unit_to
from pipeline.types import QuadPx

Maps = NDArray[np.float32]

_PEAK_REACH = 2
"""Cells around a peak that count as its mass: a sharp corner puts nearly everything there."""
_AVERAGE_REACH = 4
"""Cells around a peak that are averaged; a second peak farther away must not pull."""
_SECOND_PEAK = 0.15
"""Mass from which a map's second peak is worth trying."""
_ZONE_LOGIT = 0.4
"""From here on a cell is zone: rather a little less of it than one where there is none."""
_LEAST_ZONE_CELLS = 12
"""Fewer cells than this are no zone: the smallest legible one covers some thirty."""
_BEYOND = 0.1
"""Cells this far outside the document (in its own sides) belong to something else."""


@dataclass(frozen=True, slots=True)
class Peak:
    """One candidate for a corner: ``place`` (2,) in cells, ``mass`` 0 to 1 of its map."""

    place: NDArray[np.float32]
    mass: float


@dataclass(frozen=True, slots=True)
class Outline:
    """The best quad of the maps: ``quad`` 4×2 cells; ``mass`` and ``agreement`` 0 to 1.

    cells: how many the grid has on a side.
    """

    quad: QuadPx
    mass: float
    agreement: float
    cells: int


def best_outline(heat: Maps, offset: Maps, mask: Maps) -> Outline | None:
    """The convex quad with the most peak mass and the best agreement with the mask.

    heat 4×G×G logits, offset 8×G×G cells, mask G×G logits. None when no choice of peaks is convex
    and clockwise: two maps may have chosen the same corner of a strongly turned document.
    """
    peaks = [_peaks(heat[k], offset[k], offset[4 + k]) for k in range(4)]
    inside = mask > 0
    best: Outline | None = None
    for choice in itertools.product(*peaks):
        quad = np.stack([peak.place for peak in choice])
        if not is_convex(quad) or signed_area(quad) <= 1.0:
            continue
        mass = float(np.prod([peak.mass for peak in choice]) ** 0.25)
        outline = Outline(quad, mass, agreement(quad, inside), mask.shape[0])
        if best is None or outline.mass * outline.agreement > best.mass * best.agreement:
            best = outline
    return best


def agreement(quad: QuadPx, inside: NDArray[np.bool_]) -> float:
    """Intersection over union of a quad (cells) and a mask (G×G), on the grid, 0 to 1."""
    drawn = np.zeros(inside.shape, np.uint8)
    # Cell (i, j) has its middle at (j + .5, i + .5); OpenCV means the middle by (j, i).
    cv2.fillPoly(drawn, [np.round((quad - 0.5) * 16).astype(np.int32)], 1, shift=4)
    filled = drawn > 0
    union = int(np.count_nonzero(filled | inside))
    return int(np.count_nonzero(filled & inside)) / union if union else 0.0


def zone_within(band: Maps, quad: QuadPx) -> QuadPx | None:
    """The machine-readable zone as a rectangle in the document's own unit square, 4×2 float32.

    band: G×G logits; quad: the document's corners in cells. The rectangle's sides are those of
    the document, its first corner is the one nearest the document's first. None where too few
    cells say that they are zone.
    """
    rows, columns = np.nonzero(band > _ZONE_LOGIT)
    if len(rows) < _LEAST_ZONE_CELLS:
        return None
    cells = np.stack([columns, rows], 1) + 0.5
    places = mapped(cells, np.asarray(np.linalg.inv(unit_to(quad)), np.float64))
    places = places[((places > -_BEYOND) & (places < 1 + _BEYOND)).all(1)]
    if len(places) < _LEAST_ZONE_CELLS:
        return None
    # A few stray cells must not stretch it. Middles of cells are enough: those at the rim are
    # called zone when half of them is, on composed scenes the print ends there.
    (left, top), (right, foot) = np.percentile(places, (2, 98), axis=0)
    return rectangle(left, top, right, foot)


def _peaks(heat: Maps, shift_x: Maps, shift_y: Maps) -> list[Peak]:
    share = np.exp(heat - heat.max())
    share /= share.sum()
    first, row, column = _peak_of(share, shift_x, shift_y)
    if first.mass > 1 - _SECOND_PEAK:
        return [first]
    rest = share.copy()
    rest[_window(row, column, _AVERAGE_REACH, share.shape[0])] = 0
    second, _row, _column = _peak_of(rest, shift_x, shift_y)
    return [first, second] if second.mass > _SECOND_PEAK else [first]


def _peak_of(share: Maps, shift_x: Maps, shift_y: Maps) -> tuple[Peak, int, int]:
    """The strongest peak, averaged in its window, and the cell (row, column) it stands on."""
    row, column = divmod(int(share.argmax()), share.shape[1])
    grid = share.shape[0]
    mass = float(share[_window(row, column, _PEAK_REACH, grid)].sum())
    near = _window(row, column, _AVERAGE_REACH, grid)
    weights = share[near]
    total = max(float(weights.sum()), 1e-9)
    columns = np.arange(near[1].start, near[1].stop, dtype=np.float32) + 0.5
    rows = np.arange(near[0].start, near[0].stop, dtype=np.float32) + 0.5
    x = float((weights * (columns[None, :] + shift_x[near])).sum()) / total
    y = float((weights * (rows[:, None] + shift_y[near])).sum()) / total
    return Peak(np.array([x, y], np.float32), mass), row, column


def _window(row: int, column: int, reach: int, grid: int) -> tuple[slice, slice]:
    return (
        slice(max(0, row - reach), min(grid, row + reach + 1)),
        slice(max(0, column - reach), min(grid, column + reach + 1)),
    )
