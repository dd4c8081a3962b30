"""A session's messages as server-sent events (WHATWG HTML, section 9.2), for those without a
channel: publishers by WHIP such as OBS and GStreamer, and screens of the staff."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable

from aiohttp import hdrs, web

from core.auth import Scope
from core.errors import InvalidMessage
from core.http import is_internal, public
from media import reports
from media.session import Session
from media.watching import Told, Watcher
from signaling.access.door import admit
from signaling.colleagues import COLLEAGUES
from signaling.keys import REGISTRY, SURROUNDINGS
from signaling.presence import while_there
from signaling.shards import shard_of

_KEEP_ALIVE_S = 15.0
_WRITE_S = 10.0
_AGAIN_MS = 2000
_NUMBER = re.compile(r"[0-9]{1,15}")
_SWITCH = {"1": True, "0": False}


@public
async def events(request: web.Request) -> web.StreamResponse:
    """``GET /api/sessions/{id}/events``: all messages of a session; the id is the secret.

    In place of the id its label will do, for whoever shows the scope ``reader``. ``?overlay=0``
    leaves the overlays out. ``Last-Event-ID`` goes on after that event.
    """
    named = request.match_info["session_id"]
    overlays = _SWITCH.get(request.query.get("overlay", "1"))
    if overlays is None:
        raise InvalidMessage("overlay: send 1 or 0", "overlay")
    registry = request.app[REGISTRY]
    if shard_of(named) is not None:
        session = registry.get(named)
        return await _stream(request, session, overlays, session.id)
    if not is_internal(request):
        await admit(request, Scope.READER)
        # A label that another worker has given out.
        colleagues = request.app[COLLEAGUES]
        worker = colleagues.owner_by_label(named)
        if worker is not None:
            return await colleagues.pass_on(request, worker)
    session = registry.labelled(named)
    return await _stream(request, session, overlays, session.label)


def _after(request: web.Request) -> int | None:
    """The last event that the client has seen; None for none, and for what is no number of ours."""
    told = request.headers.get("Last-Event-ID", "")
    return int(told) if _NUMBER.fullmatch(told) else None


async def begin_stream(request: web.Request) -> web.StreamResponse:
    """A stream of events that has begun; all of the answer to a HEAD (RFC 9110, section 9.3.2)."""
    answer = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    )
    await answer.prepare(request)
    return answer


async def _stream(
    request: web.Request, session: Session, overlays: bool, name: str
) -> web.StreamResponse:
    """``name`` stands wherever a message has the session's id, which gives a guest's rights: who
    watches by the label is given no more than that."""
    if request.method == hdrs.METH_HEAD:
        return await begin_stream(request)
    feed = session.desk.feed
    if not feed.knows("card_form"):
        # A channel's greeting says it; a session without any has not heard of it.
        await session.cards.announce()
    # A watcher who goes away is nothing to tell of.
    with feed.watch(_after(request), overlays) as watcher, contextlib.suppress(ConnectionError):
        answer = await begin_stream(request)
        around, view = request.app[SURROUNDINGS], session.viewing
        ready = reports.ready(
            around.settings, view.stable_required, view.sides_wanted, sorted(around.texts)
        )

        def block(told: Told) -> str:
            return f"data: {told.json.replace(session.id, name)}\n\n"

        try:
            async with while_there(request):
                await _write(answer, f"retry: {_AGAIN_MS}\n\n{block(feed.opening(ready))}")
                await _pour(answer, watcher, block)
        except TimeoutError:
            # It takes nothing any more: a socket's buffer must not hold the stream for ever.
            if request.transport is not None:
                request.transport.abort()
    return answer


async def _pour(answer: web.StreamResponse, watcher: Watcher, block: Callable[[Told], str]) -> None:
    """Every message until the end. Raises TimeoutError for a client that takes nothing."""
    while True:
        try:
            async with asyncio.timeout(_KEEP_ALIVE_S):
                told = await watcher.get()
        except TimeoutError:
            await _write(answer, ": still here\n\n")
            continue
        if told is None:
            break
        # Only what is kept has a number to come back by, so that it stays the last event's.
        named = "" if told.kind == "overlay" else f"id: {told.seq}\n"
        await _write(answer, named + block(told))
    await _write(answer, f"event: end\ndata: {json.dumps({'reason': watcher.end})}\n\n")


async def _write(answer: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(_WRITE_S):
        await answer.write(text.encode())
