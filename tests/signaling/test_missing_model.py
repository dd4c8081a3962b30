"""A model's file that is not there is told by every door in the same words."""

from __future__ import annotations

import asyncio

import aiohttp

from core.errors import ModelNotFound
from core.settings import EnhanceSettings
from pipeline.types import Capture, Document, ImageU8
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.signaling.pictures import base64_of, specimen_frames


class Unequipped(FakeEngine):
    def read(self, capture: Capture) -> Document:
        raise ModelNotFound("models/mrz/lines.onnx is missing")

    def read_image(self, bgr: ImageU8, filters: EnhanceSettings | None = None) -> Document:
        raise ModelNotFound("models/mrz/lines.onnx is missing")


async def test_every_door_names_a_missing_model(serve: Serve) -> None:
    server = await serve(Unequipped())
    frame = specimen_frames(1)[0]
    async with aiohttp.ClientSession(server.url) as http:
        async with http.post("/api/extract", json={"image": base64_of(frame)}) as got:
            assert (got.status, (await got.json())["error_code"]) == (500, "MODEL_NOT_FOUND")
        async with http.post("/api/stream/session") as got:
            session = {"session_id": (await got.json())["session_id"]}
        body = {**session, "image": base64_of(frame)}
        async with http.post("/api/stream/frame", json=body) as got:
            assert (await got.json())["detected"]
        async with http.post("/api/stream/capture", json=session) as got:
            assert (got.status, (await got.json())["error_code"]) == (500, "MODEL_NOT_FOUND")
        async with http.ws_connect("/api/stream/ws") as socket:
            await socket.send_json({"action": "init"})
            await socket.receive_json()
            await socket.send_bytes(frame)
            await socket.receive_json()
            await socket.send_json({"action": "capture"})
            told = await socket.receive_json()
            assert (told["action"], told["success"]) == ("capture_result", False)
            assert told["error_code"] == "MODEL_NOT_FOUND"
    async with asyncio.timeout(2):
        await server.registry.drain()  # a reading that failed is over, though no frame follows
