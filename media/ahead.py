"""Frames of a document that is still held, read before its picture is taken.

On the thread for what nobody waits for, one at a time for each session, and none while the server
is busy: a reading that is waited for comes first.
"""

from __future__ import annotations

import asyncio
import contextlib

from core.errors import LobbyLensError
from media.slot import LatestSlot
from media.surroundings import Reader, Surroundings
from pipeline.types import CaptureState, Document, Exposure

_HELD = frozenset({CaptureState.HOLDING, CaptureState.CAPTURED})


class ReadingAhead:
    """One session's. Belongs to the event loop."""

    def __init__(self, around: Surroundings, reader: Reader) -> None:
        self._around = around
        self._reader = reader
        self._slot: LatestSlot[Exposure] = LatestSlot()

    def put(self, held: Exposure) -> None:
        """Read these frames, if there is time for it."""
        if self._around.load.analyse_every > 1:
            self._reader.read_ahead(held.id, None)
        else:
            self._slot.put(held)

    def clear(self) -> None:
        """Forget what waits."""
        self._slot.clear()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            # No name is kept here: frames that were read leave the memory.
            await self._try(await self._slot.get())

    async def _try(self, held: Exposure) -> None:
        loop, document = asyncio.get_running_loop(), None
        # The picture's own reading meets the same error, and tells of it.
        with contextlib.suppress(LobbyLensError):
            document = await loop.run_in_executor(self._around.second_looks, self._read, held)
        outcome = "doubtful" if document is None else "certain"
        self._around.metrics.read_ahead.labels(outcome).inc()
        self._reader.read_ahead(held.id, document)

    def _read(self, held: Exposure) -> Document | None:
        if self._reader.state not in _HELD:
            return None  # The thread was busy for too long.
        return self._around.engine.read_ahead(held.develop())
