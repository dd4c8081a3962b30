"""The states of a session, and the one door between them.

The words are W3C's (RTCPeerConnectionState): *new* before a peer connects, *connecting* while
ICE and DTLS run, *connected* with a live peer, *disconnected* while a lost peer may come back,
*failed* when none did, *closed* at the end, with a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from core.log import Log

_log = Log("session")


class SessionState(StrEnum):
    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"


class CloseReason(StrEnum):
    """Why a session ended; the label of a metric."""

    CLIENT = "client"
    NOT_CONNECTED = "not_connected"
    PEER_LOST = "peer_lost"
    IDLE = "idle"
    TOO_LONG = "too_long"
    FLOOD = "flood"
    SHUTDOWN = "shutdown"
    REFUSED = "refused"
    CRASH = "crash"


MOVES: dict[SessionState, frozenset[SessionState]] = {
    SessionState.NEW: frozenset({SessionState.CONNECTING, SessionState.CLOSED}),
    SessionState.CONNECTING: frozenset(
        {
            SessionState.CONNECTED,
            SessionState.DISCONNECTED,
            SessionState.FAILED,
            SessionState.CLOSED,
        }
    ),
    SessionState.CONNECTED: frozenset(
        {SessionState.CONNECTING, SessionState.DISCONNECTED, SessionState.CLOSED}
    ),
    SessionState.DISCONNECTED: frozenset(
        {SessionState.CONNECTING, SessionState.FAILED, SessionState.CLOSED}
    ),
    SessionState.FAILED: frozenset({SessionState.CLOSED}),
    SessionState.CLOSED: frozenset(),
}


class StateDoor:
    """Holds a session's state; ``move`` is the only way to change it."""

    def __init__(self, notify: Callable[[SessionState], None]) -> None:
        self._state = SessionState.NEW
        self._notify = notify

    @property
    def state(self) -> SessionState:
        return self._state

    def move(self, to: SessionState) -> bool:
        """True when the move was allowed and made; the same state again is no move."""
        if to is self._state or to not in MOVES[self._state]:
            return False
        _log.debug("- state", old=self._state.value, new=to.value)
        self._state = to
        self._notify(to)
        return True
