"""Documents composed over drawn backgrounds, and frames of them."""

from __future__ import annotations

import cv2
import numpy as np

from models.training.backgrounds import drawn
from models.training.face import Face
from models.training.placing import paste
from pipeline.types import Frame, ImageU8, QuadPx

WIDTH, HEIGHT = 1280, 720
HELD = np.array([[330, 130], [960, 160], [940, 600], [350, 575]], np.float32)


def picture(face: Face, quad_px: QuadPx, seed: int) -> ImageU8:
    """The document at `quad_px` over a drawn background, 720×1280×3."""
    grown = cv2.resize(drawn(np.random.default_rng(seed), 256), (WIDTH, WIDTH))
    canvas: ImageU8 = np.ascontiguousarray(cv2.GaussianBlur(grown, (0, 0), 2), np.uint8)
    paste(canvas, face.bgra, face.outline_px, quad_px)
    return np.ascontiguousarray(canvas[:HEIGHT])


def frame_of(bgr: ImageU8) -> Frame:
    def colour(width_px: int | None) -> ImageU8:
        if width_px is None:
            return bgr
        size = (width_px, round(bgr.shape[0] * width_px / bgr.shape[1]))
        return np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)

    luma = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    return Frame(index=0, pts_ms=0.0, received_ms=0.0, luma=luma, colour=colour)
