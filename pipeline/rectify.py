"""A document seen at an angle -> its page, flat, upright and of a fixed width.

The page is landscape, as every Doc 9303 format is. A detector that knows the document's own
top-left makes it upright; otherwise it may come out upside down, which the reader allows for.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.geometry import (
    SIZE_MM,
    area,
    aspect_ratio,
    homography,
    is_convex,
    landscape,
    rectangle,
    span,
)
from pipeline.types import Detection, Frame, ImageU8, MrtdFormat, QuadPx

MARGIN = 0.015
"""Share of the page's width shown around the document: a corner found a little inside it must
not cut off the zone's first character."""
_SNAP = 0.08
"""An estimated aspect within this share of a known one is taken to be that one."""
_ASPECT_LIMITS = (1.0, 2.0)
_TALLEST = 4
"""Height of a picture without an outline, over the page's width, from which it gets narrower."""
_SHRINK_FROM = 1.5
"""From this many source pixels per page pixel, sampling alone would skip lines of print."""


@dataclass(frozen=True, slots=True)
class Page:
    """A rectified page, H×W×3 uint8 BGR. ``px_per_mm`` is None while the format is not known;
    ``outlined`` is False for a whole frame."""

    bgr: ImageU8
    px_per_mm: float | None
    outlined: bool = True


def rectify(frame: Frame, detection: Detection | None, page_width_px: int) -> Page:
    """The document's page with a small margin, or the whole frame scaled when there is none.

    Asks the frame for its full colour: call it on a worker thread (5 to 15 ms at 720p).
    """
    bgr = frame.bgr()
    if detection is None or not _usable(detection.quad_px):
        return Page(_scaled(bgr, page_width_px), None, outlined=False)
    quad_px, known = landscape(detection.quad_px), detection.mrtd_format
    aspect = page_aspect(quad_px, frame.width_px, frame.height_px, known)
    margin_px = MARGIN * page_width_px
    width_px = page_width_px - 2 * margin_px
    height_px = width_px / aspect
    target = rectangle(margin_px, margin_px, margin_px + width_px, margin_px + height_px)
    size = (page_width_px, round(height_px + 2 * margin_px))
    px_per_mm = width_px / SIZE_MM[known][0] if known else None
    return Page(_warped(bgr, quad_px, target, size), px_per_mm)


def page_aspect(
    quad_px: QuadPx, width_px: int, height_px: int, mrtd_format: MrtdFormat | None = None
) -> float:
    """Width to height of the page: the format's own, or the known one nearest the estimate.

    An estimate far from every known format is kept, within limits: it may be another card.
    """
    if mrtd_format is not None:
        width_mm, height_mm = SIZE_MM[mrtd_format]
        return width_mm / height_mm
    estimate = aspect_ratio(quad_px, width_px, height_px)
    known = [width_mm / height_mm for width_mm, height_mm in SIZE_MM.values()]
    nearest = min(known, key=lambda aspect: abs(aspect - estimate))
    if abs(nearest - estimate) <= _SNAP * nearest:
        return nearest
    return min(max(estimate, _ASPECT_LIMITS[0]), _ASPECT_LIMITS[1])


def _usable(quad_px: QuadPx) -> bool:
    return bool(np.isfinite(quad_px).all()) and is_convex(quad_px) and area(quad_px) >= 1


def _scaled(bgr: ImageU8, width_px: int) -> ImageU8:
    """``width_px`` wide, or less where the picture is a strip: a strip one pixel wide would
    take gigabytes."""
    height, width = bgr.shape[:2]
    scale = min(width_px / width, _TALLEST * width_px / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrinks = scale < 1
    scaled = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(scaled, np.uint8)


def _warped(bgr: ImageU8, quad_px: QuadPx, target: QuadPx, size: tuple[int, int]) -> ImageU8:
    """Bring the document's surroundings to the page's scale, then warp.

    Scaling first lets each direction have its right filter, area averages for reduction and
    cubic for enlargement, at half the cost of a cubic warp.
    """
    bgr, quad_px = _cropped(bgr, quad_px)
    enlargement = span(target).width / span(quad_px).width
    if not 1 / _SHRINK_FROM < enlargement <= 1:
        width = max(1, round(bgr.shape[1] * enlargement))
        height = max(1, round(bgr.shape[0] * enlargement))
        scale = np.array([width / bgr.shape[1], height / bgr.shape[0]], np.float32)
        method = cv2.INTER_CUBIC if enlargement > 1 else cv2.INTER_AREA
        bgr = np.asarray(cv2.resize(bgr, (width, height), interpolation=method), np.uint8)
        quad_px = (quad_px * scale).astype(np.float32)
    # OpenCV counts from pixel centres, quads from pixel edges.
    matrix = homography(quad_px - np.float32(0.5), target - np.float32(0.5))
    flat = cv2.warpPerspective(bgr, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(flat, np.uint8)


def _cropped(bgr: ImageU8, quad_px: QuadPx) -> tuple[ImageU8, QuadPx]:
    """The part of the picture that the page and its margin need."""
    room = 2 * MARGIN * span(quad_px).long_side + 2
    limit = np.array([bgr.shape[1], bgr.shape[0]])
    low = np.clip(np.floor(quad_px.min(axis=0) - room), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(quad_px.max(axis=0) + room), low + 1, limit).astype(int)
    crop = bgr[low[1] : high[1], low[0] : high[0]]
    return crop, (quad_px - low).astype(np.float32)
