"""One capture session and all its tasks, start to end.

A session outlives its peer: a browser that lost its network comes back with a new peer
connection and finds its captures again. ``run`` is the whole life; whatever the session starts
belongs to the one TaskGroup in it, so nothing can remain.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial

from aiortc.rtcdatachannel import RTCDataChannel

from core.errors import InvalidSession, LobbyLensError
from core.log import Log, session_label
from media import messages, reports
from media.cards import SessionCards
from media.channels import Channels, Outlet
from media.deadlines import Deadlines
from media.desk import Desk
from media.hearing import Hearing
from media.ingest import drain
from media.offers import OfferCount
from media.peer import Peer, PeerSettings
from media.review import Reviews
from media.state import CloseReason, SessionState, StateDoor
from media.surroundings import Surroundings
from media.viewing import Viewing
from pipeline.types import Frame

_log = Log("session")
_CHANNEL_GRACE_S = 0.3
_WATCH_EVERY_S = 0.2
_MAX_CHANNELS = 16


class Session:
    """``id`` is a secret: whoever knows it may act on the session. ``label`` opens nothing.

    ``connections`` counts the peers that were connected so far.
    """

    def __init__(self, session_id: str, label: str, around: Surroundings, language: str) -> None:
        self.id = session_id
        self.label = label
        self._around = around
        self._limits = around.settings
        self._reviews = Reviews()
        self._channels = Channels(session_id, around.metrics)
        self.cards = SessionCards(around, self._channels, self.tell)
        self._door = StateDoor(self._state_moved)
        self._peer: Peer | None = None
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = asyncio.Event()
        self._ending = asyncio.Event()
        self._reason = CloseReason.CRASH
        self.connections = 0
        self._offers = OfferCount()
        self._channel_count = 0
        self._deadlines = Deadlines(around.settings)
        self._viewing = Viewing(
            around,
            self._channels,
            self._reviews,
            language=language,
            tell=self.tell,
            moved=self._send_state,
        )
        self.desk = Desk(self._channels, self._viewing, self._reviews)
        self._hearing = Hearing(self, around.settings, self._deadlines)

    # Life

    async def run(self) -> CloseReason:
        """Live until closed; returns why. Cancelling it ends the session too."""
        session_label.set(self.label)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self.spawn(self._viewing.looks.run())
                self.spawn(self._viewing.read())
                self.spawn(self._viewing.corroborate())
                self.spawn(self._watch())
                self._ready.set()
                await self._ending.wait()
                for task in self._tasks:
                    task.cancel()
        except* Exception as crash:
            self._reason = CloseReason.CRASH
            for error in crash.exceptions:
                _log.crash("session crashed", error)
        finally:
            await self._end()
        return self._reason

    async def _end(self) -> None:
        self._group = None
        self._ready.set()
        self._ending.set()
        self._door.move(SessionState.CLOSED)
        self._viewing.end()
        peer, self._peer = self._peer, None
        if peer is not None:
            await peer.close()
        self._channels.clear(self._reason)
        self.desk.close()

    def close(self, reason: CloseReason) -> None:
        """Begin to end; the first reason stands."""
        if not self._ending.is_set():
            self._reason = reason
            self._ending.set()

    @property
    def state(self) -> SessionState:
        return self._door.state

    @property
    def busy(self) -> bool:
        """Whether a capture is being taken or read: a drain waits for it."""
        return self._viewing.busy

    @property
    def closing(self) -> bool:
        return self._ending.is_set()

    @property
    def viewing(self) -> Viewing:
        return self._viewing

    @property
    def peer(self) -> Peer | None:
        return self._peer

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None] | None:
        """Begin work that ends with the session; None, and nothing begins, once that ends."""
        if self._group is None or self._ending.is_set():
            work.close()
            return None
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _dismiss(self, peer: Peer) -> None:
        """Close a peer that was replaced or lost; the session's end waits for it."""
        if self._group is not None:
            self._group.create_task(peer.close())

    # Peers

    async def connect(
        self, offer_sdp: str, settings: PeerSettings, attempt: int | None = None
    ) -> str:
        """Answer an offer with a new peer, which takes the place of the one before.

        ``attempt``: see OfferCount. Raises InvalidSdp, NotAcceptable, Overloaded, InvalidSession,
        PreconditionFailed; the peer before then stays.
        """
        await self._ready.wait()
        self._offers.note(attempt)
        peer = Peer(
            settings,
            on_channel=self._channel_opened,
            on_state=self._peer_moved,
            watch=self._viewing.looks.watch(),
        )
        try:
            answer = await peer.answer(offer_sdp)
            if self._ending.is_set():
                raise InvalidSession("this session is over")
            self._offers.note(attempt)
        except BaseException:
            await peer.close()
            raise
        before, self._peer = self._peer, peer
        self._viewing.looks.begin_anew(peer.clock)
        self._clear_channels(before)
        self._hearing.forget()
        self._channels.clogged = partial(self._lose, peer)
        self._channel_count = 0
        self.touch()
        self._deadlines.moved(SessionState.CONNECTING)
        self._door.move(SessionState.CONNECTING)
        if before is not None:
            self._dismiss(before)
        peer.reading = self.spawn(self._ingest(peer))
        return answer

    def attach(self, outlet: Outlet) -> None:
        """Let a stream take the place of whoever was there; `viewing` is shown its frames."""
        before, self._peer = self._peer, None
        self._channels.divert(outlet)
        self._hearing.forget()
        self.touch()
        self._door.move(SessionState.CONNECTING)
        self._door.move(SessionState.CONNECTED)
        if before is not None:
            self._dismiss(before)
        self._viewing.repeat()

    def detach(self, outlet: Outlet) -> None:
        """The stream's connection is lost: the session waits for its client to come back."""
        if self._channels.outlet is outlet and not self._ending.is_set():
            self._channels.clear()
            self._door.move(SessionState.DISCONNECTED)

    def touch(self) -> None:
        """Note that the client did something that a person asks for."""
        self._deadlines.heard()
        self._deadlines.acted()

    async def _ingest(self, peer: Peer) -> None:
        session_label.set(self.label)
        looks, look = self._viewing.looks, partial(self._look, peer, contextvars.copy_context())
        await drain(
            peer.track,
            peer.rtp_timestamp,
            self._frame_arrived,
            looks.next_index,
            peer.shortcut,
            look,
        )
        self._lose(peer)

    def _look(
        self, peer: Peer, context: contextvars.Context, make: Callable[[], Frame]
    ) -> Callable[[], None] | None:
        """On the decoder's thread, which has no label to log; see ``Looks.here``."""
        told = self._viewing.looks.here(make)
        return None if told is None else partial(context.run, self._seen_by, peer, told)

    def _seen_by(self, peer: Peer, told: Callable[[], None]) -> None:
        """A frame of ``peer`` was looked at as it was decoded. It counts though the peer has gone
        since: the reader has seen it, and what it completed must be read."""
        if not self._ending.is_set():
            if peer is self._peer:
                self._deadlines.heard()
            try:
                told()
            except Exception as error:
                _log.crash("session crashed", error)
                self.close(CloseReason.CRASH)

    def _frame_arrived(self, frame: Frame) -> None:
        self._deadlines.heard()
        self._viewing.looks.put(frame)

    def _peer_moved(self, peer: Peer, state: str) -> None:
        if peer is self._peer and state == "connected":
            self.touch()
            self.connections += 1
            self._door.move(SessionState.CONNECTED)
        elif state in ("failed", "closed"):
            self._lose(peer)

    def _lose(self, peer: Peer) -> None:
        """The peer is gone; the session waits for another until its resume time is over."""
        if peer is not self._peer or self._ending.is_set():
            return
        self._peer = None
        self._clear_channels(peer)
        self._hearing.forget()
        self._dismiss(peer)
        self._door.move(SessionState.DISCONNECTED)

    # Channels

    def _clear_channels(self, lost: Peer | None) -> None:
        packet_s = lost.clock.heard_s if lost is not None else float("inf")
        self._channels.clear(heard_s=self._deadlines.last_heard_s(packet_s))

    def _channel_opened(self, peer: Peer, channel: RTCDataChannel) -> None:
        if peer is not self._peer:
            return
        self._channel_count += 1
        if self._channel_count > _MAX_CHANNELS:
            self.close(CloseReason.FLOOD)
            return
        self._channels.add(channel)
        channel.on("message", lambda data: self._message_arrived(peer, data))
        if self._channels.complete:
            self._greet()
        else:
            self.spawn(self._greet_later(peer))

    async def _greet_later(self, peer: Peer) -> None:
        """Only time tells that a client opens no second channel."""
        await asyncio.sleep(_CHANNEL_GRACE_S)
        if peer is self._peer and not self._channels.complete:
            self._greet()

    def _greet(self) -> None:
        languages, view = sorted(self._around.texts), self._viewing
        self._channels.settle(
            reports.ready(self._limits, view.stable_required, view.sides_wanted, languages)
        )
        self._send_state()
        self.spawn(self.cards.announce())
        self._viewing.repeat()

    def _state_moved(self, state: SessionState) -> None:
        self._deadlines.moved(state)
        if state is not SessionState.CLOSED:
            self._send_state()

    def _send_state(self) -> None:
        capture, session = self._viewing.state.value, self._door.state.value
        picture = self._viewing.stills.picture if self._viewing.busy else None
        state = messages.StateMessage(capture=capture, session=session, picture=picture)
        self._channels.send_event(state)

    # Watching

    async def _watch(self) -> None:
        # Time is what is waited for: there is no event to wait for instead.
        deadlines, view = self._deadlines, self._viewing
        while (reason := deadlines.overdue(self._door.state, view.document_seen_s)) is None:
            peer = self._peer
            if peer and deadlines.stalled(self._door.state, peer.clock.heard_s):
                self._lose(peer)
            await asyncio.sleep(_WATCH_EVERY_S)
        self._door.move(SessionState.FAILED)
        self.close(reason)

    # What the client says

    def _message_arrived(self, peer: Peer, data: str | bytes) -> None:
        if peer is self._peer and not self._ending.is_set():
            self._hearing.arrived(data)

    async def confirm(self, message: messages.Confirm) -> messages.ConfirmedMessage:
        """Accept reviewed fields and fill the card; the original stays beside the edits.

        Raises NotFound, InvalidMessage, DocumentFillingError, Overloaded.
        """
        self._deadlines.acted()
        review, news = await self.cards.confirm(message, self._reviews)
        if news:
            self._around.metrics.cards.inc()
            self._around.tell(review.as_confirmed(self.label))
        return messages.ConfirmedMessage(
            document_id=review.document.id,
            card=self._around.card_link(self.id, review.document.id),
            edited=review.edited,
        )

    async def receive_still(
        self,
        upload: Callable[[], Awaitable[bytes]],
        picture: str | None = None,
        over: Callable[[], object] = lambda: None,
    ) -> bool:
        """Take a still for the capture under way; see StillDoor. Raises RateLimited while another
        still is on its way, and what ``upload`` raises."""
        self._deadlines.acted()
        return await self._viewing.stills.receive(upload, picture, over)

    def card(self, document_id: str) -> bytes:
        """The filled card, PDF. Raises NotFound before the document was confirmed."""
        card = self._reviews.get(document_id).filled_card()
        self._deadlines.acted()
        return card

    def tell(self, error: LobbyLensError) -> None:
        """Tell the client what failed, and count it."""
        self._around.metrics.errors.labels(error.code).inc()
        self._channels.send_event(reports.error(error))
