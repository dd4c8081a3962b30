"""Whether the client of a long answer is still there, which aiohttp tells a handler nothing of."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

_LOOK_EVERY_S = 1.0
"""Sooner than an EventSource comes back that was told to wait for two seconds."""


@contextlib.asynccontextmanager
async def while_there(request: web.Request) -> AsyncIterator[None]:
    """Ends what is inside soon after the client has gone: its place is somebody else's then.

    Without it a stream that has nothing to say notes that only when it next says that it is still
    there. Raises ConnectionResetError, as writing to the client would.
    """
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(None)
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal timer
        if request.transport is None:
            limit.reschedule(loop.time())
        else:
            timer = loop.call_later(_LOOK_EVERY_S, look)

    try:
        async with limit:
            look()
            try:
                yield
            finally:
                if timer is not None:
                    timer.cancel()
    except TimeoutError:
        if not limit.expired():
            raise
        raise ConnectionResetError("the client has gone") from None
