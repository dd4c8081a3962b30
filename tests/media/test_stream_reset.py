"""A reset parts two guests: nothing of the one before is read, told or kept with the next."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import aiohttp
import cv2
import numpy as np
import pytest

from core.errors import CaptureFailed, Overloaded
from core.settings import PipelineSettings
from media.answers import ReadAnswer
from media.messages import Configure
from media.stream import Arrived, Stream, arrived
from pipeline.live import LiveReader
from pipeline.types import Capture, Detection, Document, Field, FieldStatus, Frame, Observation
from tests.conftest import Serve
from tests.fakes import FakeEngine, specimen_document
from tests.media.test_stream import Begin, begin, until  # noqa: F401  the fixture
from tests.signaling.test_stream_ws import begin as begin_socket
from tests.signaling.test_stream_ws import session_id


def page(level: int) -> bytes:
    """A document of one shade; 0 for an empty desk."""
    return bytes(cv2.imencode(".jpg", np.full((480, 640, 3), level, np.uint8))[1].tobytes())


ALICE, BOB, DESK = page(100), page(200), page(0)


class ShadeDetector:
    """Sees a document in whatever is not dark."""

    def detect(self, frame: Frame) -> Detection | None:
        if frame.luma.mean() < 20:
            return None
        quad = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]], np.float32)
        return Detection(quad * np.array([frame.width_px, frame.height_px], np.float32), 0.95)

    def follow(self, frame: Frame, known: Detection) -> Detection | None:
        return None


class ShadeEngine(FakeEngine):
    """The pipeline's own reader; what is read is told by the shade. ``gate`` holds a look up."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.inside = threading.Event()
        self.broken: Exception | None = None
        self.shades: list[float] = []

    def live_reader(self) -> LiveReader:  # type: ignore[override]
        reader = LiveReader(ShadeDetector(), PipelineSettings())
        see = reader.see

        def held(frame: Frame) -> Observation:
            if not self.gate.is_set():
                self.inside.set()
                self.gate.wait(5)
            return see(frame)

        reader.see = held  # type: ignore[method-assign]
        return reader

    def read(self, capture: Capture) -> Document:
        self.shades = [float(page.mean()) for page in capture.pages]
        broken, self.broken = self.broken, None
        if broken is not None:
            time.sleep(0.3)
            raise broken
        name = "ALICE" if self.shades[0] < 150 else "BOB"
        document = specimen_document(capture.id)
        field = Field(name, name, FieldStatus.READ, 0.99)
        return replace(document, fields={**document.fields, "primary_identifier": field})

    @contextmanager
    def held(self) -> Iterator[None]:
        """The next look takes until the end of this."""
        self.inside.clear()
        self.gate.clear()
        yield
        self.gate.set()


def named(read: ReadAnswer) -> str:
    return read.data["surname"]


async def test_a_frame_under_way_at_a_reset_serves_no_picture_after_it(begin: Begin) -> None:  # noqa: F811
    engine = ShadeEngine()
    stream = await begin(engine)
    await stream.look(arrived(DESK))
    with engine.held():
        looks = [asyncio.create_task(stream.look(arrived(ALICE))) for _ in range(2)]
        looks.append(asyncio.create_task(stream.newest(arrived(ALICE))))
        await until(engine.inside.is_set)
        stream.reset()
    for look in looks:
        with pytest.raises(CaptureFailed, match="reset"):
            await look
    await stream.look(arrived(DESK))
    with pytest.raises(CaptureFailed, match="no stable frame"):
        await stream.capture()
    await stream.look(arrived(BOB))
    assert named(await stream.capture()) == "BOB" and min(engine.shades) > 150


async def test_a_batch_ends_with_a_reset(begin: Begin) -> None:  # noqa: F811
    stream = await begin(ShadeEngine())
    with stream.batch() as resets:
        await stream.look(arrived(ALICE), resets)
        stream.reset()
        with pytest.raises(CaptureFailed, match="reset"):
            await stream.look(arrived(ALICE), resets)
    assert not (await stream.look(arrived(DESK))).detected


async def test_a_capture_that_waits_its_turn_takes_no_picture_after_a_reset(begin: Begin) -> None:  # noqa: F811
    engine = ShadeEngine()
    stream = await begin(engine)
    await stream.look(arrived(ALICE))
    with engine.held():
        look = asyncio.create_task(stream.look(arrived(ALICE)))
        await until(engine.inside.is_set)
        capture = asyncio.create_task(stream.capture())
        await asyncio.sleep(0.05)
        stream.reset()
    for ended in (look, capture):
        with pytest.raises(CaptureFailed, match="reset"):
            await ended
    assert stream.session.viewing.reviews.all() == [] and engine.shades == []
    for _ in range(2):
        await stream.look(arrived(BOB))
    assert named(await stream.capture()) == "BOB"


