"""A session's messages for those who watch it without a channel: a publisher by WHIP, a screen.

Every watcher has a bounded queue. Of overlays only the newest wait; of events, when a watcher reads
too slowly, what a newer one supersedes falls first, and never a result or a confirmation: rather
than lose one of these, the watcher is cut off, and finds it again by the number of the last event
that it has seen.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.errors import Overloaded
from core.metrics import Metrics
from media.messages import Overlay, Pong, ServerMessage
from media.state import CloseReason

_WATCHERS = 4
_WAITING_EVENTS = 64
_WAITING_OVERLAYS = 2
_KEPT_EVENTS = 64
_PRECIOUS = frozenset({"result", "confirmed"})
_SUPERSEDED = frozenset({"state", "guidance", "profile", "card_form", "form"})
"""Kinds of which the newest says all."""
_OF_THE_SESSION = _SUPERSEDED - {"form"}
"""Kinds that say nothing of a guest."""
_AT_FIRST = _SUPERSEDED | _PRECIOUS
"""What somebody who begins to watch is told of the time before."""


@dataclass(frozen=True, slots=True)
class Told:
    """One message as JSON; ``seq`` rises within a session's feed, but not always by one."""

    seq: int
    kind: str
    json: str


class Watcher:
    """One watcher's queue. ``overlays``: whether it wants them."""

    def __init__(self, overlays: bool, metrics: Metrics) -> None:
        self.overlays = overlays
        self._metrics = metrics
        self._waiting: deque[Told] = deque()
        self._arrived = asyncio.Event()
        self.end: str | None = None
        """Why nothing more comes: a close reason's word, or ``slow``."""

    async def get(self) -> Told | None:
        """The next message; None when there is no more, and ``end`` says why."""
        while not self._waiting:
            if self.end is not None:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def put(self, told: Told) -> None:
        """Take a message; where the watcher is slow, an older one falls."""
        if self.end is not None:
            return
        overlay = told.kind == "overlay"
        alike = [old for old in self._waiting if (old.kind == "overlay") is overlay]
        if len(alike) >= (_WAITING_OVERLAYS if overlay else _WAITING_EVENTS):
            fallen = next((old for old in alike if old.kind not in _PRECIOUS), None)
            if fallen is None:
                self.stop("slow")
                return
            self._waiting.remove(fallen)
            self._metrics.messages_skipped.inc()
        self._waiting.append(told)
        self._arrived.set()

    def stop(self, reason: str) -> None:
        """Nothing more comes; what waits is still given out."""
        self.end = self.end or reason
        self._arrived.set()


class Feed:
    """What a session says, for its watchers; in memory, and forgotten with the guest."""

    def __init__(self, session_id: str, metrics: Metrics) -> None:
        self._session_id = session_id
        self._metrics = metrics
        self._seq = 0
        self._kept: list[Told] = []
        self._watchers: set[Watcher] = set()
        self._end: str | None = None

    def event(self, message: ServerMessage) -> None:
        """Tell all watchers, and keep it for those who come later. A pong is nobody else's."""
        if isinstance(message, Pong):
            return
        told = self._stamped(message)
        if told.kind in _SUPERSEDED:
            self._kept = [old for old in self._kept if old.kind != told.kind]
        self._kept.append(told)
        if len(self._kept) > _KEPT_EVENTS:
            self._kept.remove(
                next((old for old in self._kept if old.kind not in _AT_FIRST), self._kept[0])
            )
        for watcher in self._watchers:
            watcher.put(told)

    def overlay(self, message: Overlay) -> None:
        """Tell those who want overlays; kept for nobody."""
        wanting = [watcher for watcher in self._watchers if watcher.overlays]
        if wanting:
            told = self._stamped(message)
            for watcher in wanting:
                watcher.put(told)

    def opening(self, message: ServerMessage) -> Told:
        """What one stream begins with; it is no event of the feed's, and so has number 0."""
        return self._numbered(message, 0)

    def knows(self, kind: str) -> bool:
        """Whether a message of this kind is kept."""
        return any(told.kind == kind for told in self._kept)

    def _stamped(self, message: ServerMessage) -> Told:
        self._seq += 1
        return self._numbered(message, self._seq)

    def _numbered(self, message: ServerMessage, seq: int) -> Told:
        update = {"session_id": self._session_id, "seq": seq, "ts_ms": int(time.time() * 1000)}
        return Told(seq, message.type, message.model_copy(update=update).model_dump_json())

    @contextmanager
    def watch(self, after: int | None, overlays: bool) -> Iterator[Watcher]:
        """A watcher that is told what is kept, then what comes.

        ``after``: the last number that it knows of this feed; None, or one that this feed has not
        come to, for somebody new, who is told how things stand. Raises Overloaded where enough
        watch already.
        """
        if len(self._watchers) >= _WATCHERS:
            raise Overloaded("enough screens watch this session: close one of them", 5)
        watcher = Watcher(overlays, self._metrics)
        known = after if after is not None and after <= self._seq else None
        for told in self._kept:
            if told.kind in _AT_FIRST if known is None else told.seq > known:
                watcher.put(told)
        if self._end is not None:
            watcher.stop(self._end)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def forget(self) -> None:
        """The guest began anew: what was told of the one before is kept no longer."""
        self._kept = [told for told in self._kept if told.kind in _OF_THE_SESSION]

    def close(self, reason: CloseReason) -> None:
        """The session is over: every stream ends, and nothing is kept."""
        self._end = reason.value
        self._kept.clear()
        for watcher in self._watchers:
            watcher.stop(reason.value)
