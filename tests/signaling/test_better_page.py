"""A still that nobody waited for takes the place of the stored picture, and of nothing else."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from examples.client import CaptureClient
from pipeline.types import Capture, Document, Frame, Observation
from tests.conftest import RunningServer, Serve
from tests.fakes import specimen_document
from tests.media.test_ahead import LATE, AheadEngine, HeldReader
from tests.media.test_still_door import JPEG
from tests.peer import DrawnTrack

SHADE = 200


class OneDocument(HeldReader):
    """Whatever it takes is the same document, and known beforehand."""

    def see(self, frame: Frame) -> Observation:
        seen = super().see(frame)
        if seen.capture is None:
            return seen
        return replace(seen, capture=replace(seen.capture, known=specimen_document("d1")))


class LitEngine(AheadEngine):
    """The still is lighter than the video; what was read ahead is beyond doubt."""

    def __init__(self) -> None:
        super().__init__(capture_at=LATE)
        self.better = True

    def live_reader(self) -> OneDocument:
        return OneDocument(self)

    def with_still(self, capture: Capture, jpeg: bytes) -> Capture:
        super().with_still(capture, jpeg)
        page = np.full((16, 24, 3), SHADE, np.uint8)
        return replace(capture, pages=(page, *capture.pages)) if self.better else capture

    def page_picture(self, capture: Capture, document: Document) -> bytes | None:
        return f"a page of {len(capture.pages)}".encode()


@dataclass
class Visit:
    """A guest whose document was told, and whose still is still to come."""

    server: RunningServer
    engine: LitEngine
    client: CaptureClient
    http: aiohttp.ClientSession
    record: str
    audit: Path

    async def second_look(self, pages: int = 2) -> None:
        """A capture of so many pages was looked at: with a still that is better there are two."""
        async with asyncio.timeout(5):
            while pages not in self.engine.pages_looked_at:
                await asyncio.sleep(0.01)

    async def stored(self) -> list[dict[str, Any]]:
        async with self.http.get("/api/stored") as answer:
            told: dict[str, list[dict[str, Any]]] = await answer.json()
        return told["records"]

    async def shade(self, kind: str = "image") -> float:
        """Of the stored picture."""
        async with self.http.get(f"/api/stored/{self.record}/{kind}") as answer:
            assert answer.status == 200
            with Image.open(io.BytesIO(await answer.read())) as picture:
                return float(np.asarray(picture).mean())


Begin = Callable[[], Awaitable[Visit]]


@pytest.fixture
async def begin(serve: Serve, tmp_path: Path) -> AsyncIterator[Begin]:
    visits: list[Visit] = []

    async def made() -> Visit:
        engine, audit = LitEngine(), tmp_path / "audit.jsonl"
        key = base64.b64encode(b"k" * 32).decode()
        server = await serve(
            engine,
            *("--keeping.folder", str(tmp_path / "kept"), "--keeping.keys", f"one:{key}"),
            *("--keeping.image-hours", "1", "--media.still-wait-ms", "5000"),
            *("--access.audit", "file", "--access.audit-file", str(audit)),
            *("--webhooks.urls", "http://127.0.0.1:9/hook", "--webhooks.attempts", "1"),
            *("--webhooks.secrets", base64.b64encode(b"s" * 32).decode()),
        )
        client = CaptureClient(server.url, DrawnTrack())
        http = aiohttp.ClientSession(server.url)
        await client.open(stills=True)
        await client.wait_for("result")
        visit = Visit(server, engine, client, http, "", audit)
        visits.append(visit)
        visit.record = (await visit.stored())[0]["record"]
        assert await visit.shade() < 10
        return visit

    yield made
    for visit in visits:
        await visit.client.close()
        await visit.http.close()


async def test_the_stored_picture_is_the_stills(begin: Begin) -> None:
    visit = await begin()
    assert await visit.client.send_still(JPEG)
    await visit.second_look()
    assert await visit.shade() == pytest.approx(SHADE, abs=2)
    # It is the same document, of which others were told.
    async with asyncio.timeout(5):
        while visit.server.metric("lobbylens_webhooks_total", outcome="given_up") < 1:
            await asyncio.sleep(0.01)
    assert visit.server.metric("lobbylens_webhook_failures_total") == 1
    text = await asyncio.to_thread(visit.audit.read_text)
    assert text.count("document.captured") == 1 and "document.joined" not in text


async def test_the_picture_that_the_result_names_is_the_stills(begin: Begin) -> None:
    visit = await begin()
    assert await visit.client.send_still(JPEG)
    told = await visit.client.wait_for("result", revised=True)
    assert await visit.client.fetch(told["images"]["page"]) == b"a page of 2"


async def test_a_still_that_is_no_better_changes_nothing(begin: Begin) -> None:
    visit = await begin()
    before = await visit.stored()
    visit.engine.better = False
    assert await visit.client.send_still(JPEG)
    await visit.second_look(pages=1)
    assert await visit.stored() == before and await visit.shade() < 10


async def test_each_sides_picture_has_its_own_still(begin: Begin) -> None:
    visit = await begin()
    visit.client.send({"type": "capture"})
    await visit.client.wait_for("result")
    assert await visit.client.send_still(JPEG)
    await visit.second_look()
    assert await visit.shade("other") == pytest.approx(SHADE, abs=2)
    assert await visit.shade() < 10


async def test_a_record_that_was_deleted_stays_so(begin: Begin) -> None:
    visit = await begin()
    async with visit.http.delete(f"/api/stored/{visit.record}") as answer:
        assert (await answer.json())["deleted"] == 1
    assert await visit.client.send_still(JPEG)
    await visit.second_look()
    assert await visit.stored() == []


async def test_of_what_the_guest_has_left_nothing_more_is_stored(begin: Begin) -> None:
    visit = await begin()
    visit.engine.still_s = 0.4
    visit.engine.certain = False
    assert await visit.client.send_still(JPEG)
    await asyncio.sleep(0.1)
    visit.client.send({"type": "reset"})
    async with asyncio.timeout(5):
        while not visit.engine.stills:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert await visit.shade() < 10
