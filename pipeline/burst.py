"""The frames of one capture, and the pictures developed from the best of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

from core.errors import CaptureFailed
from core.settings import CaptureSettings
from pipeline.rectify import rectify
from pipeline.types import Capture, Exposure, Shot, Side, Trigger

PAGES = 3
"""Views of the page that a capture holds: the reader combines them, and more add little."""


class Burst:
    """Collects shots; holds at most ``burst_frames`` of them. One thread at a time.

    Shots keep the frame as it was decoded; full colour is asked for only of
    those developed.
    """

    def __init__(self, settings: CaptureSettings) -> None:
        self._settings = settings
        self._shots: list[Shot] = []
        """Best first."""

    def __len__(self) -> int:
        return len(self._shots)

    def __contains__(self, shot: Shot) -> bool:
        """Whether the burst holds this very frame."""
        return any(kept.frame is shot.frame for kept in self._shots)

    def clear(self) -> None:
        self._shots.clear()

    def add(self, shot: Shot) -> None:
        """Keep a shot; of too many the one with the least merit falls."""
        self._shots.append(shot)
        self._shots.sort(key=lambda kept: kept.merit, reverse=True)
        del self._shots[self._settings.burst_frames :]

    @property
    def best(self) -> Shot | None:
        return self._shots[0] if self._shots else None

    def expose(
        self,
        capture_id: str,
        trigger: Trigger,
        side: Side = Side.FRONT,
        next_side: Side | None = None,
    ) -> Exposure:
        """The best shots, to be developed later; the burst is empty afterwards.

        Shots without a document serve only where none has one. Raises CaptureFailed when no
        shot was kept.
        """
        if not self._shots:
            raise CaptureFailed("no picture was taken: hold the document still and try again")
        best = self._shots[:PAGES]
        self.clear()
        best = [shot for shot in best if (shot.detection is None) is (best[0].detection is None)]
        taken = expose(capture_id, trigger, best, self._settings.page_width_px)
        return replace(
            taken,
            develop=lambda: replace(taken.develop(), side=side, next_side=next_side),
            side=side,
            next_side=next_side,
        )

    def develop(self, capture_id: str, trigger: Trigger) -> Capture:
        """The same, developed at once."""
        return self.expose(capture_id, trigger).develop()


def expose(
    capture_id: str, trigger: Trigger, shots: Sequence[Shot], page_width_px: int
) -> Exposure:
    """Shots, at least one, best first, as a picture that is developed when it is asked for."""
    return Exposure(
        id=capture_id,
        quality=shots[0].quality,
        trigger=trigger,
        page_count=len(shots),
        develop=functools.partial(_develop, capture_id, trigger, shots, page_width_px),
    )


def _develop(
    capture_id: str, trigger: Trigger, shots: Sequence[Shot], page_width_px: int
) -> Capture:
    """The shots, best first, as flat pages."""
    pages = [rectify(shot.frame, shot.detection, page_width_px) for shot in shots]
    return Capture(
        id=capture_id,
        pages=tuple(page.bgr for page in pages),
        quality=shots[0].quality,
        trigger=trigger,
        px_per_mm=pages[0].px_per_mm,
        outlined=pages[0].outlined,
    )
