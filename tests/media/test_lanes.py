"""Who gives way to whom, and where pictures are worked on."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from core.errors import CaptureFailed
from examples.client import CaptureClient
from media.lanes import captures_lane, frames_lane, hand_to, take_short_turns
from pipeline.types import Capture
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_reading_gives_way_to_frames_and_the_loop() -> None:
    with frames_lane(1) as frames, captures_lane() as captures:
        ours, reading = frames.submit(niceness).result(), captures.submit(niceness).result()
    assert ours == niceness()
    # Threads have a priority of their own on Linux alone.
    assert reading > ours or not sys.platform.startswith("linux")


def test_turns_are_short() -> None:
    before_s = sys.getswitchinterval()
    try:
        take_short_turns()
        assert sys.getswitchinterval() < before_s / 5
    finally:
        sys.setswitchinterval(before_s)


@pytest.fixture
def lane() -> Iterator[Executor]:
    """Shut when no loop runs any more: that waits."""
    with frames_lane(1) as threads:
        yield threads


async def test_work_is_handed_over_and_told_in_one_turn(lane: Executor) -> None:
    """The turns between the work's end and whoever waits for it: telling, and going on."""
    turns, ended, stop = 0, list[int](), False

    def count() -> None:
        nonlocal turns
        turns += 1
        if not stop:
            loop.call_soon(count)

    loop, may_end = asyncio.get_running_loop(), threading.Event()

    def work() -> str:
        may_end.wait(5)
        return threading.current_thread().name

    told = hand_to(lane, work, lambda: ended.append(turns), lambda _: None)
    loop.call_soon(count)
    await asyncio.sleep(0)
    may_end.set()
    assert (await told).startswith("frames")
    stop = True
    assert len(ended) == 1 and turns - ended[0] <= 1


async def test_an_error_of_handed_work_comes_to_who_waits(lane: Executor) -> None:
    ended: list[bool] = []

    def work() -> None:
        raise CaptureFailed("as it is meant to")

    with pytest.raises(CaptureFailed):
        await hand_to(lane, work, lambda: ended.append(True), lambda _: None)
    assert ended == [True]


async def test_work_outlives_whoever_waited_for_it(lane: Executor) -> None:
    began, may_end, ended = threading.Event(), threading.Event(), asyncio.Event()

    def work() -> None:
        began.set()
        may_end.wait(5)
        raise CaptureFailed("nobody is left to hear it")

    waiting = asyncio.ensure_future(hand_to(lane, work, ended.set, lambda _: None))
    await asyncio.to_thread(began.wait, 5)
    waiting.cancel()
    await asyncio.sleep(0.02)
    assert not ended.is_set()
    may_end.set()
    await asyncio.wait_for(ended.wait(), 5)


LABEL: ContextVar[str] = ContextVar("label", default="none")


async def test_what_came_of_it_is_told_where_nobody_waits(lane: Executor) -> None:
    """In the caller's context, and before whoever does wait goes on."""
    told: list[tuple[str, str]] = []
    LABEL.set("caller")

    def tell(outcome: str) -> None:
        told.append((outcome, LABEL.get()))

    assert await hand_to(lane, lambda: "first", lambda: None, tell) == "first"
    assert told == [("first", "caller")]
    hand_to(lane, lambda: "second", lambda: None, tell).cancel()
    async with asyncio.timeout(5):
        while len(told) < 2:
            await asyncio.sleep(0.01)
    assert told[1] == ("second", "caller")


async def test_an_error_in_telling_comes_to_who_waits(lane: Executor) -> None:
    def tell(outcome: int) -> None:
        raise CaptureFailed("as it is meant to")

    with pytest.raises(CaptureFailed):
        await hand_to(lane, lambda: 1, lambda: None, tell)


async def test_a_lane_that_is_shut_says_so() -> None:
    shut = ThreadPoolExecutor(1)
    shut.shutdown(wait=False)
    with pytest.raises(RuntimeError):
        hand_to(shut, lambda: None, lambda: None, lambda _: None)


class DevelopingEngine(FakeEngine):
    """Notes which thread develops; the first picture cannot be."""

    def __init__(self) -> None:
        super().__init__(capture_at=3)
        self.developers: list[str] = []

    def develop(self, made: Capture) -> Capture:
        self.developers.append(threading.current_thread().name)
        if len(self.developers) == 1:
            raise CaptureFailed("the decoder has let go of the frame")
        return made


async def test_pictures_are_developed_on_the_readers_threads(serve: Serve) -> None:
    engine = DevelopingEngine()
    server = await serve(engine)
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    assert (await client.wait_for("error"))["code"] == "CAPTURE_FAILED"
    client.send({"type": "capture"})
    assert (await client.wait_for("result"))["status"] == "complete"
    assert len(engine.developers) == 2
    assert all(name.startswith("captures") for name in engine.developers)
    await client.close()
