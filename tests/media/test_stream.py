"""A stream's captures: taken by themselves or on demand, and never another document's."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from core.errors import CaptureFailed, InvalidSession, MrzError
from core.http import SERVER_OPTIONS
from core.settings import EnhanceSettings
from media.state import CloseReason
from media.stream import Stream, arrived, attach
from pipeline.types import (
    CaptureState,
    Document,
    DocumentStatus,
    Exposure,
    Frame,
    Observation,
    Shot,
)
from signaling.keys import DOORS, REGISTRY, SURROUNDINGS
from tests.conftest import _build
from tests.fakes import QUALITY, FakeEngine, FakeReader
from tests.pipeline.posed import as_frame
from tests.signaling.pictures import grey

Begin = Callable[[FakeEngine], Awaitable[Stream]]


@pytest.fixture
async def begin() -> AsyncIterator[Begin]:
    """A stream of a session in an application's registry, without any HTTP."""
    async with AsyncExitStack() as stack:

        async def start(engine: FakeEngine) -> Stream:
            app = await asyncio.to_thread(_build, engine, ())
            runner = web.AppRunner(app, **SERVER_OPTIONS)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            session = app[REGISTRY].open()
            await asyncio.sleep(0)
            return attach(session, app[SURROUNDINGS], app[DOORS])

        yield start


def state_of(stream: Stream) -> str:
    return stream.session.state.value


def reader_of(stream: Stream) -> FakeReader:
    reader = stream.session.viewing._reader
    assert isinstance(reader, FakeReader)
    return reader


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_stream_is_connected_until_it_is_detached(begin: Begin) -> None:
    stream = await begin(FakeEngine())
    assert state_of(stream) == "connected"
    stream.session.detach(stream)
    assert state_of(stream) == "disconnected" and stream.ended.is_set()
    with pytest.raises(InvalidSession):
        await stream.look(arrived(grey()))
    again = attach(stream.session, stream._around, stream._limits)
    assert state_of(stream) == "connected"
    stream.session.detach(stream)
    assert state_of(stream) == "connected", "only its own stream detaches it"
    assert (await again.look(arrived(grey()))).detected


async def test_what_the_session_took_by_itself_is_what_capture_gives(begin: Begin) -> None:
    engine = FakeEngine(capture_at=2, read_s=0.1)
    stream = await begin(engine)
    assert not (await stream.look(arrived(grey()))).ready_for_capture
    assert (await stream.look(arrived(grey()))).ready_for_capture, "it is being read"
    read = await stream.capture()
    assert (read.document_id, read.status) == ("d2", "complete")
    assert not (await stream.look(arrived(grey()))).ready_for_capture, "it was fetched"
    assert (await stream.capture()).document_id == "d2" and len(engine.pages_read) == 1


async def test_a_result_nobody_asked_for_is_not_given_for_the_next_document(begin: Begin) -> None:
    stream = await begin(FakeEngine(capture_at=1))
    await stream.look(arrived(grey()))
    await until(lambda: stream.session.viewing.state is CaptureState.DONE)
    reader_of(stream).state = CaptureState.SEARCHING  # the first was taken away
    await stream.look(arrived(grey()))
    assert (await stream.capture()).document_id == "taken"


async def test_other_filters_are_a_picture_of_its_own(begin: Begin) -> None:
    engine = FakeEngine(capture_at=1)
    stream = await begin(engine)
    await stream.look(arrived(grey()))
    await stream.capture()
    wanted = EnhanceSettings(enable_contrast=True)
    assert (await stream.capture(wanted)).document_id == "taken"
    assert engine.filters == [None, wanted]


async def test_one_capture_at_a_time_and_it_ends_with_its_session(begin: Begin) -> None:
    stream = await begin(FakeEngine(read_s=0.3))
    await stream.look(arrived(grey()))
    first = asyncio.create_task(stream.capture())
    await asyncio.sleep(0.05)
    with pytest.raises(CaptureFailed):
        await stream.capture()
    stream.session.close(CloseReason.CLIENT)
    with pytest.raises(InvalidSession):
        await first
    assert stream.reason is CloseReason.CLIENT


class Unreadable(FakeEngine):
    """Finds no zone on anything."""

    def read(self, capture: object) -> Document:
        return Document("d1", DocumentStatus.FAILED, None)


async def test_no_zone_is_told_and_tried_again(begin: Begin) -> None:
    stream = await begin(Unreadable())
    await stream.look(arrived(grey()))
    for _ in range(2):
        with pytest.raises(MrzError):
            await stream.capture()


async def test_capture_joins_the_picture_that_is_just_taken_by_itself(begin: Begin) -> None:
    """It was refused, as a picture was being read: the very one that was asked for."""
    stream = await begin(FakeEngine(capture_at=2, see_s=0.1, read_s=0.1))
    await stream.look(arrived(grey()))
    looking = asyncio.create_task(stream.look(arrived(grey())))
    await asyncio.sleep(0.05)
    assert (await stream.capture()).document_id == "d2"
    await looking


