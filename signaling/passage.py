"""A WebSocket whose session another worker has: messages go on to that one, and back, as they come.

Nothing queues here. A client that sends faster than its worker hears, or reads too slowly, is held
up by TCP as it would be without the worker in between.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web

from core.errors import InvalidSession, Overloaded

_ABNORMAL = 1006
"""There was no closing handshake (RFC 6455, section 7.4.1)."""

Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


@dataclass(frozen=True, slots=True)
class Passage:
    """``first``: the other worker's answer to the first message, which the client has to hear."""

    client: web.WebSocketResponse
    worker: aiohttp.ClientWebSocketResponse
    first: str

    @property
    def is_full(self) -> bool:
        """Whether the other worker has no room for one more session."""
        told = json.loads(self.first)
        return bool(told.get("error_code") == Overloaded.code)

    async def run(self, ending: asyncio.Event) -> int:
        """Until either side ends, or ``ending`` is set; the code to close the client's socket with.

        Raises InvalidSession when the other worker is gone without a word.
        """
        await self.client.send_str(self.first)
        works = {
            asyncio.ensure_future(_pump(self.client, self.worker)),
            asyncio.ensure_future(_pump(self.worker, self.client)),
            asyncio.ensure_future(_end(ending)),
        }
        try:
            await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
        if self.worker.close_code not in (None, _ABNORMAL):
            return int(self.worker.close_code or WSCloseCode.OK)
        if ending.is_set():
            return WSCloseCode.GOING_AWAY
        if not self.client.closed:
            raise InvalidSession("this session ended with its worker: begin a new one")
        return WSCloseCode.OK


async def _end(ending: asyncio.Event) -> None:
    await ending.wait()


async def _pump(source: Socket, target: Socket) -> None:
    async for message in source:
        if message.type is WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type is WSMsgType.TEXT:
            await target.send_str(message.data)
