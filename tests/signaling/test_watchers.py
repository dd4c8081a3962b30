"""Who watches a session by its label, and who does so no longer."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from examples.client import CaptureClient
from media.state import CloseReason
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack
from tests.signaling.house import house

AT_ONCE = 4
SOON_S = 8.0
"""A worker's look, and the other's after it, on a busy machine; and less than until a stream says
that it is still there."""


async def test_a_label_never_becomes_the_id_that_gives_a_guest_s_rights(serve: Serve) -> None:
    server = await serve(FakeEngine(capture_at=2))
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    document_id = (await client.wait_for("result"))["document_id"]
    fields = {"primary_identifier": "ERIKSSON"}
    client.send({"type": "confirm", "document_id": document_id, "fields": fields})
    await client.wait_for("confirmed")
    label = next(iter(server.registry)).label
    async with aiohttp.ClientSession(f"{server.url}/") as http:
        for named in (label, client.session_id):
            kinds: set[str] = set()
            text = ""
            async with http.get(f"api/sessions/{named}/events") as stream, asyncio.timeout(10):
                while not kinds >= {"ready", "overlay", "result", "confirmed"}:
                    line = (await stream.content.readline()).decode()
                    text += line
                    if line.startswith("data: "):
                        message = json.loads(line[6:])
                        assert message["session_id"] == named
                        kinds.add(message["type"])
            assert (client.session_id in text) is (named == client.session_id)
    await client.close()


async def let_in(http: aiohttp.ClientSession, door: str) -> aiohttp.ClientResponse:
    """A stream, as soon as there is a place."""
    async with asyncio.timeout(SOON_S):
        while (answer := await http.get(door)).status == 503:
            answer.close()
            await asyncio.sleep(0.1)
    assert answer.status == 200
    return answer


@pytest.mark.parametrize("desk", [False, True])
async def test_who_has_gone_takes_nobody_s_place(desk: bool) -> None:
    """At a session that says nothing, so that nothing is written which would tell of it; also
    where another worker stands between."""
    async with house() as two:
        for asked in two.workers:
            session = two.workers[0].registry.open()
            await asyncio.sleep(0.3)  # its first words are over
            staff = "staff/" if desk else ""
            door = f"{asked.url}/api/{staff}sessions/{session.label}/events"
            async with aiohttp.ClientSession() as http:
                for _ in range(2):
                    streams = [await let_in(http, door) for _ in range(AT_ONCE)]
                    async with http.get(door) as answer:
                        assert answer.status == 503
                    for stream in streams:
                        stream.close()
            await two.workers[0].registry.close(session.id, CloseReason.CLIENT)
