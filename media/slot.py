"""A place for the newest thing: what comes too late to be used is replaced, and counted."""

from __future__ import annotations

import asyncio
import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestSlot(Generic[T]):
    """One place, one reader, on one event loop. ``put`` never waits; ``get`` waits for newer.

    ``newest`` may be called on any thread.

    With two peers at 30 frames a second and 60 ms of analysis a slot keeps results 61 ms old
    where a queue makes them seconds old (``benchmarks/latency.py`` prints today's figures).
    """

    def __init__(self) -> None:
        self._item: T | None = None
        self._filled = asyncio.Event()
        self._lock = threading.Lock()
        self.dropped = 0

    def put(self, item: T) -> None:
        with self._lock:
            self.dropped += self._item is not None
            self._item = item
        self._filled.set()

    @property
    def waits(self) -> bool:
        """Whether something is there that nobody has taken."""
        return self._item is not None

    def newest(self) -> T | None:
        """Take what waits, if anything: for a reader that could not begin with its last item."""
        with self._lock:
            item, self._item = self._item, None
        return item

    def clear(self) -> None:
        """Forget what waits."""
        self.newest()
        self._filled.clear()

    async def get(self) -> T:
        """The newest item; waits while there is none."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            if (item := self.newest()) is not None:
                return item
