"""A second look: whether another document lies beside the one that was found.

The network finds one document. With that one painted over it finds the next, if there is one; it
counts when it has a machine-readable zone too, so that a passport's other page, a boarding pass or
a receipt says nothing.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipeline.geometry import area, aspect_ratio, iou
from pipeline.types import Detection, Detector, Frame, ImageU8, QuadPx

LOOK_EVERY = 8
"""Frames from one second look to the next: three a second."""
_SAME = 0.2
"""Two outlines that share this much of their union are one document."""
_LEAST_SHARE = 0.3
"""A document smaller than this share of the first one's area lies in the background."""
_AGREEING = 2
_JOINED_ASPECT = 2.2
"""No format is longer than 1.6 times its height: what is, and has a zone, is two side by side."""


class SecondLook:
    """Looks for another document now and then. One thread at a time."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._wait = self._run = 0
        self._last = self.several = False

    def update(
        self, detector: Detector, frame: Frame, found: Detection | None, *, moving: bool = False
    ) -> bool:
        """Whether several documents are in view; two looks must agree on a change.

        About 5 ms on every eighth frame with a document. News is known after two frames. While the
        document is ``moving`` what is known stands: its outline lags, and what it does not paint
        over looks like another.
        """
        if found is None or found.mrz_quad_px is None:
            self.reset()
            return False
        if moving:
            return self.several
        self._wait -= 1
        if self._wait <= 0:
            now = another(detector, frame, found)
            # What would be news is looked at again at once.
            self._wait = LOOK_EVERY if now is self.several else 1
            self._run = self._run + 1 if now is self._last else 1
            self._last = now
            if self._run >= _AGREEING:
                self.several = now
        return self.several


def another(detector: Detector, frame: Frame, found: Detection) -> bool:
    """Whether the detector finds a second document with a zone beside ``found``.

    Documents that nearly touch it may take for one, which is then too long to be one.
    """
    if aspect_ratio(found.quad_px, frame.width_px, frame.height_px) > _JOINED_ASPECT:
        return True
    second = detector.detect(without(frame, found.quad_px))
    if second is None or second.mrz_quad_px is None:
        return False
    large = area(second.quad_px) >= _LEAST_SHARE * area(found.quad_px)
    return large and iou(second.quad_px, found.quad_px) < _SAME


def without(frame: Frame, quad_px: QuadPx) -> Frame:
    """The frame with an outline painted over in the mean of what surrounds it."""
    luma = frame.luma.copy()
    _paint(luma, quad_px)

    def colour(width_px: int | None) -> ImageU8:
        bgr = frame.bgr(width_px).copy()
        _paint(bgr, quad_px * np.float32(bgr.shape[1] / frame.width_px))
        return bgr

    return replace(frame, luma=luma, colour=colour)


def _paint(image: ImageU8, quad_px: QuadPx) -> None:
    middle = quad_px.mean(axis=0)
    grown = (middle + (quad_px - middle) * np.float32(1.04)).round().astype(np.int32)
    outside = np.full(image.shape[:2], 255, np.uint8)
    cv2.fillConvexPoly(outside, grown, 0)
    cv2.fillConvexPoly(image, grown, cv2.mean(image, outside)[:3])
