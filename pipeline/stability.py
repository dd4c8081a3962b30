"""How still a document is held: Detections over time -> Stability.

Corners are kept in frame diagonals, so that neither the frame's size nor a change of it in
mid-call matters. A document is still while every corner stays within the tolerance of an
*anchor*: the mean of the first few corners since it came to rest. The anchor then stays put, so a
slow drift leaves it behind sooner or later and the count starts again.

One doubtful frame (no detection, or a single corner that jumps while the others stay) is
forgiven: it neither counts nor starts over. The second in a row starts over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidMessage
from core.settings import StabilitySettings
from pipeline.geometry import aligned_to, corner_distances, diagonal_px
from pipeline.types import Detection, QuadPx, Stability

_ANCHOR_FRAMES = 3
"""Detections averaged into the anchor: enough to calm jitter, too few to follow a drift."""
_MAX_GAP_MS = 1000.0
"""Two detections further apart than this say nothing about what happened between them."""
_FORGIVEN_FRAMES = 1
_REQUIRED_LIMITS = (3, 60)
"""Fewest and most still frames that a client may ask for."""


def check_required(count: int) -> None:
    """Raises InvalidMessage for a number of still frames that a client may not ask for."""
    low, high = _REQUIRED_LIMITS
    if isinstance(count, bool) or not low <= count <= high:
        raise InvalidMessage(
            f"stable_required is a number from {low} to {high}", field="stable_required"
        )


@dataclass(frozen=True, slots=True)
class _Sight:
    """Corners in frame diagonals at a moment of the sender's clock."""

    quad: NDArray[np.float32]
    pts_ms: float


class StabilityTracker:
    """Watches one document; one thread at a time."""

    def __init__(self, settings: StabilitySettings) -> None:
        self._tolerance = settings.tolerance
        self._required = settings.frames
        self._forget()

    @property
    def required(self) -> int:
        """Still frames in a row that make a document stable; may be changed at any time."""
        return self._required

    @required.setter
    def required(self, frames: int) -> None:
        self._required = frames

    @property
    def counted(self) -> bool:
        """Whether the last frame counts as still; the first at a new place does."""
        return self._counted

    def reset(self) -> None:
        """Forget the document."""
        self._forget()

    def update(
        self, detection: Detection | None, width_px: int, height_px: int, pts_ms: float
    ) -> Stability:
        """Take in one frame. ``pts_ms`` is the sender's clock; it may stand still or jump."""
        self._counted = False
        if detection is None:
            self._doubt()
            return self._stability()
        quad = (detection.quad_px / diagonal_px(width_px, height_px)).astype(np.float32)
        gap_ms = pts_ms - self._last.pts_ms if self._last else 0.0
        if not 0 <= gap_ms <= _MAX_GAP_MS:
            self._forget()
        self._measure_motion(quad, pts_ms)
        self._compare(quad, pts_ms)
        return self._stability()

    def _forget(self) -> None:
        self._last: _Sight | None = None
        self._motion = 0.0
        self._start_over()

    def _start_over(self) -> None:
        self._anchor: QuadPx | None = None
        self._count = 0
        self._counted = False
        self._doubts = 0
        self._still_since_ms = 0.0
        self._still_until_ms = 0.0

    def _measure_motion(self, quad: QuadPx, pts_ms: float) -> None:
        """Mean corner speed between two detections. Equal clocks keep the former speed."""
        if self._last is not None and pts_ms > self._last.pts_ms:
            moved = corner_distances(aligned_to(quad, self._last.quad), self._last.quad)
            self._motion = float(moved.mean()) * 1000 / (pts_ms - self._last.pts_ms)
        self._last = _Sight(quad, pts_ms)

    def _compare(self, quad: QuadPx, pts_ms: float) -> None:
        if self._anchor is None:
            self._rest_at(quad, pts_ms)
            return
        quad = aligned_to(quad, self._anchor)
        third, worst = np.sort(corner_distances(quad, self._anchor))[2:]
        if worst <= self._tolerance:
            self._stay(quad, pts_ms)
        elif third <= self._tolerance and self._doubts < _FORGIVEN_FRAMES:
            # A body that moves takes at least two corners with it.
            self._doubts += 1
        else:
            self._rest_at(quad, pts_ms)

    def _rest_at(self, quad: QuadPx, pts_ms: float) -> None:
        self._start_over()
        self._anchor = quad
        self._count = 1
        self._counted = True
        self._still_since_ms = self._still_until_ms = pts_ms

    def _stay(self, quad: QuadPx, pts_ms: float) -> None:
        self._doubts = 0
        self._count += 1
        self._counted = True
        self._still_until_ms = pts_ms
        if self._anchor is not None and self._count <= _ANCHOR_FRAMES:
            self._anchor = (self._anchor + (quad - self._anchor) / self._count).astype(np.float32)

    def _doubt(self) -> None:
        self._doubts += 1
        if self._doubts > _FORGIVEN_FRAMES:
            self._forget()

    def _stability(self) -> Stability:
        return Stability(
            corner_motion_ratio=self._motion,
            still_ms=self._still_until_ms - self._still_since_ms,
            stable_count=self._count,
            stable_required=self._required,
        )
