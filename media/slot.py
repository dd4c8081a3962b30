"""A place for the newest thing: what comes too late to be used is replaced, and counted."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestSlot(Generic[T]):
    """One place, one reader, on one event loop. ``put`` never waits; ``get`` waits for newer.

    With two peers at 30 frames a second and 60 ms of analysis a slot keeps results 61 ms old
    where a queue makes them seconds old (``benchmarks/latency.py`` prints today's figures).
    """

    def __init__(self) -> None:
        self._item: T | None = None
        self._filled = asyncio.Event()
        self.dropped = 0

    def put(self, item: T) -> None:
        if self._item is not None:
            self.dropped += 1
        self._item = item
        self._filled.set()

    def clear(self) -> None:
        """Forget what waits."""
        self._item = None
        self._filled.clear()

    async def get(self) -> T:
        """The newest item; waits while there is none."""
        await self._filled.wait()
        item, self._item = self._item, None
        self._filled.clear()
        assert item is not None, "the slot has one reader"
        return item
