"""Slot, rate, states and channels on their own."""

from __future__ import annotations

import asyncio
import json

import pytest

from core.metrics import Metrics
from media import reports
from media.channels import Channels
from media.messages import ErrorMessage, FrameStamp, GuidanceMessage, Overlay, Pong
from media.rate import TokenBucket
from media.slot import LatestSlot
from media.state import MOVES, SessionState, StateDoor
from tests.fakes import specimen_document


async def test_the_slot_keeps_the_newest_and_counts_the_rest() -> None:
    slot: LatestSlot[int] = LatestSlot()
    for item in (1, 2, 3):
        slot.put(item)
    assert (await slot.get(), slot.dropped) == (3, 2)
    waiting = asyncio.create_task(slot.get())
    await asyncio.sleep(0)
    slot.put(4)
    assert await waiting == 4


async def test_what_was_taken_from_the_slot_in_between_is_not_given_twice() -> None:
    slot: LatestSlot[int] = LatestSlot()
    assert slot.newest() is None
    slot.put(1)
    waiting = asyncio.create_task(slot.get())
    assert await asyncio.to_thread(slot.newest) == 1
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done, "there is nothing yet"
    slot.put(2)
    assert (await waiting, slot.dropped) == (2, 0)


def test_the_bucket_lets_the_rate_through() -> None:
    bucket = TokenBucket(5, now_s=0)
    assert sum(bucket.take(0) for _ in range(50)) == 10
    assert sum(bucket.take(1) for _ in range(50)) == 5
    assert sum(bucket.take(100) for _ in range(50)) == 10


@pytest.mark.parametrize("old", SessionState)
@pytest.mark.parametrize("new", SessionState)
def test_states_move_by_the_table_alone(old: SessionState, new: SessionState) -> None:
    heard: list[SessionState] = []
    door = StateDoor(heard.append)
    door._state = old
    allowed = new in MOVES[old]
    assert door.move(new) is allowed
    assert door.state is (new if allowed else old)
    assert heard == ([new] if allowed else [])


def test_closed_is_reached_from_everywhere_and_left_never() -> None:
    assert not MOVES[SessionState.CLOSED]
    assert all(
        SessionState.CLOSED in moves
        for state, moves in MOVES.items()
        if state is not SessionState.CLOSED
    )


class FakeChannel:
    """Keeps what was sent; ``bufferedAmount`` as the test wants it."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.readyState = "open"
        self.bufferedAmount = 0
        self.sent: list[dict[str, object]] = []

    def send(self, data: str) -> None:
        self.sent.append(json.loads(data))


GUIDANCE = GuidanceMessage(frame=None, code="GLARE", severity="hint", min_ms=1, text="t")
ERROR = ErrorMessage(code="X", message="m", category="c", retryable=False)


def overlay() -> Overlay:
    return Overlay(
        frame=FrameStamp(index=1, rtp_timestamp=None, width=320, height=240),
        detected=False,
        corners=None,
        cut=False,
        confidence=0,
        document_kind=None,
        mrz_region=None,
        stable_count=0,
        stable_required=8,
        progress=0,
        ready_for_capture=False,
        quality=None,
        latency_ms=1,
    )


@pytest.fixture
def channels() -> Channels:
    return Channels("s", Metrics())


def test_events_wait_for_the_channel_and_come_after_the_greeting(channels: Channels) -> None:
    channels.send_event(ERROR)
    events = FakeChannel("events")
    channels.add(events)
    assert not events.sent
    channels.settle(Pong(id="hello"))
    assert [message["type"] for message in events.sent] == ["pong", "error"]
    assert [message["seq"] for message in events.sent] == [1, 2]


def test_after_a_reset_nothing_of_a_guest_waits(channels: Channels) -> None:
    channels.send_event(reports.result(specimen_document("d1")))
    channels.send_event(ERROR)
    channels.forget()
    events = FakeChannel("events")
    channels.add(events)
    channels.settle(Pong(id=None))
    assert [message["type"] for message in events.sent] == ["pong", "error"]


def test_waiting_events_are_bounded(channels: Channels) -> None:
    for _ in range(1000):
        channels.send_event(ERROR)
    events = FakeChannel("events")
    channels.add(events)
    channels.settle(Pong(id=None))
    assert len(events.sent) == 65


def test_a_full_overlay_channel_is_skipped(channels: Channels) -> None:
    track, events = FakeChannel("overlay"), FakeChannel("events")
    channels.add(track)
    channels.add(events)
    channels.settle(Pong(id=None))
    track.bufferedAmount = 10**6
    channels.send_overlay(overlay())
    assert not track.sent
    track.bufferedAmount = 0
    channels.send_overlay(overlay())
    assert len(track.sent) == 1 and len(events.sent) == 1


def test_a_stuck_client_gets_no_more_guidance_but_every_error(channels: Channels) -> None:
    events = FakeChannel("events")
    channels.add(events)
    channels.settle(Pong(id=None))
    events.bufferedAmount = 15 * 10**5
    channels.send_event(GUIDANCE)
    channels.send_event(ERROR)
    assert [message["type"] for message in events.sent] == ["pong", "error"]


def test_a_client_that_takes_nothing_is_left_and_finds_its_events_again(channels: Channels) -> None:
    events, again = FakeChannel("events"), FakeChannel("events")
    channels.add(events)
    channels.settle(Pong(id=None))
    events.bufferedAmount = 10**7
    channels.send_event(ERROR)
    channels.send_event(ERROR)
    assert [message["type"] for message in events.sent] == ["pong"]
    channels.add(again)
    channels.settle(Pong(id=None))
    assert [message["type"] for message in again.sent] == ["pong", "error", "error"]
