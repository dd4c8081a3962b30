"""The two data channels of a session: overlay (may lose messages), events (may not).

RFC 8831: the browser opens ``overlay`` unordered without retransmission and ``events`` ordered
and reliable. A client that opens one channel only, under any label, gets everything on it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from core.metrics import Metrics
from media.messages import (
    CaptureMessage,
    ConfirmedMessage,
    GuidanceMessage,
    Overlay,
    Pong,
    ProfileMessage,
    ResultMessage,
    ServerMessage,
    StateMessage,
)
from media.state import CloseReason
from media.watching import Feed

OVERLAY = "overlay"
EVENTS = "events"

_OVERLAY_BACKLOG_BYTES = 2 * 1024
"""Two or three outlines that wait for their turn: what comes behind more of them shows the past."""
_EVENTS_BACKLOG_BYTES = 1024 * 1024
_MOST_BACKLOG_BYTES = 2 * _EVENTS_BACKLOG_BYTES
"""Hundreds of events, and none acknowledged (RFC 9260, 6.2): nobody is there to take them."""
_WAITING_EVENTS = 64
_UNASKED = 8
_ON_ITS_WAY_S = 1.0
"""What was sent so shortly before the client was last heard may not have arrived either."""
_AT_ANY_RATE = (GuidanceMessage, Pong)
_TOLD_AGAIN = (StateMessage, GuidanceMessage, ProfileMessage)
_OF_A_GUEST = (CaptureMessage, ResultMessage, ConfirmedMessage)


class DataChannel(Protocol):
    """What is used of aiortc's RTCDataChannel."""

    @property
    def label(self) -> str: ...
    @property
    def readyState(self) -> str: ...  # noqa: N802, the W3C's name
    @property
    def bufferedAmount(self) -> int: ...  # noqa: N802, the W3C's name
    def send(self, data: str) -> None: ...


class Outlet(Protocol):
    """Takes a session's messages where there are no channels: a stream."""

    def overlay(self, message: Overlay) -> None: ...
    def event(self, message: ServerMessage) -> None: ...
    def cut(self, reason: CloseReason | None) -> None:
        """The session is over; without a reason, another client has taken this one's place."""
        ...


class Channels:
    """Sends messages, numbers them, and never lets a slow client cost memory."""

    def __init__(self, session_id: str, metrics: Metrics) -> None:
        self.session_id = session_id
        self._metrics = metrics
        self._open: dict[str, DataChannel] = {}
        self._waiting: deque[ServerMessage] = deque(maxlen=_WAITING_EVENTS)
        self._unasked: deque[tuple[float, ServerMessage]] = deque(maxlen=_UNASKED)
        """What was lately sent unasked, and when (monotonic)."""
        self._settled = False
        self._seq = 0
        self.overheard: Callable[[ServerMessage], None] = lambda message: None
        """Called with each event, whether or not a channel is there to take it."""
        self.feed = Feed(session_id, metrics)
        """For those who watch without a channel."""
        self.outlet: Outlet | None = None
        """Where messages go instead, while a stream has the session."""
        self.clogged: Callable[[], None] = self.clear
        """Called when the client takes nothing of what it must have: to be left without it."""

    def clear(self, reason: CloseReason | None = None, heard_s: float = float("inf")) -> None:
        """Forget the channels of a peer that is gone; events wait for the next one.

        ``reason``: why the session has ended, if it has. ``heard_s``: when that peer was last heard
        (monotonic): what it was told unasked since then waits as well.
        """
        late = [each for sent_s, each in self._unasked if sent_s > heard_s - _ON_ITS_WAY_S]
        self._unasked.clear()
        self._waiting.extendleft(reversed(late))
        self._open.clear()
        self._settled = False
        outlet, self.outlet = self.outlet, None
        if outlet is not None:
            outlet.cut(reason)
        if reason is not None:
            self.feed.close(reason)

    def forget(self) -> None:
        """Of what waits for a channel nothing is of a guest any more."""
        self._unasked.clear()
        kept = [each for each in self._waiting if not isinstance(each, _OF_A_GUEST)]
        self._waiting.clear()
        self._waiting.extend(kept)

    def divert(self, outlet: Outlet) -> None:
        """From now on everything goes to ``outlet``, first of all what waited."""
        self.clear()
        self.outlet = outlet
        while self._waiting:
            outlet.event(self._waiting.popleft())

    def add(self, channel: DataChannel) -> None:
        self._open[channel.label] = channel

    @property
    def complete(self) -> bool:
        """Whether both of our labels are there, so that nothing more need be waited for."""
        return OVERLAY in self._open and EVENTS in self._open

    def settle(self, greeting: ServerMessage) -> None:
        """From now on events are sent: ``greeting``, then those that waited."""
        self._settled = True
        self._send(EVENTS, greeting)
        while self._waiting and self._channel(EVENTS) is not None:
            self._send(EVENTS, self._waiting.popleft())

    def send_event(self, message: ServerMessage, *, unasked: bool = False) -> None:
        """Send reliably; before the channel is there the last 64 events wait.

        States, guidance and profiles do not: a greeting tells the newest of them anyway.
        ``unasked``: nobody on the client's side waits for it and would ask again, so that it must
        not go astray with a connection whose loss is not known yet.
        """
        self.overheard(message)
        self.feed.event(message)
        if self.outlet is not None:
            self.outlet.event(message)
            return
        channel = self._channel(EVENTS) if self._settled else None
        if channel is not None and channel.bufferedAmount > _MOST_BACKLOG_BYTES:
            self.clogged()
            channel = None
        if channel is None:
            if not isinstance(message, _TOLD_AGAIN):
                self._waiting.append(message)
            return
        # A client that reads nothing must not fill our memory with what it may have at any rate.
        if channel.bufferedAmount > _EVENTS_BACKLOG_BYTES and isinstance(message, _AT_ANY_RATE):
            self._metrics.messages_skipped.inc()
            return
        if unasked:
            self._unasked.append((time.monotonic(), message))
        self._send(EVENTS, message)

    def send_overlay(self, message: Overlay) -> None:
        """Send if the channel keeps up, else skip and count."""
        self.feed.overlay(message)
        if self.outlet is not None:
            self.outlet.overlay(message)
            return
        channel = self._channel(OVERLAY) if self._settled else None
        if channel is None:
            return
        if channel.bufferedAmount > _OVERLAY_BACKLOG_BYTES:
            self._metrics.messages_skipped.inc()
            return
        self._send(OVERLAY, message)

    def _channel(self, label: str) -> DataChannel | None:
        channel = self._open.get(label)
        if channel is None:
            channel = next(iter(self._open.values()), None)
        return channel if channel is not None and channel.readyState == "open" else None

    def _send(self, label: str, message: ServerMessage) -> None:
        channel = self._channel(label)
        if channel is None:
            return
        self._seq += 1
        stamped = message.model_copy(
            update={
                "session_id": self.session_id,
                "seq": self._seq,
                "ts_ms": int(time.time() * 1000),
            }
        )
        channel.send(stamped.model_dump_json())
