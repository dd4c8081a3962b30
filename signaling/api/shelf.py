"""What outlives a session for a few minutes: its card, and that its client has closed it.

Clients of such backends close the session and then fetch the card, or ask for it once more with
the data that they have. So a card stays for `card_ttl_s`; and of a closed session there stays its
id with a keyed digest of what was read, which tells whether data differ from it and nothing else.
In memory, bounded in number, the oldest falls.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from core.errors import NotFound
from core.settings import DoorSettings

_SWEEP_EVERY_S = 5


@dataclass(frozen=True, slots=True)
class _Kept:
    """``value``: a PDF, or a digest; ``until_s`` on the monotonic clock."""

    value: bytes
    until_s: float


class Shelf:
    """Cards by their address's id, digests by session id."""

    def __init__(
        self,
        limits: DoorSettings,
        new_id: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``new_id`` gives secret ids that name their worker."""
        self._limits = limits
        self._new_id = new_id
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._cards: OrderedDict[str, _Kept] = OrderedDict()
        self._closed: OrderedDict[str, _Kept] = OrderedDict()

    def put(self, card: bytes) -> str:
        """Keep a card; gives the secret id under which it is found."""
        card_id = self._new_id()
        self._keep(self._cards, card_id, card)
        return card_id

    def card(self, card_id: str) -> bytes:
        """The PDF. Raises NotFound for an unknown id, and when its time is over."""
        self.sweep()
        if card_id not in self._cards:
            raise NotFound("there is no such document, or its time is over")
        return self._cards[card_id].value

    def close(self, session_id: str, original: Mapping[str, str] | None) -> None:
        """Remember that a client has closed its session, and a digest of what it had read."""
        digest = b"" if original is None else self._digest(original)
        self._keep(self._closed, session_id, digest)

    def was_closed(self, session_id: str) -> bool:
        """Whether this session was closed by its client a short while ago."""
        self.sweep()
        return session_id in self._closed

    def is_as_read(self, session_id: str, data: Mapping[str, str]) -> bool:
        """Whether data are exactly what a closed session had read."""
        kept = self._closed.get(session_id)
        return kept is not None and hmac.compare_digest(kept.value, self._digest(data))

    def clear(self) -> None:
        self._cards.clear()
        self._closed.clear()

    def _digest(self, data: Mapping[str, str]) -> bytes:
        told = {name: value.strip() for name, value in data.items() if value.strip()}
        return hmac.digest(self._key, json.dumps(told, sort_keys=True).encode(), hashlib.sha256)

    def _keep(self, place: OrderedDict[str, _Kept], name: str, value: bytes) -> None:
        self.sweep()
        place[name] = _Kept(value, self._clock() + self._limits.card_ttl_s)
        while len(place) > self._limits.max_cards:
            place.popitem(last=False)

    def sweep(self) -> None:
        """Forget what is over; all live equally long, so that the oldest is first."""
        now_s = self._clock()
        for place in (self._cards, self._closed):
            while place and next(iter(place.values())).until_s <= now_s:
                place.popitem(last=False)

    async def run(self) -> None:
        """Until cancelled: a guest's card goes in time though nobody comes after them."""
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            self.sweep()


SHELF = web.AppKey("shelf", Shelf)
