"""The classic scanner to compare with: Canny edges, contours, the largest four-cornered one.

Known from Rosebrock's "4 Point OpenCV document scanner" and many libraries since.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.geometry import clockwise
from pipeline.types import ImageU8, QuadPx

_HEIGHT_PX = 500
_LARGEST = 8
_SMALLEST_SHARE = 0.03


def scan(bgr: ImageU8) -> tuple[QuadPx, float] | None:
    """The largest convex four-sided contour: 4×2 float32 pixels of `bgr` and 1.0, or None."""
    scale = _HEIGHT_PX / bgr.shape[0]
    small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (5, 5), 0)
    edges = cv2.dilate(cv2.Canny(grey, 50, 150), np.ones((3, 3), np.uint8))
    contours, _tree = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    smallest = _SMALLEST_SHARE * grey.shape[0] * grey.shape[1]
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:_LARGEST]:
        corners = cv2.approxPolyDP(contour, 0.02 * cv2.arcLength(contour, True), True)
        if len(corners) == 4 and cv2.isContourConvex(corners):
            if cv2.contourArea(corners) < smallest:
                return None
            return clockwise(corners.reshape(4, 2) / scale), 1.0
    return None
