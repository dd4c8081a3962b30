"""Tells other systems of captured and confirmed documents, signed.

Form and signature are those of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256
(RFC 2104) over ``ID.TIMESTAMP.BODY``. An event keeps its id through every attempt, which is also
in Idempotency-Key. What waits is in memory, bounded, and lost at a restart.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import random
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import aiohttp

from core.auth import WebhookSettings
from core.log import Log
from media.events import Captured, Event
from media.reports import FLAT_NAMES

_log = Log("webhooks")
_AT_ONCE = 4
_LAST_WORDS_S = 3
_AGAIN = frozenset({408, 409, 425, 429})
"""Below 500, what another attempt may change."""


def signature(keys: Sequence[bytes], event_id: str, timestamp: str, body: bytes) -> str:
    """The header Webhook-Signature: one ``v1,BASE64`` for each key."""
    told = f"{event_id}.{timestamp}.".encode() + body
    digests = (_hmac(key, told) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _hmac(key: bytes, told: bytes) -> bytes:
    return hmac.digest(key, told, hashlib.sha256)


def payload(event: Event, fields: bool, now_s: float) -> dict[str, Any]:
    """``fields``: with guest data; without, ids and states only."""
    document = event.document
    data: dict[str, Any] = {
        "record": event.record,
        "session": event.session,
        "document_id": document.id,
        "status": document.status.value,
        "format": document.format,
    }
    if isinstance(event, Captured):
        name = "document.captured"
        told = {key: field.value or "" for key, field in document.fields.items()}
    else:
        name, told = "document.confirmed", dict(event.fields)
        data["edited"] = list(event.edited)
    if fields:
        data["fields"] = {FLAT_NAMES.get(key, key): value for key, value in told.items()}
        if not isinstance(event, Captured):
            data["actor"] = event.actor
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s))
    return {"type": name, "timestamp": stamp, "data": data}


class Webhooks:
    """``outcomes`` counts deliveries: delivered, refused, given_up, left_out."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._keys = settings.signing_keys
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None
        self.outcomes: Counter[str] = Counter()

    async def start(self) -> None:
        # No proxy that the environment names, no cookie, and no address that a receiver names.
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    def listen(self, event: Event) -> None:
        """Send an event to every address, in the background."""
        if not self._settings.urls or self._http is None:
            return
        told = payload(event, self._settings.payload == "fields", time.time())
        body = json.dumps(told, ensure_ascii=False).encode()
        for url in self._settings.urls:
            if len(self._under_way) >= self._settings.max_pending:
                self.outcomes["left_out"] += 1
                _log.error("webhook left out: too many wait", type=told["type"])
                continue
            event_id = f"evt_{secrets.token_hex(12)}"
            work = asyncio.create_task(self._deliver(self._http, url, event_id, body))
            self._under_way.add(work)
            work.add_done_callback(self._under_way.discard)

    async def _deliver(
        self, http: aiohttp.ClientSession, url: str, event_id: str, body: bytes
    ) -> None:
        outcome = "given_up"
        for attempt in range(self._settings.attempts):
            async with self._turns:
                status, asked_s = await self._send(http, url, event_id, body)
            if 200 <= status < 300:
                outcome = "delivered"
                break
            if 0 < status < 500 and status not in _AGAIN:
                outcome = "refused"
                break
            if attempt + 1 < self._settings.attempts:
                await asyncio.sleep(self._wait_s(attempt, asked_s))
        self.outcomes[outcome] += 1
        if outcome == "delivered":
            _log.debug("webhook delivered", webhook=event_id, attempts=attempt + 1)
        else:
            _log.warning(
                f"webhook {outcome}", webhook=event_id, status=status, attempts=attempt + 1
            )

    def _wait_s(self, attempt: int, asked_s: float) -> float:
        """Doubling, with full jitter, so that many events do not come back at once."""
        most_s = min(self._settings.first_wait_s * 2**attempt, self._settings.max_wait_s)
        return max(random.uniform(0, most_s), min(asked_s, self._settings.max_wait_s))

    async def _send(
        self, http: aiohttp.ClientSession, url: str, event_id: str, body: bytes
    ) -> tuple[int, float]:
        """The answer's status, 0 for none; and the seconds that Retry-After asks for."""
        # Signed anew each time, as receivers refuse what is old.
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "LobbyLens",
            "Webhook-Id": event_id,
            "Webhook-Timestamp": timestamp,
            "Webhook-Signature": signature(self._keys, event_id, timestamp, body),
            "Idempotency-Key": event_id,
        }
        try:
            # What a receiver answers is not read.
            async with http.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                asked = answer.headers.get("Retry-After", "")
                return answer.status, float(asked) if asked.isdecimal() else 0.0
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0, 0.0

    async def close(self) -> None:
        """Attempts under way get a moment to end; the rest is given up."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=_LAST_WORDS_S)
        left = list(self._under_way)
        for work in left:
            work.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if left:
            _log.warning("webhooks given up at the end", count=len(left))
        if self._http is not None:
            with contextlib.suppress(OSError):
                await self._http.close()