async def test_an_error_of_what_a_reset_disowned_is_told_to_nobody(begin: Begin) -> None:  # noqa: F811
    engine = ShadeEngine()
    engine.broken = Overloaded("the reading broke", 1)
    stream = await begin(engine)
    await stream.look(arrived(ALICE))
    capture = asyncio.create_task(stream.capture())
    await until(lambda: bool(engine.shades))
    stream.reset()
    with pytest.raises(CaptureFailed, match="reset"):
        await capture
    await stream.look(arrived(BOB))
    assert named(await stream.capture()) == "BOB"


async def talk(serve: Serve, *said: bytes | str) -> tuple[list[dict[str, object]], str, str]:
    """What a WebSocket is answered, the session's id, and what a watcher is told afterwards."""
    server = await serve(ShadeEngine())
    async with aiohttp.ClientSession() as http:
        socket = await begin_socket(http, server)
        told = []
        for place, each in enumerate(said):
            if isinstance(each, bytes):
                await socket.send_bytes(each)
                if said[place + 1] != "reset":
                    told.append(await socket.receive_json())
            else:
                await socket.send_json({"action": each})
                done = {"capture": "capture_result", "reset": "reset_ok"}[each]
                while (answer := await socket.receive_json()).get("action") != done:
                    told.append(answer)
                told.append(answer)
        watched = ""
        async with http.get(f"{server.url}/api/sessions/{session_id(socket)}/events") as answer:
            try:
                async with asyncio.timeout(0.5):
                    async for line in answer.content:
                        watched += line.decode()
            except TimeoutError:
                pass
        session = server.registry.get(session_id(socket))
        overview = json.dumps(session.desk.overview())
        await socket.close()
    return told, watched, overview


async def test_a_frame_sent_before_a_reset_does_not_count_after_it(serve: Serve) -> None:
    told, _, _ = await talk(serve, ALICE, "reset", "capture")
    assert told[-1]["success"] is False, told[-1]


async def test_a_frame_that_waits_at_a_reset_is_not_looked_at(serve: Serve) -> None:
    engine = ShadeEngine()
    server = await serve(engine)
    async with aiohttp.ClientSession() as http:
        socket = await begin_socket(http, server)
        with engine.held():
            await socket.send_bytes(ALICE)
            await until(engine.inside.is_set)
            await socket.send_bytes(ALICE)
            await socket.send_json({"action": "reset"})
            assert (await socket.receive_json())["action"] == "reset_ok"
        assert "reset" in (await socket.receive_json())["error"]
        await socket.send_json({"action": "capture"})
        told = await socket.receive_json()
        assert "no stable frame" in told["error"]
        assert server.metric("lobbylens_frames_dropped_total") == 1
        await socket.close()


async def test_a_reset_leaves_no_picture_in_memory(serve: Serve) -> None:
    """Nor does any other wait for the next: the guest's was held until that came."""
    server = await serve(ShadeEngine())
    async with aiohttp.ClientSession() as http:
        socket = await begin_socket(http, server)
        await socket.send_bytes(ALICE)
        await socket.receive_json()
        await socket.send_json({"action": "reset"})
        assert (await socket.receive_json())["action"] == "reset_ok"
        gc.collect()
        assert not [each for each in gc.get_objects() if isinstance(each, Arrived)]
        await socket.close()


async def test_a_stream_s_reset_is_one_for_the_desk_and_whoever_watches(serve: Serve) -> None:
    told, watched, overview = await talk(serve, ALICE, ALICE, "capture", "reset")
    captured = next(each for each in told if each.get("action") == "capture_result")
    assert captured["success"] is True
    assert '"type":"result"' not in watched and "ALICE" not in watched
    assert json.loads(overview)["result"] is None


async def test_the_side_that_was_awaited_is_the_last_guest_s_alone(begin: Begin) -> None:  # noqa: F811
    """Whoever says anew how many sides are wanted has another guest."""
    stream = await begin(ShadeEngine())
    viewing = stream.session.viewing
    viewing._unshown = np.zeros((2, 3, 3), np.uint8)
    viewing.configure(Configure(type="configure", language="fr"))
    assert viewing._unshown is not None
    viewing.configure(Configure(type="configure", sides=2))
    assert viewing._unshown is None and isinstance(stream, Stream)
