"""Has anything changed before the camera? A desk, or a document, that lies as it lay need not be
searched again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.detect import AT_REST
from pipeline.geometry import farthest_ratio
from pipeline.types import Detection, Detector, Frame, ImageU8, QuadPx

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
_FOLLOWED_MS = 250.0
"""For so long a document that lies still is followed by its edges alone; then the network is asked
again, which may have something else to say."""
_AGREEING = 4
"""Looks that must agree before: the network errs on some, and what follows repeats what it said."""
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


@dataclass(frozen=True, slots=True)
class _Look:
    """What the network found, and in what frame; ``last_px``: where that has been seen since."""

    found: Detection
    size_px: tuple[int, int]
    at_ms: float
    pts_ms: float
    last_px: QuadPx
    agreeing: int
    """Looks in a row that found it at rest, in the same turn, format and zone."""


class LyingDocument:
    """Remembers the document that was last found; one thread at a time.

    Corners are always sought from where the network saw them, so that errors do not add up.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._look: _Look | None = None

    def forget(self) -> None:
        self._look = None

    def follow(self, frame: Frame) -> Detection | None:
        """It, where it plainly lies as it lay; None where a look is due."""
        look = self._look
        if look is None or look.agreeing < _AGREEING or look.size_px != _size_px(frame):
            return None
        # By our clock and the sender's: frames of a film come faster than they were taken, and one
        # of the clocks may stand still.
        for passed_ms in (frame.received_ms - look.at_ms, frame.pts_ms - look.pts_ms):
            if not 0 <= passed_ms < _FOLLOWED_MS:
                return None
        followed = self._detector.follow(frame, look.found)
        if followed is not None:
            self._look = replace(look, last_px=followed.quad_px)
        return followed

    def found(self, frame: Frame, detection: Detection | None) -> None:
        """What a look at the frame found."""
        before, size_px = self._look, _size_px(frame)
        if detection is None:
            self._look = None
            return
        agrees = (
            before is not None
            and before.size_px == size_px
            and before.found.mrtd_format is detection.mrtd_format
            and (before.found.mrz_quad_px is None) is (detection.mrz_quad_px is None)
            and farthest_ratio(before.last_px, detection.quad_px, *size_px) <= AT_REST
        )
        agreeing = 1 + before.agreeing if before and agrees else 1
        self._look = _Look(
            found=detection,
            size_px=size_px,
            at_ms=frame.received_ms,
            pts_ms=frame.pts_ms,
            last_px=detection.quad_px,
            agreeing=agreeing,
        )


class Search:
    """Finds the document. Where nobody has been for a while, only changes are searched: most of a
    lobby's day is an empty desk. One that lies still is followed. One thread at a time."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._scene = StillScene()
        self._lying = LyingDocument(detector)
        self._empty_since_ms: float | None = None
        self._last_ms = 0.0
        self.resting = False
        """Whether no document has been in view for a while."""

    def reset(self) -> None:
        """Forget the scene: the next frame is searched."""
        self._lying.forget()
        self._begin_anew()

    def _begin_anew(self) -> None:
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
        detection = self._lying.follow(frame)
        if detection is None:
            detection = self._detector.detect(frame)
            self._lying.found(frame, detection)
        if detection is not None:
            self._begin_anew()
        elif since_ms is None:
            self._empty_since_ms = now_ms
        return detection


def _cells(luma: ImageU8) -> ImageU8:
    """Mean luma of cells, about 40 across."""
    step = max(1, luma.shape[1] // _SAMPLED_PX)
    samples = np.ascontiguousarray(luma[::step, ::step])
    size = max(1, samples.shape[1] // _CELL), max(1, samples.shape[0] // _CELL)
    return np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_AREA), np.uint8)


def _size_px(frame: Frame) -> tuple[int, int]:
    return frame.width_px, frame.height_px
