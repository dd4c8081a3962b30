"""Has anything changed before the camera? A desk that lies as it lay need not be searched again."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Detection, Detector, Frame, ImageU8

_SAMPLED_PX = 160
"""Width of the grid of samples; a coarse one costs 20 µs where a whole luma plane costs 1 ms."""
_CELL = 4
"""Samples of one cell's side: their mean calms the camera's noise to a quarter."""
_CHANGED = 6
"""Luma steps by which a cell differs that has changed; noise and coding stay below three."""
_LONGEST_MS = 500.0
"""A scene is looked at this often all the same: a detector may be of another mind next time."""
_NOBODY_THERE_MS = 3000.0
"""With nothing in view for this long, a scene that does not change is not searched each time."""
_GAP_MS = 1500.0
"""After so long without a frame nobody knows who has come meanwhile."""
_RESTING_MS = 1000.0
"""With nothing in view for this long, fewer frames will do, even where something moves."""


class StillScene:
    """Remembers the scene that was last looked at; one thread at a time."""

    def __init__(self) -> None:
        self._known: ImageU8 | None = None
        self._looked_ms = 0.0

    def forget(self) -> None:
        self._known = None

    def is_known(self, frame: Frame) -> bool:
        """Whether the frame shows what was last looked at; if not, it counts as looked at now.

        It is compared with that one, never with the frame before, so that what comes in slowly
        is not missed.
        """
        cells = _cells(frame.luma)
        known, now_ms = self._known, frame.received_ms
        unchanged = (
            known is not None
            and known.shape == cells.shape
            and cv2.norm(known, cells, cv2.NORM_INF) <= _CHANGED
        )
        if unchanged and 0 <= now_ms - self._looked_ms < _LONGEST_MS:
            return True
        self._known, self._looked_ms = cells, now_ms
        return False


class Search:
    """Finds the document. Where nobody has been for a while, only changes are searched: most of a
    lobby's day is an empty desk. One thread at a time."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._scene = StillScene()
        self._empty_since_ms: float | None = None
        self._last_ms = 0.0
        self.resting = False
        """Whether no document has been in view for a while."""

    def reset(self) -> None:
        """Forget the scene: the next frame is searched."""
        self._scene.forget()
        self._empty_since_ms = None
        self.resting = False

    def detect(self, frame: Frame) -> Detection | None:
        """The document in the frame."""
        now_ms = frame.received_ms
        if now_ms - self._last_ms > _GAP_MS:
            self.reset()
        self._last_ms, since_ms = now_ms, self._empty_since_ms
        empty_ms = 0.0 if since_ms is None else now_ms - since_ms
        self.resting = empty_ms >= _RESTING_MS
        if empty_ms >= _NOBODY_THERE_MS and self._scene.is_known(frame):
            return None
        detection = self._detector.detect(frame)
        if detection is not None:
            self.reset()
        elif since_ms is None:
            self._empty_since_ms = now_ms
        return detection


def _cells(luma: ImageU8) -> ImageU8:
    """Mean luma of cells, about 40 across."""
    step = max(1, luma.shape[1] // _SAMPLED_PX)
    samples = np.ascontiguousarray(luma[::step, ::step])
    size = max(1, samples.shape[1] // _CELL), max(1, samples.shape[0] // _CELL)
    return np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_AREA), np.uint8)
