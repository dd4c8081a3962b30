"""What a session's client says on its data channels, and what is done about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol

from core.errors import InvalidMessage, LobbyLensError, RateLimited
from core.settings import MediaSettings
from media import messages
from media.cards import SessionCards
from media.deadlines import Deadlines
from media.desk import Desk
from media.rate import TokenBucket
from media.state import CloseReason
from media.still_chunks import Fit, StillChunks, StillGivenUp, whole
from media.viewing import Viewing

_STILLS_PER_S = 0.5
_STILLS_AT_ONCE = 4
"""More than pictures can be taken and read."""


class Heard(Protocol):
    """What is asked of a session by what its client says."""

    cards: SessionCards
    desk: Desk

    @property
    def viewing(self) -> Viewing: ...
    def close(self, reason: CloseReason) -> None: ...
    def spawn(self, work: Coroutine[None, None, None]) -> object: ...
    def tell(self, error: LobbyLensError) -> None: ...
    async def confirm(self, message: messages.Confirm) -> messages.ConfirmedMessage: ...
    async def receive_still(
        self,
        upload: Callable[[], Awaitable[bytes]],
        picture: str | None,
        over: Callable[[], object],
    ) -> bool: ...


class Hearing:
    """Obeys the messages of one session's client. Belongs to the event loop."""

    def __init__(self, session: Heard, limits: MediaSettings, deadlines: Deadlines) -> None:
        self._session = session
        self._limits = limits
        self._deadlines = deadlines
        now_s = deadlines.heard()
        self._bucket = TokenBucket(limits.messages_per_s, now_s)
        self._stills = TokenBucket(_STILLS_PER_S, now_s, _STILLS_AT_ONCE)
        self._chunks = StillChunks(limits.max_still_bytes)
        self._still_turn = asyncio.Lock()
        """One that was given up has to be out of the way of the one that took its place."""

    def arrived(self, data: str | bytes) -> None:
        """Obey one message. What is wrong with it is told, and ends the session only where there is
        too much of it."""
        now_s = self._deadlines.heard()
        fit = self._chunks.take(data) if isinstance(data, bytes) else Fit.WRONG
        if fit is Fit.PART:
            return
        try:
            if not self._bucket.take(now_s):
                raise RateLimited("too many messages: the session ends")
            if fit is Fit.SMALL:
                return
            self.obey(messages.parse_client_message(data, self._limits.max_message_bytes))
        except RateLimited as flood:
            self._session.tell(flood)
            self._session.close(CloseReason.FLOOD)
        except LobbyLensError as error:
            self._session.tell(error)

    def forget(self) -> None:
        """The client's channels are gone, and with them the rest of what was on its way."""
        self._chunks.forget()

    def obey(self, message: messages.AnyClientMessage) -> None:
        """Raises InvalidMessage, and RateLimited for one still too many."""
        session = self._session
        if not isinstance(message, messages.Ping | messages.FollowProfile):
            self._deadlines.acted()
        match message:
            case messages.Ping():
                session.desk.say(messages.Pong(id=message.id))
            case messages.FollowProfile():
                session.viewing.follows(message)
            case messages.TakePicture():
                session.viewing.take_picture()
            case messages.AnnounceStill():
                self._announced(message)
            case messages.Reset():
                session.desk.reset()
            case messages.Configure():
                session.desk.configure(message)
                if message.card is not None:
                    session.spawn(session.cards.announce(message.card))
            case messages.Confirm():
                session.spawn(self._confirm(message))
            case messages.Close():
                session.close(CloseReason.CLIENT)

    def _announced(self, message: messages.AnnounceStill) -> None:
        now_s = self._deadlines.heard()
        cost = self._chunks.cost(message.size_bytes)
        if not all(self._stills.take(now_s) for _ in range(cost)):
            raise RateLimited("too many stills: the session ends")
        coming = self._chunks.announce(message.size_bytes)
        self._session.spawn(self._receive(coming, message.picture))

    async def _receive(self, coming: asyncio.Future[bytes], picture: str | None) -> None:
        """A still that is not there when its picture is read without it, or forgotten, is let fall:
        the result tells, or there is nothing to tell."""
        wanted = False

        async def upload() -> bytes:
            nonlocal wanted
            wanted = True
            return await whole(coming)

        try:
            async with self._still_turn:
                await self._session.receive_still(upload, picture, over=coming.cancel)
            if not wanted:
                raise InvalidMessage(
                    "no picture awaits this still, or not any more: say `stills` with the offer, "
                    "and announce it while `state` says captured",
                    "picture",
                )
        except StillGivenUp:
            return
        except RateLimited as busy:
            # By HTTP, at the same time: that is no flood.
            self._session.tell(InvalidMessage(busy.message, "picture"))
        except LobbyLensError as error:
            self._session.tell(error)
        finally:
            coming.cancel()

    async def _confirm(self, message: messages.Confirm) -> None:
        session = self._session
        resets = session.viewing.resets
        try:
            session.desk.say(await session.confirm(message))
        except LobbyLensError as error:
            # Of what the guest has left since there is nothing to say.
            if resets == session.viewing.resets:
                session.tell(error)
