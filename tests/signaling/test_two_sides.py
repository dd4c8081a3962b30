"""A card of two sides is one document to everybody who is told of it, and both pictures stay."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from PIL import Image

from examples.client import CaptureClient
from pipeline.types import Capture, Side, Trigger
from tests.conftest import Serve
from tests.fakes import QUALITY, FakeEngine, TwoSidedReader
from tests.peer import DrawnTrack

FRONT, BACK = Side.FRONT, Side.BACK
BRIGHTNESS = {FRONT: 60, BACK: 180}
MISREAD = 120


class TwoSides(TwoSidedReader):
    """Each side's page has a brightness of its own."""

    def __init__(self, engine: TwoSidedEngine) -> None:
        super().__init__(engine, engine.order)

    def picture(self, side: Side, next_side: Side | None) -> Capture:
        seen = MISREAD if side in self._taken else BRIGHTNESS[side]
        page = np.full((8, 8, 3), seen, np.uint8)
        return Capture("d1", (page,), QUALITY, Trigger.MANUAL)


class TwoSidedEngine(FakeEngine):
    def __init__(self, *order: Side) -> None:
        super().__init__()
        self.order = order

    def live_reader(self) -> TwoSides:
        return TwoSides(self)


@pytest.mark.parametrize(
    "order",
    # A blurred back is taken for the front once more.
    [(BACK, FRONT), (FRONT, BACK), (FRONT, FRONT, BACK)],
    ids=["back-first", "front-first", "back-misread"],
)
@pytest.mark.parametrize("confirmed", [False, True], ids=["joined", "confirmed-between"])
async def test_a_document_is_told_once_and_its_other_side_apart(
    serve: Serve, tmp_path: Path, order: tuple[Side, ...], confirmed: bool
) -> None:
    heard: list[dict[str, Any]] = []

    async def hook(request: web.Request) -> web.Response:
        heard.append(json.loads(await request.text()))
        return web.Response()

    receiver = web.Application()
    receiver.router.add_post("/hook", hook)
    runner = web.AppRunner(receiver)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    key = base64.b64encode(b"k" * 32).decode()
    audit = tmp_path / "audit.jsonl"
    server = await serve(
        TwoSidedEngine(*order),
        *("--keeping.folder", str(tmp_path / "kept"), "--keeping.keys", f"one:{key}"),
        *("--keeping.image-hours", "1", "--keeping.json-hours", "1"),
        *("--webhooks.urls", f"http://127.0.0.1:{port}/hook"),
        *("--webhooks.secrets", base64.b64encode(b"s" * 32).decode()),
        *("--access.audit", "file", "--access.audit-file", str(audit)),
    )
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    await client.wait_for("ready")
    async with aiohttp.ClientSession(server.url) as http:
        for number, side in enumerate(order):
            client.send({"type": "capture"})
            if side is BACK or number == len(order) - 1:
                result = await client.wait_for("result")
            else:
                await client.wait_for("state", capture="done")
            if confirmed and number == 0 and side is BACK:
                fields = {"primary_identifier": "Eriksson"}
                client.send({"type": "confirm", "document_id": "d1", "fields": fields})
                await client.wait_for("confirmed")
        assert result["sides"] == [side.value for side in dict.fromkeys(order)]
        async with asyncio.timeout(10):
            while True:
                async with http.get("/api/stored") as answer:
                    records = (await answer.json())["records"]
                if records and len(records[0]["expires_s"]) == 3 and heard:
                    break
                await asyncio.sleep(0.05)
        assert len(records) == 1
        record = records[0]["record"]
        found = {}
        for kind in ("image", "other"):
            async with http.get(f"/api/stored/{record}/{kind}") as answer:
                assert answer.content_type == "image/jpeg"
                with Image.open(io.BytesIO(await answer.read())) as picture:
                    found[kind] = np.asarray(picture).mean()
        # The side that the document was first told with, and the one that joined it.
        assert abs(found["image"] - BRIGHTNESS[BACK]) < 3
        assert abs(found["other"] - BRIGHTNESS[FRONT]) < 3
        async with http.get(f"/api/stored/{record}/json") as answer:
            data = await answer.json(content_type="application/json")
        if confirmed and order[0] is BACK:
            assert data["confirmed"]["fields"] == {"primary_identifier": "Eriksson"}
    kinds = [each["type"] for each in heard]
    assert kinds.count("document.captured") == 1
    async with asyncio.timeout(10):
        while "document.joined" not in (text := await asyncio.to_thread(audit.read_text)):
            await asyncio.sleep(0.05)
    assert text.count("document.captured") == text.count("document.joined") == 1
    await client.close()
    await runner.cleanup()
