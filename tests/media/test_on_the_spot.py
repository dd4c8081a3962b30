"""Short looks are taken where the picture was decoded, and never where that would cost others."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.log import session_label
from core.metrics import Metrics
from core.settings import MediaSettings
from examples.client import CaptureClient
from media.adaptations import ice_connections
from media.lanes import Spots
from media.looks import Looks
from media.profiles import ProfileChooser
from pipeline.types import Frame, Observation
from tests.conftest import Serve
from tests.fakes import FakeEngine, FakeReader
from tests.peer import DrawnTrack
from tests.pipeline.posed import as_frame

pytestmark = pytest.mark.quiet

DECODER, LANE = "video-decoder", "frames"


class Threads:
    """Which threads looked, and how many at once."""

    def __init__(self, takes_s: Callable[[int], float] = lambda number: 0.0) -> None:
        self._takes_s = takes_s
        self._lock = threading.Lock()
        self.names: list[str] = []
        self.at_once = self.most_at_once = 0

    def note(self, frame: Frame) -> None:
        with self._lock:
            self.names.append(threading.current_thread().name.rstrip("_0123456789"))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            number = len(self.names)
        time.sleep(self._takes_s(number))
        with self._lock:
            self.at_once -= 1


async def overlays(client: CaptureClient, count: int) -> list[int]:
    """The indices of the frames of the next overlays."""
    return [(await client.wait_for("overlay"))["frame"]["index"] for _ in range(count)]


async def test_what_is_short_is_done_by_the_thread_that_decoded(serve: Serve) -> None:
    threads = Threads()
    server = await serve(FakeEngine(on_see=threads.note))
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    told = await overlays(client, 20)
    await client.close()
    # The first tells how long a look takes.
    assert threads.names[0] == LANE
    assert threads.names.count(DECODER) >= len(threads.names) - 3
    assert told == sorted(set(told)), "each once, in their order"


async def test_what_is_long_leaves_the_decoder_free(serve: Serve) -> None:
    threads = Threads(lambda number: 0.06)
    server = await serve(FakeEngine(on_see=threads.note))
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    told = await overlays(client, 20)
    await client.close()
    assert set(threads.names) == {LANE}
    assert told[-1] - told[0] > 22, "frames were decoded, and replaced, while others were looked at"


async def test_one_long_look_and_then_short_ones(serve: Serve) -> None:
    threads = Threads(lambda number: 0.06 if number in (10, 11) else 0.0)
    server = await serve(FakeEngine(on_see=threads.note))
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    await overlays(client, 20)
    await client.close()
    # The tenth was thought to be short; the next two are known not to be, or not yet.
    assert threads.names[9] == DECODER and threads.names[10:12] == [LANE, LANE]
    assert threads.names[14] == DECODER


async def test_no_more_at_once_than_there_is_room_for(serve: Serve) -> None:
    threads = Threads(lambda number: 0.01)
    server = await serve(
        FakeEngine(on_see=threads.note),
        *("--media.analysis-threads", "1", "--load.max-cpu-share", "9"),
        *("--load.max-lag-ms", "10000"),
    )
    clients = [CaptureClient(server.url, DrawnTrack((160, 120))) for _ in range(4)]
    for client in clients:
        await client.open()
    await asyncio.gather(*(overlays(client, 25) for client in clients))
    for client in clients:
        await client.close()
    assert {DECODER, LANE} == set(threads.names)
    assert threads.most_at_once == 2, "one where it was decoded, and one on the lane's only thread"


async def test_an_error_on_the_spot_ends_its_session_alone(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(frame: Frame) -> None:
        if frame.width_px == 160 and frame.index > 5:
            raise ValueError("a reader that breaks")

    crashed: list[str] = []

    class Note(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "session crashed" in record.getMessage():
                crashed.append(session_label.get())

    monkeypatch.setattr(logging.getLogger(), "handlers", [Note()])
    server = await serve(FakeEngine(on_see=fail))
    broken = CaptureClient(server.url, DrawnTrack((160, 120)))
    sound = CaptureClient(server.url, DrawnTrack())
    await sound.open()
    labels = {each.label for each in server.registry}
    await broken.open()
    (broken_label,) = {each.label for each in server.registry} - labels
    await server.settle(sessions=1)
    await overlays(sound, 5)
    assert server.metric("lobbylens_sessions_ended_total", reason="crash") == 1
    assert crashed == [broken_label]
    await broken.close()
    await sound.close()


async def test_what_a_look_completed_is_read_though_its_peer_has_gone(serve: Serve) -> None:
    """Else the reader would wait for a reading that never comes, and take no picture any more."""
    loop, looks = asyncio.get_running_loop(), itertools.count(1)
    left: list[int] = []

    def leave(gone: threading.Event) -> None:
        (session,) = server.registry
        assert session.peer is not None
        session._lose(session.peer)
        gone.set()

    def see(frame: Frame) -> None:
        number = next(looks)
        # On a busy machine a look may take long, and the next ones have a lane then.
        if not left and threading.current_thread().name.startswith(DECODER):
            left.append(number)
            engine.capture_at = number
            gone = threading.Event()
            loop.call_soon_threadsafe(leave, gone)
            assert gone.wait(2)

    engine = FakeEngine(on_see=see)
    server = await serve(engine)
    first = CaptureClient(server.url, DrawnTrack())
    await first.open()
    async with asyncio.timeout(5):
        while not engine.pages_read:
            await asyncio.sleep(0.02)
    second = CaptureClient(server.url, DrawnTrack())
    await second.open(resume_token=first.resume_token)
    assert (await second.wait_for("result"))["status"] == "complete"
    await first.close()
    await second.close()


async def test_a_datagram_without_a_byte_ends_nobodys_connection(serve: Serve) -> None:
    """Nobody needs a key to send one; aiortc's own way ends over it."""
    server = await serve(FakeEngine())
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    await overlays(client, 3)
    (session,) = server.registry
    assert session.peer is not None
    (connection,) = ice_connections(session.peer._pc)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        for each in connection.local_candidates:
            if ":" in each.host:
                continue  # of IPv6
            stranger.sendto(b"", (each.host, each.port))
    await overlays(client, 12)
    assert session.peer is not None
    await client.close()


