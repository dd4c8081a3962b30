"""A WebSocket whose session another worker has: messages go on to that one, and back, as they come.

Nothing queues here. A client that sends faster than its worker hears, or reads too slowly, is held
up by TCP as it would be without the worker in between, and left where it reads nothing at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass

import aiohttp
from aiohttp import WSCloseCode, WSMessageTypeError, WSMsgType, web

from core.errors import InvalidSession, Overloaded, Unauthorized
from core.http import is_internal
from signaling.access.door import NOTED_ELSEWHERE, keeper_of
from signaling.access.session_tokens import shard_in
from signaling.colleagues import COLLEAGUES
from signaling.keys import REGISTRY

_SEND_S = 10
_LAST_WORDS_S = 2
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
    def refusal(self) -> str | None:
        """The code of the error that the other worker answered with, if it did."""
        code: str | None = json.loads(self.first).get("error_code")
        return code

    async def run(self, ending: asyncio.Event) -> int:
        """Until either side ends, or ``ending`` is set; the code to close the client's socket with.

        Raises Overloaded when the other worker is lost without a word, ConnectionError and
        TimeoutError when the client is.
        """
        await self.client.send_str(self.first)
        there = asyncio.ensure_future(_pump(self.client, self.worker))
        back = asyncio.ensure_future(_pump(self.worker, self.client))
        over = asyncio.ensure_future(_end(ending))
        works = {there, back, over}
        try:
            await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
            if there.done() and there.exception() is not None:
                # The worker takes nothing more: it may have said why.
                await asyncio.wait((back, over), timeout=_LAST_WORDS_S)
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
        code = self.worker.close_code
        if code is not None and code != _ABNORMAL:
            return code
        if ending.is_set():
            return WSCloseCode.GOING_AWAY
        if not self.client.closed:
            raise Overloaded("the way to the session's worker broke off: connect once more", 2)
        return WSCloseCode.OK


async def _end(ending: asyncio.Event) -> None:
    await ending.wait()


async def _pump(source: Socket, target: Socket) -> None:
    """Raises TimeoutError for a target that reads nothing: it would be waited for for ever."""
    async for message in source:
        async with asyncio.timeout(_SEND_S):
            if message.type is WSMsgType.BINARY:
                await target.send_bytes(message.data)
            elif message.type is WSMsgType.TEXT:
                await target.send_str(message.data)


class Passages:
    """Opens the ways of one connection; ``opened`` closes them.

    ``shown``: the credential as an Authorization header has it; ``said``: the init as it came.
    """

    def __init__(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        opened: contextlib.AsyncExitStack,
    ) -> None:
        self._request = request
        self._socket = socket
        self._colleagues = request.app[COLLEAGUES]
        # Nobody could tell any more once the connection is lost.
        self._internal = is_internal(request)
        self._opened = opened

    async def to_keeper(
        self, said: str, session_id: str | None, shown: str | None
    ) -> Passage | None:
        """The way to the worker that has the session, or to that which gave the session token.

        None when both are here, or gone. Raises InvalidSession for a session of another machine,
        and Overloaded for a worker that does not answer: the session may be as it was.
        """
        if self._internal:
            return None
        owner = None
        if session_id is not None:
            owner = self._colleagues.owner(session_id)
            if owner is None and self._lives_here(session_id):
                return None
        for worker in dict.fromkeys((owner, keeper_of(self._request, shown))):
            if worker is None:
                continue
            passage = await self._reach(worker, said)
            if passage is not None and _is_final(passage, worker, shown):
                self._request[NOTED_ELSEWHERE] = True
                return passage
        return None

    async def to_room(self, said: str, shown: str | None) -> Passage | None:
        """The way to a worker that begins a new session, where there is one and the credential is
        good there, which a page's own token is not."""
        if self._internal or shard_in(shown) is not None:
            return None
        for worker in self._colleagues.by_room():
            with contextlib.suppress(Overloaded):
                passage = await self._reach(worker, said)
                if passage is not None and passage.refusal is None:
                    self._request[NOTED_ELSEWHERE] = True
                    return passage
        return None

    def _lives_here(self, session_id: str) -> bool:
        with contextlib.suppress(InvalidSession):
            self._request.app[REGISTRY].get(session_id)
            return True
        return False

    async def _reach(self, worker: int, said: str) -> Passage | None:
        """None when the worker is gone. Raises Overloaded when it does not answer."""
        try:
            way = self._colleagues.socket_to(self._request, worker)
            socket = await self._opened.enter_async_context(way)
            async with self._colleagues.unless_silent(worker):
                await socket.send_str(said)
                return Passage(self._socket, socket, await socket.receive_str())
        except aiohttp.ClientConnectorError:
            return None
        except (aiohttp.ClientError, WSMessageTypeError, ConnectionError, TimeoutError):
            raise Overloaded("the session's worker does not answer: try again", 2) from None


def _is_final(passage: Passage, worker: int, shown: str | None) -> bool:
    """Whether another worker would say the same as this one, which the client then hears."""
    shard = shard_in(shown)
    keeps_token = shard is not None and shard.worker == worker
    if passage.refusal == Unauthorized.code:
        return keeps_token or shard is None
    return keeps_token or passage.refusal != Overloaded.code
