"""``/api/stream/ws``: commands as JSON text, frames as binary messages, an answer to each.

One task hears, one looks at the newest frame, one reads a capture. A client that sends faster than
its frames are looked at is told by ``dropped`` how many were left out; nothing queues.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Annotated, Any, Literal

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import Field, TypeAdapter, ValidationError

from core.auth import Scope, SessionUse
from core.errors import (
    CaptureFailed,
    InvalidMessage,
    InvalidSession,
    LobbyLensError,
    Overloaded,
    RateLimited,
    TooLarge,
    UpgradeRequired,
)
from core.http import BODIES, METRICS, client_address, public
from core.log import session_label
from core.settings import EnhanceSettings
from media.inbound import FORGETS
from media.misfits import first_misfit, misfit
from media.rate import TokenBucket
from media.slot import LatestSlot
from media.state import CloseReason
from media.stream import Arrived, Stream, arrived, attach
from signaling.access.door import (
    AUTHENTICATOR,
    ENDING,
    admit,
    authorization_of,
)
from signaling.access.limits import LIMITS, Rate
from signaling.api.models import CaptureResult, ErrorBody, Given, SessionId
from signaling.api.streams import end_session, greeting, open_stream
from signaling.keys import DOORS, MEDIA, REGISTRY, SURROUNDINGS
from signaling.passage import Passage, Passages

_FIRST_WORD_S = 10
_HEARTBEAT_S = 15
_CLOSE_S = 2
_SEND_S = 10

Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class Init(Given):
    """Begins a session, or goes on with one; ``token``: the server's, where the header cannot
    carry it."""

    action: Literal["init"]
    session_id: SessionId | None = None
    language: Language = "en"
    stable_required: Annotated[int, Field(ge=3, le=60)] | None = None
    token: Annotated[str, Field(max_length=500)] | None = None


class CaptureCommand(Given):
    action: Literal["capture"]
    enhance: EnhanceSettings | None = None


class PingCommand(Given):
    action: Literal["ping"]


class ResetCommand(Given):
    action: Literal["reset"]


class CloseCommand(Given):
    action: Literal["close"]


Command = Annotated[
    Init | CaptureCommand | PingCommand | ResetCommand | CloseCommand,
    Field(discriminator="action"),
]
_command: TypeAdapter[Command] = TypeAdapter(Command, config=FORGETS)


def parse_command(text: str) -> Command:
    """Raises InvalidMessage that names the field and repeats nothing of what was sent."""
    try:
        return _command.validate_json(text)
    except ValidationError as error:
        first = first_misfit(error)
        if first["type"] in ("union_tag_not_found", "dict_type", "json_invalid"):
            raise InvalidMessage(
                "a command is a JSON object with the action init, capture, ping, reset or close",
                "action",
            ) from None
        steps = [str(step) for step in first["loc"][1:]]
        name = steps[0] if steps else "action"
        raise InvalidMessage(misfit(name, first), name) from None


def error_body(error: LobbyLensError, action: str = "error") -> dict[str, Any]:
    body = ErrorBody(error=error.message, error_code=error.code, field=error.field)
    return {"action": action, **body.model_dump(exclude_none=True)}


class Conversation:
    """One WebSocket, from its first word to its last."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._app = request.app
        self._socket = socket
        self._frames: LatestSlot[Arrived] = LatestSlot()
        self._bucket = TokenBucket(self._app[MEDIA].messages_per_s, time.monotonic())
        self._tasks: set[asyncio.Task[Any]] = set()
        self._capturing: asyncio.Task[None] | None = None
        self._said_goodbye = False

    async def run(self) -> None:
        """Until either side ends it; what it started ends with it."""
        code: int = WSCloseCode.OK
        with contextlib.suppress(TimeoutError, ConnectionError):
            try:
                code = await self._run()
            except LobbyLensError as error:
                self._app[METRICS].errors.labels(error.code).inc()
                await self._tell(error_body(error))
        with contextlib.suppress(TimeoutError, ConnectionError):
            # Whoever does not answer a closing handshake is left.
            async with asyncio.timeout(_CLOSE_S):
                await self._socket.close(code=code)

    async def _run(self) -> int:
        """The code to close the socket with."""
        async with contextlib.AsyncExitStack() as opened:
            begun = await self._begin(Passages(self._request, self._socket, opened))
            # From here on it is the number of sessions that bounds what is held.
            self._app[BODIES].give_back(self._request)
            if isinstance(begun, Passage):
                return await begun.run(self._app[ENDING])
            if begun is not None:
                session_label.set(begun.session.label)
                await self._converse(begun)
        return WSCloseCode.OK

    async def _begin(self, passages: Passages) -> Stream | Passage | None:
        """The stream that an init asks for, or the way to the worker that has it; None when the
        client went away before. Raises TimeoutError where it says nothing."""
        async with asyncio.timeout(_FIRST_WORD_S) as first_word:
            while (said := await self._heard()) is not None:
                command = parse_command(said) if isinstance(said, str) else None
                if isinstance(said, str) and isinstance(command, Init):
                    # How long it takes to begin is not the client's.
                    first_word.reschedule(None)
                    return await self._init(command, said, passages)
                if isinstance(command, PingCommand):
                    await self._tell({"action": "pong"})
                    continue
                raise InvalidSession("there is no session yet: send an init first")
        return None

    async def _init(self, command: Init, said: str, passages: Passages) -> Stream | Passage:
        """``said``: the command as it came. Raises what `_open` does."""
        shown = authorization_of(self._request)
        if command.token is not None:
            shown = f"Bearer {command.token}"
        passage = await passages.to_keeper(said, command.session_id, shown)
        if passage is not None:
            return passage
        try:
            stream = await self._open(command)
        except Overloaded:
            passage = await passages.to_room(said, shown)
            if passage is None:
                raise
            return passage
        try:
            await self._tell(self._greeting(stream, resumed=self._resumed))
        except BaseException:
            # It waits for its client to come back.
            stream.session.detach(stream)
            raise
        return stream

    async def _open(self, command: Init) -> Stream:
        """Go on with the session named, or begin one. Raises Unauthorized, Overloaded and
        RateLimited."""
        self._resumed = False
        limits, around = self._app[DOORS], self._app[SURROUNDINGS]
        if command.session_id is not None:
            with contextlib.suppress(InvalidSession):
                session = self._app[REGISTRY].get(command.session_id)
                self._resumed = True
                return attach(session, around, limits)
        token = f"Bearer {command.token}" if command.token is not None else None
        guest = await admit(self._request, Scope.KIOSK, use=SessionUse.SPEND, authorization=token)
        try:
            self._app[LIMITS].take(Rate.OPENINGS, guest, client_address(self._request))
            stream = open_stream(self._app, command.language, command.stable_required)
        except LobbyLensError:
            self._app[AUTHENTICATOR].give_back(guest)
            raise
        # However the connection ends: its session was begun.
        self._app[AUTHENTICATOR].settle(guest)
        return stream

    def _greeting(self, stream: Stream, resumed: bool) -> dict[str, Any]:
        return {"action": "init_ok", "resumed": resumed, **greeting(stream, self._app)}

    async def _converse(self, stream: Stream) -> None:
        first = [self._hear(stream), self._look(stream), stream.ended.wait()]
        waited = [asyncio.ensure_future(work) for work in first]
        self._tasks.update(waited)
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in self._tasks:
                task.cancel()
            ended = await asyncio.gather(*self._tasks, return_exceptions=True)
            taken = stream.ended.is_set()
            stream.session.detach(stream)
        for error in ended:
            if isinstance(error, Exception):
                raise error
        if taken and not self._said_goodbye:
            await self._say_goodbye(stream, stream.reason)

    async def _heard(self) -> str | bytes | None:
        """The next message; None at the end."""
        message = await self._socket.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            data: str | bytes = message.data
            return data
        return None

    async def _hear(self, stream: Stream) -> None:
        while (said := await self._heard()) is not None:
            if isinstance(said, bytes):
                self._frames.put(arrived(said))
                continue
            if not self._bucket.take(time.monotonic()):
                raise RateLimited("too many messages: the connection ends")
            try:
                if len(said) > self._app[MEDIA].max_message_bytes:
                    raise TooLarge("the message is too long")
                if not await self._obey(parse_command(said), stream):
                    return
            except LobbyLensError as error:
                self._app[METRICS].errors.labels(error.code).inc()
                await self._tell(error_body(error))

    async def _obey(self, command: Command, stream: Stream) -> bool:
        """False when this was the last word."""
        match command:
            case Init():
                await self._tell(self._greeting(stream, resumed=True))
            case PingCommand():
                await self._tell({"action": "pong"})
            case ResetCommand():
                if self._frames.newest() is not None:
                    stream.skip()
                stream.reset()
                await self._tell({"action": "reset_ok", "session_id": stream.session.id})
            case CaptureCommand():
                if self._capturing is not None and not self._capturing.done():
                    raise CaptureFailed("a capture is under way: wait for its result")
                self._capturing = asyncio.create_task(self._capture(stream, command))
                self._tasks.add(self._capturing)
                self._capturing.add_done_callback(self._tasks.discard)
            case CloseCommand():
                await end_session(self._app, stream.session)
                await self._say_goodbye(stream, CloseReason.CLIENT)
                return False
        return True

    async def _capture(self, stream: Stream, command: CaptureCommand) -> None:
        try:
            read = await stream.capture(command.enhance)
            told = CaptureResult(session_id=stream.session.id, **dict(read)).model_dump_json()
        except LobbyLensError as error:
            self._app[METRICS].errors.labels(error.code).inc()
            told = json.dumps(error_body(error, "capture_result"))
        with contextlib.suppress(ConnectionError, TimeoutError):
            await self._send(told)

    async def _look(self, stream: Stream) -> None:
        while True:
            try:
                # Without a name, which would keep the picture until the next one comes.
                answer = await stream.look(await self._next(stream))
            except InvalidSession:
                return
            except LobbyLensError as error:
                self._app[METRICS].errors.labels(error.code).inc()
                await self._tell({**error_body(error), "frame": stream.next_index - 1})
                continue
            await self._send(answer.model_dump_json())

    async def _next(self, stream: Stream) -> Arrived:
        frame = await self._frames.get()
        skipped, self._frames.dropped = self._frames.dropped, 0
        if skipped:
            stream.skip(skipped)
        return frame

    async def _say_goodbye(self, stream: Stream, reason: CloseReason | None) -> None:
        self._said_goodbye = True
        why = reason.value if reason else "replaced"
        await self._tell({"action": "closed", "session_id": stream.session.id, "reason": why})

    async def _tell(self, body: dict[str, Any]) -> None:
        await self._send(json.dumps(body))

    async def _send(self, text: str) -> None:
        """Raises ConnectionError, and TimeoutError for a client that reads nothing."""
        async with asyncio.timeout(_SEND_S):
            await self._socket.send_str(text)


@public
async def stream(request: web.Request) -> web.WebSocketResponse:
    """Frames and commands by WebSocket (RFC 6455); it asks for its token in the init."""
    socket = web.WebSocketResponse(
        # Frames are compressed already, and what unpacks could be of any size.
        compress=False,
        heartbeat=_HEARTBEAT_S,
        max_msg_size=request.app[DOORS].max_frame_bytes,
    )
    if not socket.can_prepare(request):
        raise UpgradeRequired("this address speaks WebSocket: connect with an upgrade")
    # A first message may be as long as any, and nobody knows yet whose it is.
    request.app[BODIES].take(request, request.app[DOORS].max_frame_bytes)
    await socket.prepare(request)
    await Conversation(request, socket).run()
    return socket