class Reader(FakeReader):
    """Notes which frames it saw, and breaks over one."""

    def __init__(self) -> None:
        super().__init__(FakeEngine())
        self.seen: list[int] = []

    def see(self, frame: Frame) -> Observation:
        self.seen.append(frame.index)
        if frame.index == 99:
            raise ValueError("a reader that breaks")
        return super().see(frame)


def frame(index: int) -> Frame:
    return as_frame(np.zeros((90, 160, 3), np.uint8), index, float(index))


async def test_whoever_waits_for_the_reader_comes_first(lane: ThreadPoolExecutor) -> None:
    reader, told, may_end = Reader(), list[int](), threading.Event()
    around: Any = SimpleNamespace(
        metrics=Metrics(),
        frames=lane,
        on_the_spot=Spots(1),
        load=SimpleNamespace(analyse_every=1),
    )
    looks = Looks(
        around,
        reader,
        ProfileChooser(MediaSettings(), 0.0),
        unthinned=lambda: False,
        report=lambda seen, received_ms: told.append(seen.frame_index),
    )

    async def here(index: int) -> Callable[[], None] | None:
        """As from a decoder's thread."""
        return await asyncio.to_thread(looks.here, lambda: frame(index))

    assert await here(0) is None, "nobody knows yet how long a look takes"
    await looks.look(frame(1))
    tell = await here(2)
    assert tell is not None and told == [1]
    tell()
    # A picture that is being taken has the turn.
    taking = asyncio.create_task(looks.in_turn(lambda: may_end.wait(5), lambda _: None))
    await asyncio.sleep(0)
    assert await here(3) is None
    may_end.set()
    await taking
    # What waits for a lane is older, and would be told after what is newer.
    looks.put(frame(4))
    assert await here(5) is None
    running = asyncio.create_task(looks.run())
    async with asyncio.timeout(5):
        while told != [1, 2, 4]:
            await asyncio.sleep(0.01)
    running.cancel()
    tell = await here(99)
    assert tell is not None
    with pytest.raises(ValueError, match="breaks"):
        tell()
    assert reader.seen == [1, 2, 4, 99], "each once, those that were refused not at all"


async def test_spots_are_for_when_nobody_waits_for_a_lane(lane: ThreadPoolExecutor) -> None:
    spots, may_end = Spots(2), threading.Event()
    around: Any = SimpleNamespace(frames=lane, on_the_spot=spots, metrics=Metrics())

    def looks() -> Looks:
        return Looks(
            around,
            Reader(),
            ProfileChooser(MediaSettings(), 0.0),
            unthinned=lambda: False,
            report=lambda seen, received_ms: None,
        )

    assert [spots.take() for _ in range(3)] == [True, True, False]
    spots.give_back()
    busy = [
        asyncio.create_task(looks().in_turn(lambda: may_end.wait(5), lambda _: None))
        for _ in range(2)
    ]
    await asyncio.sleep(0.05)
    assert not spots.take(), "the lane's one thread is taken, and another session waits for it"
    may_end.set()
    await asyncio.gather(*busy)
    assert spots.take()
    spots.give_back()
    lane.shutdown(wait=False)
    with pytest.raises(RuntimeError):
        await looks().in_turn(lambda: None, lambda _: None)
    assert spots.take(), "nobody waits for a lane that is shut"
