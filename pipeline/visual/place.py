"""Lays a data page upright and to scale, so that places on it are millimetres.

The rows of the machine-readable zone tell which way up the page is, and how large: 10 characters
per 25.4 mm (Doc 9303 Part 3, section 4.2), at the foot of the page. A page that was rectified
fills its picture but for a known margin, which places it better than the rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from pipeline.geometry import SIZE_MM, rectangle
from pipeline.mrz.formats import LAYOUTS
from pipeline.mrz.locate import Band, find_bands
from pipeline.rectify import MARGIN
from pipeline.types import ImageU8, MrtdFormat, QuadPx

PX_PER_MM = 10.0
"""Scale of an upright page: capitals of 2 mm get the 20 pixels that Tesseract reads best."""
_PITCH_MM = 2.54
_MIDDLE_MM = 12.0
"""From the page's lower edge to the middle of the printed lines, roughly: the zone takes the lowest
23.2 mm of every format (Parts 4 to 7, section 3)."""
_BANDS_TRIED = 3
_SAME_PLACE = 0.07
"""A page placed by its rows and by its picture's edges, within this share of its width, is the
rectified one."""
_SAME_ASPECT = 0.03


def upright(page: ImageU8, mrtd_format: MrtdFormat) -> ImageU8 | None:
    """The document alone, upright: H×W×3 (or H×W) uint8, `PX_PER_MM` pixels a millimetre.

    ``page``: a view of the document at any of the four turns, H×W×3 uint8 BGR. None where no rows
    of the format's zone are found on it.
    """
    found = _placed(page, mrtd_format)
    if found is None:
        return None
    view, quad_px = found
    return _flat(view, _snapped(quad_px, view, mrtd_format), mrtd_format)


def turned(page: ImageU8, mrtd_format: MrtdFormat) -> ImageU8 | None:
    """The whole picture, nothing of it cut off, with the page upright; else as ``upright``."""
    found = _placed(page, mrtd_format)
    if found is None:
        return None
    view, quad_px = found
    over = quad_px[0][1] > quad_px[2][1]
    return np.asarray(cv2.rotate(view, cv2.ROTATE_180), np.uint8) if over else view


def both_ways(page: ImageU8, mrtd_format: MrtdFormat) -> tuple[ImageU8, ...]:
    """The page without a zone, as it lies and turned by 180°; empty unless it was rectified.

    Units as of ``upright``. Only print tells which of the two is right.
    """
    if not _is_rectified(page, mrtd_format):
        return ()
    quad_px = _edges(page)
    turns = (quad_px, np.asarray(np.roll(quad_px, -2, axis=0), np.float32))
    return tuple(_flat(page, turn, mrtd_format) for turn in turns)


def _placed(page: ImageU8, mrtd_format: MrtdFormat) -> tuple[ImageU8, QuadPx] | None:
    """The page as it lies or a quarter turned, and its corners there by the rows of its zone."""
    luma = page if page.ndim == 2 else np.asarray(cv2.cvtColor(page, cv2.COLOR_BGR2GRAY), np.uint8)
    for view_luma, view in _views(luma, page):
        quad_px = _by_rows(view_luma, mrtd_format)
        if quad_px is not None:
            return view, quad_px
    return None


def _views(luma: ImageU8, page: ImageU8) -> Iterator[tuple[ImageU8, ImageU8]]:
    yield luma, page
    side = cv2.ROTATE_90_CLOCKWISE
    yield np.asarray(cv2.rotate(luma, side), np.uint8), np.asarray(cv2.rotate(page, side), np.uint8)


def _by_rows(luma: ImageU8, mrtd_format: MrtdFormat) -> QuadPx | None:
    """The document's corners, clockwise from its own top-left, by the rows of its zone.

    The zone is at the page's foot: it lies below the picture's middle where the page is upright.
    """
    layout = LAYOUTS[mrtd_format]
    bands = [band for band in find_bands(luma) if len(band.rows) == layout.line_count]
    for band in bands[:_BANDS_TRIED]:
        pitch_px = _pitch(band, layout.line_length)
        if pitch_px is None:
            continue
        px_per_mm = pitch_px / _PITCH_MM
        middle = np.mean([row.centre_px for row in band.rows], axis=0)
        along = np.mean([row.direction for row in band.rows], axis=0)
        along /= np.linalg.norm(along)
        if middle[1] < luma.shape[0] / 2:
            along = -along
        down = np.array([-along[1], along[0]])
        width_mm, height_mm = SIZE_MM[mrtd_format]
        right = along * px_per_mm * width_mm / 2
        foot = down * px_per_mm * _MIDDLE_MM
        head = foot - down * px_per_mm * height_mm
        corners = [head - right, head + right, foot + right, foot - right]
        return np.asarray([middle + corner for corner in corners], np.float32)
    return None


def _pitch(band: Band, line_length: int) -> float | None:
    """Distance of characters, by the rows' own length where they are as long as the format's."""
    lengths = [row.length_px for row in band.rows]
    counted = [length / row.pitch_px for length, row in zip(lengths, band.rows, strict=True)]
    if not all(0.9 * line_length < count < 1.08 * line_length for count in counted):
        return None
    return band.pitch_px


def _is_rectified(page: ImageU8, mrtd_format: MrtdFormat) -> bool:
    """Whether the picture has the shape that rectifying gives a page of this format."""
    edges = _edges(page)
    width, height = edges[2] - edges[0]
    width_mm, height_mm = SIZE_MM[mrtd_format]
    return bool(abs(width / height / (width_mm / height_mm) - 1) <= _SAME_ASPECT)


def _edges(page: ImageU8) -> QuadPx:
    """The corners of a rectified page within its picture."""
    height, width = page.shape[:2]
    margin = MARGIN * width
    return rectangle(margin, margin, width - margin, height - margin)


def _snapped(quad_px: QuadPx, view: ImageU8, mrtd_format: MrtdFormat) -> QuadPx:
    """The corners that the picture's edges give, where those are the page's."""
    edges = _edges(view)
    turned = quad_px[0][1] > quad_px[2][1]
    edges = np.asarray(np.roll(edges, -2, axis=0), np.float32) if turned else edges
    apart = float(np.abs(edges - quad_px).max())
    return edges if apart <= _SAME_PLACE * float(np.ptp(edges[:, 0])) else quad_px


def _flat(view: ImageU8, quad_px: QuadPx, mrtd_format: MrtdFormat) -> ImageU8:
    width_mm, height_mm = SIZE_MM[mrtd_format]
    size = (round(width_mm * PX_PER_MM), round(height_mm * PX_PER_MM))
    target = rectangle(0, 0, *size)
    matrix = cv2.getPerspectiveTransform(quad_px - np.float32(0.5), target - np.float32(0.5))
    shrinks = float(np.linalg.norm(quad_px[1] - quad_px[0])) > size[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    flat = cv2.warpPerspective(view, matrix, size, flags=method, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(flat, np.uint8)
