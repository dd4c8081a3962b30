"""A session's deadlines, by a clock of the test's own."""

from __future__ import annotations

import pytest

from core.settings import load_settings
from media.deadlines import Deadlines
from media.state import CloseReason, SessionState

LIMITS = load_settings(
    [
        *("--media.connect-timeout-s", "20", "--media.resume-timeout-s", "30"),
        *("--media.idle-timeout-s", "60", "--media.total-timeout-s", "200"),
        *("--media.stall-timeout-s", "5"),
    ]
).media


class Time:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("state", "last_s", "reason"),
    [
        (SessionState.NEW, 20, CloseReason.NOT_CONNECTED),
        (SessionState.CONNECTING, 20, CloseReason.NOT_CONNECTED),
        (SessionState.DISCONNECTED, 30, CloseReason.PEER_LOST),
        (SessionState.CONNECTED, 60, CloseReason.IDLE),
    ],
)
def test_each_state_has_its_time(state: SessionState, last_s: float, reason: CloseReason) -> None:
    time = Time()
    deadlines = Deadlines(LIMITS, time)
    time.now_s += last_s
    assert deadlines.overdue(state, 0.0) is None
    time.now_s += 0.1
    assert deadlines.overdue(state, 0.0) is reason


def test_a_state_that_begins_anew_has_its_time_again() -> None:
    time = Time()
    deadlines = Deadlines(LIMITS, time)
    time.now_s += 25
    deadlines.moved(SessionState.DISCONNECTED)
    time.now_s += 25
    assert deadlines.overdue(SessionState.DISCONNECTED, 0.0) is None


def test_half_a_way_back_shortens_nothing() -> None:
    """An offer came whose answer was lost, or the network failed once more."""
    time = Time()
    deadlines = Deadlines(LIMITS, time)
    deadlines.moved(SessionState.CONNECTED)
    deadlines.moved(SessionState.DISCONNECTED)
    time.now_s += 2
    deadlines.moved(SessionState.CONNECTING)
    time.now_s += 27
    assert deadlines.overdue(SessionState.CONNECTING, 0.0) is None, "20 s, and 30 since the loss"
    time.now_s += 2
    assert deadlines.overdue(SessionState.CONNECTING, 0.0) is CloseReason.PEER_LOST
    deadlines.moved(SessionState.CONNECTING)
    time.now_s += 19
    assert deadlines.overdue(SessionState.CONNECTING, 0.0) is None, "each offer has its time"
    deadlines.moved(SessionState.CONNECTED)
    deadlines.moved(SessionState.DISCONNECTED)
    time.now_s += 29
    assert deadlines.overdue(SessionState.DISCONNECTED, 0.0) is None


def test_who_comes_back_before_the_loss_was_noticed_has_as_long() -> None:
    """A page notices sooner than the server that its network is gone."""
    time = Time()
    deadlines = Deadlines(LIMITS, time)
    for state in (SessionState.CONNECTING, SessionState.CONNECTED, SessionState.CONNECTING):
        deadlines.moved(state)
    time.now_s += LIMITS.resume_timeout_s - 0.1
    assert deadlines.overdue(SessionState.CONNECTING, 0.0) is None
    time.now_s += 0.2
    assert deadlines.overdue(SessionState.CONNECTING, 0.0) is CloseReason.PEER_LOST


def test_whoever_does_something_or_shows_a_document_is_not_idle() -> None:
    time = Time()
    deadlines = Deadlines(LIMITS, time)
    time.now_s += 59
    deadlines.acted()
    time.now_s += 59
    assert deadlines.overdue(SessionState.CONNECTED, 0.0) is None
    time.now_s += 2
    assert deadlines.overdue(SessionState.CONNECTED, document_seen_s=time.now_s - 1) is None
    assert deadlines.overdue(SessionState.CONNECTED, 0.0) is CloseReason.IDLE


@pytest.mark.parametrize("state", SessionState)
def test_no_session_goes_on_for_ever(state: SessionState) -> None:
    time = Time()
    deadlines = Deadlines(LIMITS, time)
    for _ in range(201):
        time.now_s += 1
        deadlines.heard()
        deadlines.acted()
        deadlines.moved(state)
    assert deadlines.overdue(state, document_seen_s=time.now_s) is CloseReason.TOO_LONG


def test_only_who_is_connected_stalls_and_is_heard_again() -> None:
    time = Time()
    deadlines = Deadlines(LIMITS, time)
    time.now_s += 5.1
    stalled = {state for state in SessionState if deadlines.stalled(state, 0.0)}
    assert stalled == {SessionState.CONNECTED}
    assert not deadlines.stalled(SessionState.CONNECTED, packet_s=time.now_s - 4)
    deadlines.heard()
    time.now_s += 5
    assert not deadlines.stalled(SessionState.CONNECTED, 0.0)
