"""One greedy client: its share stays small, whatever it asks for."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Mapping

import aiohttp
import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from examples.client import CaptureClient
from media.ingest import drain
from pipeline.card.order import CardOrder
from pipeline.types import Capture, Document, Frame
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack

_PLAIN_ORDER = CardOrder()


class CountingEngine(FakeEngine):
    """Counts how many readings or fillings run at once."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._now = self.most = self.calls = 0

    def _work(self) -> None:
        with self._lock:
            self._now += 1
            self.calls += 1
            self.most = max(self.most, self._now)
        time.sleep(0.2)
        with self._lock:
            self._now -= 1

    def read(self, capture: Capture) -> Document:
        self._work()
        return super().read(capture)

    def fill_card(
        self, document: Document, confirmed: Mapping[str, str], order: CardOrder = _PLAIN_ORDER
    ) -> bytes:
        self._work()
        return super().fill_card(document, confirmed, order)


async def test_captures_reset_at_once_are_read_one_at_a_time(serve: Serve) -> None:
    engine = CountingEngine()
    server = await serve(engine)
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    await client.wait_for("ready")
    for _ in range(8):
        client.send({"type": "capture"})
        await client.wait_for("capture")
        client.send({"type": "reset"})
    client.send({"type": "capture"})
    assert (await client.wait_for("result"))["status"] == "complete"
    assert engine.most == 1
    await client.close()


async def test_cards_are_filled_one_at_a_time_and_few_wait(serve: Serve) -> None:
    engine = CountingEngine()
    server = await serve(engine)
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    await client.wait_for("ready")
    for _ in range(20):
        client.send({"type": "confirm", "fields": {}})
    assert (await client.wait_for("error"))["code"] == "OVERLOADED"
    for _ in range(4):
        await client.wait_for("confirmed")
    assert (engine.most, engine.calls) == (1, 4)
    client.send({"type": "confirm", "fields": {}})
    assert await client.wait_for("confirmed")
    await client.close()


async def test_a_client_with_channels_without_end_is_closed(serve: Serve) -> None:
    server = await serve()
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    await client.wait_for("ready")
    for number in range(30):
        client.pc.createDataChannel(f"more {number}")
    await server.settle()
    assert server.metric("lobbylens_sessions_ended_total", reason="flood") == 1
    await client.close()


async def test_a_new_offer_has_its_whole_time_to_connect(serve: Serve) -> None:
    server = await serve(None, "--media.connect-timeout-s", "1.5")
    first, second = (CaptureClient(server.url, DrawnTrack()) for _ in range(2))
    body = {"sdp": await first.offer(), "type": "offer"}
    async with aiohttp.ClientSession() as http:
        # The first answer is thrown away, so that nobody connects.
        answer = await (await http.post(f"{server.url}/api/webrtc/offer", json=body)).json()
        await asyncio.sleep(1)
        again = {"sdp": await second.offer(), "type": "offer"}
        again["session"] = {"resume_token": answer["resume_token"]}  # type: ignore[assignment]
        assert (await http.post(f"{server.url}/api/webrtc/offer", json=again)).status == 200
        await asyncio.sleep(1)
        assert len(server.registry) == 1
    await server.settle()
    await first.close()
    await second.close()


class ThreeFrames(MediaStreamTrack):
    """A small frame, one that is far too large, a small one; then it ends."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._sizes = [(64, 48), (8192, 4096), (32, 16)]

    async def recv(self) -> av.VideoFrame:
        if not self._sizes:
            raise MediaStreamError
        return av.VideoFrame(*self._sizes.pop(0), "gray")


async def test_frames_that_no_camera_sends_are_left_out() -> None:
    seen: list[Frame] = []
    await drain(ThreeFrames(), lambda pts: None, seen.append, itertools.count().__next__)
    assert [(frame.width_px, frame.index) for frame in seen] == [(64, 0), (32, 1)]


async def test_a_review_by_http_needs_its_fields_only(serve: Serve) -> None:
    server = await serve(FakeEngine(capture_at=3))
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    result = await client.wait_for("result")
    place = f"{server.url}/api/sessions/{client.session_id}/documents/{result['document_id']}"
    async with aiohttp.ClientSession() as http:
        body = {"fields": {"primary_identifier": "ERIKSEN"}}
        answer = await http.post(f"{place}/confirm", json=body)
        assert answer.status == 200
        assert (await answer.json())["edited"] == ["primary_identifier"]
    await client.close()
