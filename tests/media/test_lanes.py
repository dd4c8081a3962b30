"""Who gives way to whom, and where pictures are worked on."""

from __future__ import annotations

import os
import sys
import threading

from core.errors import CaptureFailed
from examples.client import CaptureClient
from media.lanes import captures_lane, frames_lane, take_short_turns
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
