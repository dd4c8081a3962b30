"""What a drawn document is: its pixels, its true outline, its kind.

Pixels and outlines share an origin at the top-left of the drawing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.drawing import Pixels

KINDS = ("td1", "td2", "td3", "other")
"""What the network tells apart; a face's `kind` is an index into this."""

LONG_SIDE_PX = 400


@dataclass(frozen=True, slots=True)
class Face:
    """One document seen straight from above.

    bgra: H×W×4 uint8; alpha is the shape (rounded corners, both pages of a booklet).
    outline_px: 4×2 float32 in pixels of `bgra`, clockwise from the document's own top-left; of
        an open booklet the data page alone. Rounded corners: where the straight edges meet.
    kind: index into `KINDS`.
    upright: whether the print tells which corner is the top-left.
    width_mm: length of the outline's upper edge.
    band_px: 4×2 float32, the machine-readable zone's print, clockwise from its own top-left, or
        None where there is none.
    """

    bgra: Pixels
    outline_px: NDArray[np.float32]
    kind: int
    upright: bool
    width_mm: float
    band_px: NDArray[np.float32] | None = None


def shaped(image: Pixels, radius_px: float) -> Pixels:
    """Add the alpha channel of a rectangle with rounded corners."""
    h, w = image.shape[:2]
    mask = np.zeros((h * 3, w * 3), np.uint8)
    r = int(radius_px * 3)
    cv2.rectangle(mask, (r, 0), (w * 3 - 1 - r, h * 3 - 1), 255, -1)
    cv2.rectangle(mask, (0, r), (w * 3 - 1, h * 3 - 1 - r), 255, -1)
    for x in (r, w * 3 - 1 - r):
        for y in (r, h * 3 - 1 - r):
            cv2.circle(mask, (x, y), r, 255, -1)
    small = cv2.resize(mask, (w, h), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.dstack([image, small]))


def whole(image: Pixels, radius_px: float, kind: str, upright: bool, width_mm: float) -> Face:
    """A face whose outline is the whole drawing, its corners rounded by `radius_px`."""
    h, w = image.shape[:2]
    outline = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    return Face(shaped(image, radius_px), outline, KINDS.index(kind), upright, width_mm)


def canvas_px(width_mm: float, height_mm: float) -> tuple[int, int, float]:
    """Height and width in pixels of a drawing of this size, and its pixels per millimetre."""
    scale = LONG_SIDE_PX / max(width_mm, height_mm)
    return round(height_mm * scale), round(width_mm * scale), scale
