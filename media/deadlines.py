"""How long a session may wait: for its peer, for frames, for anything that a guest does."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.settings import MediaSettings
from media.state import CloseReason, SessionState

Clock = Callable[[], float]
"""Seconds, monotonic."""


class Deadlines:
    """When something was last heard and done, and whether that is too long ago; pure, given its
    clock."""

    def __init__(self, limits: MediaSettings, clock: Clock = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._born_s = self._heard_s = self._acted_s = self._moved_s = clock()
        self._came = False
        """Whether it has had a client."""
        self._lost_s: float | None = None
        """When that was lost; None while it is there."""

    def heard(self) -> float:
        """The client sent something, a frame it may be; returns the clock's time."""
        self._heard_s = self._clock()
        return self._heard_s

    def last_heard_s(self, packet_s: float) -> float:
        """When the client last sent anything, a packet of its video it may be."""
        return max(self._heard_s, packet_s)

    def acted(self) -> None:
        """The client did something that a person asks for."""
        self._acted_s = self._clock()

    def moved(self, state: SessionState) -> None:
        """The session's state begins, or begins anew."""
        self._moved_s = self._clock()
        if state is SessionState.CONNECTED:
            self._came, self._lost_s = True, None
        elif self._came and self._lost_s is None:
            # A client may come back before anybody has noticed that it was lost.
            self._lost_s = self._moved_s

    def stalled(self, state: SessionState, packet_s: float) -> bool:
        """Whether a client that is connected has sent nothing for too long.

        ``packet_s``: when the last packet of its video came. There may be no picture in what comes:
        a sender that makes no key frame when it is asked has been heard all the same.
        """
        silent_s = self._clock() - self.last_heard_s(packet_s)
        return state is SessionState.CONNECTED and silent_s > self._limits.stall_timeout_s

    def overdue(self, state: SessionState, document_seen_s: float) -> CloseReason | None:
        """Why a session in ``state`` has to end now; None while it may go on.

        ``document_seen_s``: when a document was last in view, by the same clock; whoever holds one
        there is not idle.
        """
        limits, now_s = self._limits, self._clock()
        in_state_s = now_s - self._moved_s
        if now_s - self._born_s > limits.total_timeout_s:
            return CloseReason.TOO_LONG
        if state in (SessionState.NEW, SessionState.CONNECTING):
            if in_state_s <= limits.connect_timeout_s:
                return None
            if self._lost_s is None:
                return CloseReason.NOT_CONNECTED
            # Half a way back must not cost what there was without it.
            late = now_s - self._lost_s > limits.resume_timeout_s
            return CloseReason.PEER_LOST if late else None
        if state is SessionState.DISCONNECTED:
            return CloseReason.PEER_LOST if in_state_s > limits.resume_timeout_s else None
        acted_s = max(self._acted_s, document_seen_s)
        return CloseReason.IDLE if now_s - acted_s > limits.idle_timeout_s else None
