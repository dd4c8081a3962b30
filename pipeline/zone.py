"""The machine-readable zone as the camera shows it, before anybody reads it.

The network says about where the zone lies; the band is cut from the document's flat region at a
fixed scale, so that blur, glare and fingers are measured where they matter. Every position of a
zone is printed, with fillers where there is no data (Doc 9303 Part 3, section 4.1): a place in it
without print is covered, or burnt out by light.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.geometry import SIZE_MM, mapped, unit_to
from pipeline.types import ImageU8, MrtdFormat, QuadPx

_ENDS = (0.06, 0.94)
"""Where the lines of every format begin and end, as shares of the document's width: the lines
fill it (Doc 9303 Part 3, section 4.2), however much of them the network could see."""
_TALLEST = 0.5
"""A zone higher than this share of the document is none: that of a TD1 card takes a third."""
_PRINTED_ROW = 0.3
"""Rows with this share of the strongest row's strokes belong to the lines."""
_TWO_LINES = 0.1
"""Height of two lines over their length: 8.9 mm of a passport's 112 mm, and some room."""
_THREE_LINES = 0.23
"""The same of a TD1 card's three."""
_CELLS = 20
"""Cells across the zone: two characters of a passport, half of what a fingertip hides."""
_BARE = 0.3
"""A cell with less than this share of the usual cell's strokes has no print."""
_PLAIN = 1.5
"""Mean stroke (luma steps) under which a whole band shows no print to judge by."""
_BURNT_OUT = 250
_BURNT_CELL = 0.25
"""A cell of which this share is burnt out is bare by light, not by a finger."""


@dataclass(frozen=True, slots=True)
class Zone:
    """``band``: luma of the zone's lines, about 4 pixels per millimetre of a passport, lines
    along x; ``glare``, ``covered``: burnt-out and hidden shares in percent."""

    band: ImageU8
    glare: float
    covered: float


def look_at_zone(
    region: ImageU8,
    inset: float,
    quad_px: QuadPx,
    zone_px: QuadPx | None,
    mrtd_format: MrtdFormat | None,
) -> Zone | None:
    """The zone of a document's flat ``region`` (luma), None where none is known.

    quad_px, zone_px: document and zone in the frame; inset: share of the document cut off at
    each edge of the region.
    """
    if zone_px is None:
        return None
    found = _band(region, inset, quad_px, zone_px)
    if found is None:
        return None
    band, near_top = found
    scale = SIZE_MM[mrtd_format or MrtdFormat.TD3][0] / SIZE_MM[MrtdFormat.TD3][0]
    if scale < 1:
        # Characters are printed at one pitch in every format: one size of them for all.
        small = cv2.resize(band, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        band = np.asarray(small, np.uint8)
    strokes = _strokes(band)
    rows = strokes.mean(axis=1)
    printed = np.flatnonzero(rows >= _PRINTED_ROW * max(float(rows.max()), 1e-6))
    if not printed.size:
        return Zone(band, _burnt(band), 0.0)  # one colour all over, as where light has burnt it out
    top, foot = _outermost(int(printed[0]), int(printed[-1]) + 1, band, near_top, mrtd_format)
    if foot - top < 4 or strokes.mean() < _PLAIN:
        return Zone(band, _burnt(band), 0.0)
    lines = band[top:foot]
    rows_of_cells = 3 if mrtd_format is MrtdFormat.TD1 else 2
    return Zone(lines, _burnt(lines), _covered(lines, strokes[top:foot], rows_of_cells))


def _band(
    region: ImageU8, inset: float, quad_px: QuadPx, zone_px: QuadPx
) -> tuple[ImageU8, bool] | None:
    """The zone with its lines along x, and whether it lies nearer the region's top than its foot.

    The document may stand on its side or head.
    """
    height, width = region.shape
    places = mapped(zone_px, np.asarray(np.linalg.inv(unit_to(quad_px)), np.float64))
    low, high = places.min(axis=0), places.max(axis=0)
    extent = (high - low) * (width, height)
    if extent[0] < extent[1]:
        region, low, high = np.ascontiguousarray(region.T), low[::-1], high[::-1]
        height, width = region.shape
    if not 0 < high[1] - low[1] <= _TALLEST:
        return None
    grown = 1 + 2 * inset
    left, right = ((share * grown - inset) * width for share in _ENDS)
    top, foot = ((share * grown - inset) * height for share in (low[1], high[1]))
    band = region[max(0, int(top)) : int(np.ceil(foot)), max(0, int(left)) : int(np.ceil(right))]
    return (band, bool(low[1] + high[1] < 1)) if min(band.shape) >= 8 else None


def _outermost(
    top: int, foot: int, band: ImageU8, near_top: bool, mrtd_format: MrtdFormat | None
) -> tuple[int, int]:
    """The printed rows without what stands between the lines and the document's middle: where
    the network was generous, the band holds other print as well."""
    share = _THREE_LINES if mrtd_format is MrtdFormat.TD1 else _TWO_LINES
    room = round(share * band.shape[1])
    return (top, min(foot, top + room)) if near_top else (max(top, foot - room), foot)


def _strokes(band: ImageU8) -> NDArray[np.float32]:
    """How much dark print stands out from its surroundings at each pixel, in luma steps."""
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (7, 7))
    return np.asarray(cv2.morphologyEx(band, cv2.MORPH_BLACKHAT, kernel), np.float32)


def _burnt(band: ImageU8) -> float:
    return 100 * float(np.count_nonzero(band >= _BURNT_OUT)) / band.size


def _covered(lines: ImageU8, strokes: NDArray[np.float32], cell_rows: int) -> float:
    """Percent of the zone's cells that show neither print nor burnt-out light.

    A row of cells for each line: fingers reach in from below and hide the lower line first.
    """
    size = (_CELLS, cell_rows)
    ink = np.asarray(cv2.resize(strokes, size, interpolation=cv2.INTER_AREA))
    white = (lines >= _BURNT_OUT).astype(np.float32)
    burnt = np.asarray(cv2.resize(white, size, interpolation=cv2.INTER_AREA)) > _BURNT_CELL
    usual = float(np.percentile(ink, 75))
    bare = (ink < _BARE * usual) & ~burnt
    if cell_rows == 3 and bare[1].all() and not bare[::2].all(axis=1).any():
        # No finger hides all of the middle line and none of the others: this is the space between
        # two lines, of a passport or visa that was taken for a card.
        return _covered(lines, strokes, 2)
    return 100 * float(np.count_nonzero(bare)) / bare.size
