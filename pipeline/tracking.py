"""One document from frame to frame: an outline that neither trembles nor lags.

Each corner goes through a One Euro filter (G. Casiez, N. Roussel, D. Vogel, "1€ Filter: a simple
speed-based low-pass filter for noisy input in interactive systems", CHI 2012): a low-pass whose
cut-off rises with speed, so that a still document is calm and a moving one is followed. What the
network says of turn and format is a vote over the last frames.

For showing only: pictures are cut out by the detector's own corners.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np

from pipeline.geometry import (
    aligned_to,
    corner_distances,
    diagonal_px,
    homography,
    mapped,
    turned,
)
from pipeline.types import Detection, MrtdFormat, QuadPx

_CALM_HZ = 0.5
"""Cut-off for a document at rest: at 24 frames a second jitter shrinks to a quarter."""
_HZ_PER_SPEED = 26.0
"""What a frame diagonal per second adds to the cut-off: at half of one, a lag of a third of a
frame."""
_SPEED_HZ = 3.0
"""Cut-off of the speed's own filter."""
_MAX_GAP_MS = 500.0
_JUMP = 0.12
"""Corners that all move farther between two frames (in diagonals) belong to something new."""
_FORGET = 0.85
"""What is left of a vote after one frame."""
_LEAD = 1.5
"""How much stronger another turn's vote must be before the outline is turned."""


def _share(cutoff_hz: float, step_s: float) -> float:
    """How much of a new value a first-order low-pass takes over after `step_s`."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step_s))


class DocumentTrack:
    """Follows one document; one thread at a time. Corners are kept in frame diagonals."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the document."""
        self._quad: QuadPx | None = None
        self._raw: QuadPx = np.zeros((4, 2), np.float32)
        self._speed: QuadPx = np.zeros((4, 2), np.float32)
        self._pts_ms = 0.0
        self._turns = np.zeros(4)
        self._formats: Counter[MrtdFormat | None] = Counter()

    def update(
        self, found: Detection | None, width_px: int, height_px: int, pts_ms: float
    ) -> Detection | None:
        """The detection as it should be shown: calm corners, steady turn and format.

        ``pts_ms`` is the sender's clock. Without a detection nothing is shown and nothing is
        forgotten; after half a second, or a jump, the track begins anew.
        """
        if found is None:
            return None
        scale = np.float32(diagonal_px(width_px, height_px))
        raw = (found.quad_px / scale).astype(np.float32)
        step_s = (pts_ms - self._pts_ms) / 1000
        if self._quad is None or not 0 <= step_s * 1000 <= _MAX_GAP_MS or self._jumped(raw):
            self.reset()
            self._quad, self._raw = raw, raw
        else:
            raw = self._voted(raw, self._quad)
            if step_s > 0:
                self._follow(raw, step_s)
        self._pts_ms = pts_ms
        for known in self._formats:
            self._formats[known] *= _FORGET  # type: ignore[assignment]
        self._formats[found.mrtd_format] += 1
        quad_px = (self._quad * scale).astype(np.float32)
        region = found.mrz_quad_px
        if region is not None:
            region = mapped(region, homography(aligned_to(found.quad_px, quad_px), quad_px))
        return replace(
            found,
            quad_px=quad_px,
            mrtd_format=self._formats.most_common(1)[0][0],
            mrz_quad_px=region,
        )

    def _jumped(self, raw: QuadPx) -> bool:
        return bool(corner_distances(aligned_to(raw, self._raw), self._raw).min() > _JUMP)

    def _voted(self, raw: QuadPx, before: QuadPx) -> QuadPx:
        """The corners in the track's own order; the track is turned where the vote says so."""
        aligned = aligned_to(raw, before)
        places = next(k for k in range(4) if np.array_equal(turned(aligned, k), raw))
        self._turns *= _FORGET
        self._turns[places] += 1
        winner = int(self._turns.argmax())
        if winner and self._turns[winner] > _LEAD * self._turns[0]:
            self._quad, self._raw, self._speed, aligned = (
                turned(part, winner) for part in (before, self._raw, self._speed, aligned)
            )
            self._turns = np.roll(self._turns, -winner)
        return aligned

    def _follow(self, raw: QuadPx, step_s: float) -> None:
        if self._quad is None:
            return
        speed = (raw - self._raw) / np.float32(step_s)
        self._speed += np.float32(_share(_SPEED_HZ, step_s)) * (speed - self._speed)
        # The median corner: a finger that moves one corner moves no document.
        pace = float(np.median(np.hypot(self._speed[:, 0], self._speed[:, 1])))
        share = _share(_CALM_HZ + _HZ_PER_SPEED * pace, step_s)
        self._quad = (self._quad + np.float32(share) * (raw - self._quad)).astype(np.float32)
        self._raw = raw