async def test_what_a_lost_client_s_last_frame_completed_is_read(begin: Begin) -> None:
    """Nobody was told of it then: the session read for ever."""
    stream = await begin(FakeEngine(capture_at=2, see_s=0.1))
    await stream.look(arrived(grey()))
    looking = asyncio.create_task(stream.look(arrived(grey())))
    await asyncio.sleep(0.05)
    looking.cancel()
    await asyncio.wait([looking])
    stream.session.detach(stream)
    again = attach(stream.session, stream._around, stream._limits)
    await until(lambda: stream.session.viewing.state is CaptureState.DONE)
    assert (await again.capture()).document_id == "d2"


async def test_a_picture_that_is_given_up_while_it_is_taken_is_read(begin: Begin) -> None:
    may_take = threading.Event()
    engine = FakeEngine(on_take=lambda: may_take.wait(5))
    stream = await begin(engine)
    await stream.look(arrived(grey()))
    taking = asyncio.create_task(stream.capture())
    await asyncio.sleep(0.05)
    taking.cancel()
    await asyncio.wait([taking])
    may_take.set()
    await until(lambda: stream.session.viewing.state is CaptureState.DONE)
    assert len(engine.pages_read) == 1


async def test_nothing_is_reported_of_a_session_that_is_over(begin: Begin) -> None:
    engine = FakeEngine(capture_at=1, see_s=0.2)
    stream = await begin(engine)
    told: list[object] = []
    looking = asyncio.create_task(stream.look(arrived(grey())))
    await asyncio.sleep(0.05)
    stream.session.close(CloseReason.CLIENT)
    await until(lambda: state_of(stream) == "closed")
    stream.session.viewing._channels.overheard = told.append
    looking.cancel()
    await asyncio.sleep(0.3)
    assert not told and not engine.pages_read


async def test_a_reset_leaves_no_picture_with_the_stream(begin: Begin) -> None:
    stream = await begin(FakeEngine())
    await stream.newest(arrived(grey()))
    assert stream._newest is None
    stream._newest = arrived(grey())  # One that waits for its turn.
    stream.reset()
    assert stream._newest is None and not stream._shots


async def test_a_picture_that_a_reset_has_disowned_is_told_to_nobody(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next guest's page would say that a picture was taken."""
    engine = FakeEngine(capture_at=1)
    stream = await begin(engine)
    viewing, reader, told = stream.session.viewing, reader_of(stream), list[str]()
    frame = as_frame(np.zeros((90, 160, 3), np.uint8))
    seen = await asyncio.to_thread(reader.see, frame)
    assert seen.capture is not None and seen.found is not None
    stream.reset()
    viewing._channels.overheard = lambda message: told.append(message.type)
    viewing._report(seen, time.monotonic() * 1000)

    take = reader.take

    def taken_and_reset(*given: Any) -> Exposure:
        exposure = take(*given)
        reader.reset()
        return exposure

    monkeypatch.setattr(reader, "take", taken_and_reset)
    await viewing.take((Shot(frame, seen.found, QUALITY),), None)
    await asyncio.sleep(0.05)
    assert told and "capture" not in told and not engine.pages_read


async def test_a_reset_forgets_the_result(begin: Begin) -> None:
    stream = await begin(FakeEngine(capture_at=1))
    await stream.look(arrived(grey()))
    await until(lambda: stream.session.viewing.state is CaptureState.DONE)
    stream.reset()
    with pytest.raises(CaptureFailed):
        await stream.capture()


async def test_times_of_a_batch_only_rise(begin: Begin) -> None:
    stream = await begin(FakeEngine())
    first = stream.next_times(5, 40)
    second = stream.next_times(5, 40)
    times = first + second
    assert times == sorted(times) and len(set(times)) == 10
    assert stream.next_times(0, 40) == []


class LateReader(FakeReader):
    """Tells of a frame seen during a reading only after that has ended."""

    def see(self, frame: Frame) -> Observation:
        seen = super().see(frame)
        deadline_s = time.monotonic() + 5
        while seen.capture is None and self.state is not CaptureState.DONE:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        return seen


class LateEngine(FakeEngine):
    def live_reader(self) -> FakeReader:
        return LateReader(self)


async def test_a_frame_looked_at_while_a_reading_ends_does_not_begin_it_anew(begin: Begin) -> None:
    stream = await begin(LateEngine(capture_at=1, read_s=0.3))
    await stream.look(arrived(grey()))
    await stream.look(arrived(grey()))
    assert stream.session.viewing.state is CaptureState.DONE
    async with asyncio.timeout(5):
        assert (await stream.capture()).document_id == "d1"
