"""Tells other systems of captured and confirmed documents, signed.

Form and signature are those of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256
(RFC 2104) over ``ID.TIMESTAMP.BODY``. An event keeps its id through every attempt, which is also
in Idempotency-Key. What waits is in memory, bounded, and lost at a restart, which tells of it;
unless there is a spool, which a restart goes on with (see `signaling.keeping.spool`).
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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from core.auth import WebhookSettings
from core.log import Log
from core.metrics import Metrics
from media.events import BetterPage, Captured, Confirmed, Event, OtherSide
from media.reports import FLAT_NAMES
from signaling.keeping.spool import Found, Spool, Spooled

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


def payload(event: Captured | Confirmed, fields: bool, now_s: float) -> dict[str, Any]:
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


@dataclass(slots=True)
class _Delivery:
    """One event on its way to one address. ``began_s``: monotonic clock; ``attempts``: those made,
    before a restart too."""

    event_id: str
    kind: str
    record: str
    url: str
    body: bytes
    began_s: float
    attempts: int = 0


class Webhooks:
    """What becomes of each delivery is counted in ``metrics``."""

    def __init__(
        self, settings: WebhookSettings, metrics: Metrics, spool: Spool | None = None
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._spool = spool
        self._lanes = {url: asyncio.Lock() for url in settings.urls}
        self._keys = settings.signing_keys
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._under_way: dict[asyncio.Task[None], _Delivery] = {}
        self._http: aiohttp.ClientSession | None = None
        metrics.webhooks_waiting.set_function(lambda: len(self._under_way))
        metrics.webhooks_oldest.set_function(self._oldest_s)

    def _oldest_s(self) -> float:
        # Asked from a thread: the copy is made at one go.
        began_s = [each.began_s for each in list(self._under_way.values())]
        return time.monotonic() - min(began_s) if began_s else 0.0

    async def start(self) -> None:
        """Go on with what a spool has kept. Raises SettingsError for one that cannot be used."""
        found = await self._spool.open() if self._spool is not None else Found()
        # No proxy that the environment names, no cookie, and no address that a receiver names.
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        if found != Found():
            _log.info(
                "webhooks from before the start",
                waiting=len(found.waiting),
                expired=found.expired,
                unreadable=found.unreadable,
            )
        self._metrics.webhooks.labels("expired").inc(found.expired)
        for spooled in found.waiting:
            self._go_on(self._http, spooled)

    def _go_on(self, http: aiohttp.ClientSession, kept: Spooled) -> None:
        if kept.url not in self._lanes:
            self._metrics.webhooks.labels("left_out").inc()
            _log.error("webhook left out: its address is set no more", webhook=kept.event_id)
            assert self._spool is not None
            self._spool.remove(kept.event_id)
        elif len(self._under_way) >= self._settings.max_pending:
            # It stays on disk, and is old enough some day.
            self._metrics.webhooks.labels("left_out").inc()
            _log.error("webhook left for the next start: too many wait", webhook=kept.event_id)
        else:
            began_s = time.monotonic() - max(0.0, time.time() - kept.created_s)
            delivery = _Delivery(
                kept.event_id, kept.type, kept.record, kept.url, kept.sent, began_s, kept.attempts
            )
            self._begin(http, delivery, None)

    def listen(self, event: Event) -> None:
        """Send an event to every address, in the background. A document that gains its other side,
        or a better picture, was told of."""
        if self._http is None or isinstance(event, OtherSide | BetterPage):
            return
        told = payload(event, self._settings.payload == "fields", time.time())
        body = json.dumps(told, ensure_ascii=False).encode()
        created_s = time.time()
        for url in self._settings.urls:
            if len(self._under_way) >= self._settings.max_pending:
                self._metrics.webhooks.labels("left_out").inc()
                _log.error("webhook left out: too many wait", type=told["type"])
                continue
            event_id = f"evt_{secrets.token_hex(12)}"
            delivery = _Delivery(event_id, told["type"], event.record, url, body, time.monotonic())
            written = None
            if self._spool is not None:
                text = base64.b64encode(body).decode()
                written = self._spool.put(
                    Spooled(
                        event_id=event_id,
                        type=delivery.kind,
                        record=delivery.record,
                        url=url,
                        body=text,
                        created_s=created_s,
                    )
                )
            self._begin(self._http, delivery, written)

    def _begin(
        self,
        http: aiohttp.ClientSession,
        delivery: _Delivery,
        written: asyncio.Future[None] | None,
    ) -> None:
        work = asyncio.create_task(self._see_to(http, delivery, written))
        self._under_way[work] = delivery
        work.add_done_callback(self._done)

    def _done(self, work: asyncio.Task[None]) -> None:
        self._under_way.pop(work, None)

    async def _see_to(
        self,
        http: aiohttp.ClientSession,
        delivery: _Delivery,
        written: asyncio.Future[None] | None,
    ) -> None:
        if self._spool is None:
            await self._deliver(http, delivery)
            return
        if written is not None:
            # It is written even where the server ends just now.
            await asyncio.shield(written)
        # One after another, as they came: who waits for a lock gets it in turn.
        async with self._lanes[delivery.url]:
            await self._deliver(http, delivery)
        self._spool.remove(delivery.event_id)

    def _is_too_old(self, delivery: _Delivery) -> bool:
        age_s = time.monotonic() - delivery.began_s
        return self._spool is not None and age_s > self._settings.spool_hours * 3600

    async def _deliver(self, http: aiohttp.ClientSession, delivery: _Delivery) -> None:
        outcome, status = "given_up", 0
        while delivery.attempts < self._settings.attempts:
            if self._is_too_old(delivery):
                outcome = "expired"
                break
            async with self._turns:
                delivery.attempts += 1
                status, asked_s = await self._send(
                    http, delivery.url, delivery.event_id, delivery.body
                )
            if not 200 <= status < 300:
                self._metrics.webhook_failures.inc()
            if 200 <= status < 300:
                outcome = "delivered"
                break
            if 0 < status < 500 and status not in _AGAIN:
                outcome = "refused"
                break
            if delivery.attempts < self._settings.attempts:
                if self._spool is not None:
                    self._spool.count(delivery.event_id, delivery.attempts)
                await asyncio.sleep(self._wait_s(delivery.attempts - 1, asked_s))
        self._metrics.webhooks.labels(outcome).inc()
        told: dict[str, object] = {"webhook": delivery.event_id, "attempts": delivery.attempts}
        if outcome == "delivered":
            _log.debug("webhook delivered", **told)
        else:
            _log.warning(f"webhook {outcome}", record=delivery.record, status=status, **told)

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
        """Attempts under way get a moment to end. What is left is told, one line for each event,
        by ids that open nothing: who did not get it can be told by hand, or asks for the record.
        What a spool has waits there for the next start."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=_LAST_WORDS_S)
        left = dict(self._under_way)
        for work in left:
            work.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        kept = 0
        if self._spool is not None:
            await self._spool.close()
            kept = sum(self._spool.holds(each.event_id) for each in left.values())
        for delivery in left.values():
            if self._spool is not None and self._spool.holds(delivery.event_id):
                self._metrics.webhooks.labels("kept").inc()
                continue
            self._metrics.webhooks.labels("undelivered").inc()
            _log.error(
                "webhook undelivered at the end",
                webhook=delivery.event_id,
                type=delivery.kind,
                record=delivery.record,
                attempts=delivery.attempts,
                age_s=round(time.monotonic() - delivery.began_s),
            )
        if kept:
            _log.info("webhooks kept for the next start", count=kept)
        if len(left) > kept:
            _log.error("webhooks undelivered at the end", count=len(left) - kept)
        if self._http is not None:
            with contextlib.suppress(OSError):
                await self._http.close()
