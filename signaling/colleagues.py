"""The other workers of this server: requests that are theirs are passed on to them.

A request reaches any worker, as they share one port, and its address names its owner (see
`signaling.shards`). It goes on through a socket in a folder that only this user may enter, as it
came: bodies and answers stream. What came through that socket is never passed on again.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

from core.errors import BadRequest, InvalidSession, LobbyLensError, Overloaded, TooLarge
from core.http import INTERNAL_CLIENT, METRICS, Endpoint, client_address, is_internal
from core.log import Log
from signaling.board import Board
from signaling.presence import while_there
from signaling.shards import Shard, shard_of, worker_of

_log = Log("colleagues")
_CONNECT_S = 2
_ANSWER_S = 30
_HEARTBEAT_S = 15
_GATHERED_S = 5
"""Whoever is slower is left out where all are asked."""
_LOOK_EVERY_S = 1.0
_SILENT_LOOKS = 10
"""A worker whose event loop has not turned between so many looks is waited for no longer; the
supervisor ends it later."""
_MOST_CONNECTIONS = 256
_PIECE_BYTES = 65_536

# Of one connection only (RFC 9110, section 7.6.1).
_HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade", "expect", INTERNAL_CLIENT.lower(),
    # And of its handshake (RFC 6455, section 11.3).
    "sec-websocket-key", "sec-websocket-extensions", "sec-websocket-accept",
    "sec-websocket-protocol", "sec-websocket-version",
}  # fmt: skip


def socket_path(folder: Path, worker: int) -> Path:
    """Where a worker listens to its colleagues."""
    return folder / f"{worker}.sock"


class Colleagues:
    """``shard`` is this worker's own; ``folder`` holds everybody's socket, None for one alone."""

    def __init__(self, shard: Shard, board: Board, folder: Path | None, largest_body: int) -> None:
        self.shard = shard
        self.board = board
        self._folder = folder
        self._largest_body = largest_body
        self._clients: dict[int, aiohttp.ClientSession] = {}

    async def running(self, app: web.Application) -> AsyncIterator[None]:
        """A clean-up context: connections are kept from the first use to the end."""
        yield
        for client in self._clients.values():
            await client.close()

    def others(self) -> list[int]:
        """Workers beside this one that serve now."""
        rows = enumerate(self.board.rows())
        return [number for number, row in rows if row.pid and number != self.shard.worker]

    def owner(self, secret: str) -> int | None:
        """The other worker that a session id or resume token names; None: it is looked up here.

        Raises InvalidSession for one of another machine, which only a balancer can reach.
        """
        shard = shard_of(secret)
        if shard is None or shard == self.shard:
            return None
        if shard.machine != self.shard.machine:
            raise InvalidSession(
                "this session is of another machine: the balancer must route by its address"
            )
        known = self._folder is not None and shard.worker < self.board.workers
        return shard.worker if known else None

    async def pass_on(
        self, request: web.Request, worker: int, body: bytes | None = None
    ) -> web.StreamResponse:
        """The owner's answer. ``body``: of a request that was read here already.

        Raises InvalidSession when the owner is gone, Overloaded when it is silent, TooLarge.
        """
        upload = _Upload(request, self._largest_body)
        try:
            async with self._ask(request, worker, body, upload) as answer:
                return await _relay(request, answer)
        except TimeoutError:
            # First: aiohttp's own are connection errors too, and the session may be as it was.
            raise Overloaded("the session's worker does not answer: try again", 2) from None
        except aiohttp.ClientConnectionError:
            if upload.error is not None:
                raise upload.error from None
            raise InvalidSession("this session ended with its worker: begin a new one") from None

    async def at_the_least_busy(
        self, request: web.Request, body: bytes, here: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Begin a session where there is most room; ``here`` begins it in this worker.

        Raises what ``here`` raises, and Overloaded when nobody takes it.
        """
        placed = is_internal(request) and ADMITTED not in request
        if self._folder is None or placed:
            return await here()
        refused: Overloaded | None = None
        for worker in self.board.by_load():
            try:
                if worker == self.shard.worker:
                    return await here()
                async with self._ask(request, worker, body, None) as answer:
                    if answer.status != web.HTTPServiceUnavailable.status_code:
                        return await _relay(request, answer)
            except Overloaded as error:
                refused = error
            except (aiohttp.ClientConnectionError, TimeoutError):
                _log.warning("x worker does not answer", asked=worker)
        if refused is not None:
            raise refused
        return await here()

    def by_room(self) -> list[int]:
        """The other workers that serve now, the one with most room first."""
        others = self.others()
        return [worker for worker in self.board.by_load() if worker in others]

    def owner_by_label(self, label: str) -> int | None:
        """The other worker whose session is called so; None: it is looked up here."""
        worker = worker_of(label, self.board.workers)
        return None if worker == self.shard.worker or self._folder is None else worker

    async def everywhere(self, request: web.Request) -> dict[int, bytes]:
        """What each other worker that is not silent gives at this address, by its number."""
        workers = self.others()
        found = await asyncio.gather(*(self._own_answer(request, each) for each in workers))
        told = zip(workers, found, strict=True)
        return {worker: body for worker, body in told if body is not None}

    async def _own_answer(self, request: web.Request, worker: int) -> bytes | None:
        try:
            async with (
                asyncio.timeout(_GATHERED_S),
                self._ask(request, worker, None, None, hdrs.METH_GET) as answer,
            ):
                if answer.status == web.HTTPOk.status_code:
                    return await answer.read()
        except (aiohttp.ClientError, TimeoutError):  # It may die in the middle of its answer.
            _log.warning("x worker does not answer", asked=worker)
        return None

    @contextlib.asynccontextmanager
    async def _ask(
        self,
        request: web.Request,
        worker: int,
        body: bytes | None,
        upload: _Upload | None,
        method: str | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        request.app[METRICS].passed_on.inc()
        headers = _end_to_end(request.headers)
        # What a packed body says of its length and form was true before it was read here.
        for name in (hdrs.CONTENT_ENCODING, hdrs.CONTENT_LENGTH) if body is not None else ():
            headers.popall(name, None)
        headers[INTERNAL_CLIENT] = client_address(request)
        streamed = upload.pieces() if upload and body is None and request.can_read_body else None
        asked = self._client(worker).request(
            method or request.method,
            URL(f"http://worker{request.rel_url.raw_path_qs}", encoded=True),
            headers=headers,
            data=body if body is not None else streamed,
            allow_redirects=False,
            # A stream of events is silent for as long as nothing happens.
            timeout=aiohttp.ClientTimeout(
                sock_connect=_CONNECT_S, sock_read=_ANSWER_S if upload is None else None
            ),
        )
        async with contextlib.AsyncExitStack() as stack:
            async with self.unless_silent(worker):
                answer = await stack.enter_async_context(asked)
            yield answer

    @contextlib.asynccontextmanager
    async def socket_to(
        self, request: web.Request, worker: int
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """That worker's WebSocket at the same address, for whoever asked here.

        Raises ClientConnectorError when the worker is gone,
        TimeoutError when it is silent, and ClientError when it refuses.
        """
        assert self._folder is not None
        request.app[METRICS].passed_on.inc()
        headers = _end_to_end(request.headers)
        headers[INTERNAL_CLIENT] = client_address(request)
        # Each for itself: they last, and would take the places of requests.
        connector = aiohttp.UnixConnector(str(socket_path(self._folder, worker)))
        plug: socket.socket | None = None
        try:
            async with aiohttp.ClientSession(connector=connector) as client:
                asked = client.ws_connect(
                    URL(f"http://worker{request.rel_url.raw_path_qs}", encoded=True),
                    headers=headers,
                    heartbeat=_HEARTBEAT_S,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CONNECT_S),
                )
                async with contextlib.AsyncExitStack() as stack:
                    async with self.unless_silent(worker):
                        way = await stack.enter_async_context(asked)
                    plug = way.get_extra_info("socket")
                    yield way
        finally:
            # Closed with something unsent, it would wait for a reader that has gone, and that for
            # it.
            if plug is not None:
                with contextlib.suppress(OSError):
                    plug.shutdown(socket.SHUT_RDWR)

    @contextlib.asynccontextmanager
    async def unless_silent(self, worker: int) -> AsyncIterator[None]:
        """Raises TimeoutError once the worker hangs. No time limit tells that: a large upload, or
        the wait for a reading, may take minutes at a worker that is well."""
        async with asyncio.timeout(None) as limit:
            watching = asyncio.create_task(self._end_when_silent(worker, limit))
            try:
                yield
            finally:
                watching.cancel()

    async def _end_when_silent(self, worker: int, limit: asyncio.Timeout) -> None:
        heard_s, silent = -1.0, 0
        while silent < _SILENT_LOOKS:
            await asyncio.sleep(_LOOK_EVERY_S)
            # Counted in looks, so that it is no silence when this very worker stood still as well.
            before_s, heard_s = heard_s, self.board.row(worker).beat_s
            silent = silent + 1 if heard_s == before_s else 0
        limit.reschedule(asyncio.get_running_loop().time())

    def _client(self, worker: int) -> aiohttp.ClientSession:
        if worker not in self._clients:
            assert self._folder is not None
            path = str(socket_path(self._folder, worker))
            self._clients[worker] = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(path, limit=_MOST_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=(hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING),
            )
        return self._clients[worker]


COLLEAGUES = web.AppKey("colleagues", Colleagues)
ADMITTED = web.RequestKey("admitted by this worker's door", bool)
"""A request that another worker passed on for its credential, not as the one with most room."""


@web.middleware
async def to_owner(request: web.Request, handler: Endpoint) -> web.StreamResponse:
    """Sends a request whose address names a session of another worker there, by its secret id or,
    at the front desk's doors, by its label."""
    session_id, label = (request.match_info.get(name) for name in ("session_id", "label"))
    if is_internal(request) or session_id is label is None:
        return await handler(request)
    colleagues = request.app[COLLEAGUES]
    if session_id is not None:
        worker = colleagues.owner(session_id)
    else:
        worker = colleagues.owner_by_label(str(label))
    if worker is not None:
        return await colleagues.pass_on(request, worker)
    return await handler(request)


class _Upload:
    """A request's body on its way; keeps why it ended early, which the client does not tell."""

    def __init__(self, request: web.Request, limit_bytes: int) -> None:
        self._request = request
        self._limit_bytes = limit_bytes
        self.error: LobbyLensError | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        left = self._limit_bytes
        try:
            async for piece in self._request.content.iter_chunked(_PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    raise TooLarge("the request's body is too long")
                yield piece
        except TooLarge as error:
            self.error = error
            raise
        except (web.RequestPayloadError, ConnectionError):
            self.error = BadRequest("the request's body cannot be read")
            raise self.error from None


def _end_to_end(headers: Iterable[str]) -> CIMultiDict[str]:
    """The headers that are not of one connection only."""
    told: CIMultiDict[str] = CIMultiDict(headers)  # type: ignore[arg-type]
    named = {name.strip().lower() for name in ",".join(told.getall("Connection", [])).split(",")}
    for name in _HOP_BY_HOP | (named - {""}):
        told.popall(name, None)
    return told


async def _relay(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    """Hand a colleague's answer to whoever asked, piece by piece."""
    response = web.StreamResponse(
        status=answer.status, reason=answer.reason, headers=_end_to_end(answer.headers)
    )
    try:
        # Whoever asked may have gone by now: that is no word of the worker's.
        await response.prepare(request)
        async with while_there(request):
            async for piece in answer.content.iter_any():
                await response.write(piece)
        await response.write_eof()
    except (aiohttp.ClientError, ConnectionError):
        # One of the two is gone; the rest of the answer can be told by nothing but an end.
        response.force_close()
        if request.transport is not None:
            request.transport.close()
    return response
