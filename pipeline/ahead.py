"""Reading ahead: while the document is still held, a frame of it is already read.

A reading that leaves no doubt ends the burst at its next frame, and is the picture's; one with
doubts is joined by a second frame, and then the burst goes on as if nothing had been read. What
was read is of the document that lies there: whatever is lost, or moves fast or far, may be another.
"""

from __future__ import annotations

import numpy as np

from pipeline.burst import expose
from pipeline.geometry import aligned_to, corner_distances, diagonal_px
from pipeline.types import Detection, Document, Exposure, Frame, Shot, Stability, Trigger

_FROM_STILL = 3
"""Still frames before the first is read: a document that has just come in is seldom sharp."""
_MOST_READ = 2
"""Readings of one run. They take a processor's time that the burst's own reading may need."""
_SLOW = 0.12
"""Frame diagonals per second: a document that comes to rest, or trembles, is slower."""
_FAR = 0.03
"""Frame diagonals that a document may have gone in all since it was read."""
_NEXT_MS = 100.0
"""From one frame of it to the next, by the sender's clock: nobody knows what came between."""
_PAUSE_MS = 400.0
"""Between the first readings of two runs: a hand that trembles begins many."""


class ReadAhead:
    """What of the present run is read, and what came of it. Guarded by its owner's lock."""

    def __init__(self, page_width_px: int) -> None:
        self._page_width_px = page_width_px
        self._run = 0
        self._not_before_ms = float("-inf")
        self._seen_ms = float("-inf")
        self._begin()

    def _begin(self) -> None:
        self._run += 1
        self._count = 0
        self._busy = False
        self._outlived = False
        """What is being read has outlived the run of still frames that it is of."""
        self._shots: tuple[Shot, ...] = ()
        self._certain: Document | None = None

    def forget(self) -> None:
        """A new run: what is being read says nothing of it."""
        if self._count:
            self._begin()

    def watch(self, frame: Frame, detection: Detection | None, stability: Stability) -> None:
        """Take in one frame: what was read, or is being read, is of this document or of none.

        Where the still frames are counted anew, it holds if the document was in view and slow. With
        each run of them two more are read, where nothing is certain or under way.
        """
        passed_ms = frame.pts_ms - self._seen_ms
        if detection is not None:
            self._seen_ms = frame.pts_ms
        slow = 0 < passed_ms <= _NEXT_MS and stability.corner_motion_ratio <= _SLOW
        lost, begins = stability.stable_count == 0, stability.stable_count == 1
        if lost or (begins and not slow) or self._is_far(frame, detection):
            self.forget()
        elif begins and self._busy:
            self._outlived = True
        elif begins and not self.certain:
            self.forget()

    def _is_far(self, frame: Frame, detection: Detection | None) -> bool:
        """By more than one corner: a finger that moves one moves no document."""
        read = self._shots[0] if self._shots else None
        if read is None or read.detection is None or detection is None:
            return False
        before = read.detection.quad_px / diagonal_px(read.frame.width_px, read.frame.height_px)
        now = detection.quad_px / diagonal_px(frame.width_px, frame.height_px)
        return float(np.sort(corner_distances(aligned_to(now, before), before))[2]) > _FAR

    @property
    def certain(self) -> bool:
        """Whether the zone of this run was read beyond doubt."""
        return self._certain is not None

    def offer(self, shot: Shot, still_count: int, now_ms: float) -> Exposure | None:
        """The frames to be read now, the newest first; None while there is nothing to gain.

        The exposure's id names the reading and is owed to ``tell``.
        """
        too_soon = still_count < _FROM_STILL or (not self._count and now_ms < self._not_before_ms)
        if self._busy or self.certain or self._count >= _MOST_READ or too_soon:
            return None
        if not self._count:
            self._not_before_ms = now_ms + _PAUSE_MS
        self._busy, self._count = True, self._count + 1
        self._shots = (shot, *self._shots)
        return expose(str(self._run), Trigger.AUTO, self._shots, self._page_width_px)

    def tell(self, reading_id: str, document: Document | None) -> None:
        """What was read for certain, or None; nothing happens for a run that is over."""
        if self._busy and reading_id == str(self._run):
            self._busy, self._certain = False, document
            if document is None and self._outlived:
                self._begin()

    def taken(self) -> tuple[Document | None, tuple[Shot, ...]]:
        """The certain reading with the frames that it is of, or nothing; and a new run."""
        found = (self._certain, self._shots) if self.certain else (None, ())
        self.forget()
        return found
