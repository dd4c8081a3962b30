"""The front desk's doors: what they show, and what they never do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from examples.client import CaptureClient
from media import reports
from media.desk import masked
from media.messages import Pong
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine, specimen_document
from tests.peer import DrawnTrack
from tests.signaling.house import House, house

GUEST_DATA = ("ERIKSSON", "L898902C3", "P<UTO")


@asynccontextmanager
async def guest(server: RunningServer, token: str | None = None) -> AsyncIterator[CaptureClient]:
    client = CaptureClient(server.url, DrawnTrack(), token=token)
    await client.open(language="fr")
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def desk(server: RunningServer, token: str = "") -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(server.url, headers=headers) as http:
        yield http


async def sessions(http: aiohttp.ClientSession) -> list[dict[str, Any]]:
    async with http.get("/api/staff/sessions") as answer:
        assert answer.status == 200
        found: list[dict[str, Any]] = (await answer.json())["sessions"]
        return found


async def notices(answer: aiohttp.ClientResponse, until: str) -> list[dict[str, Any]]:
    """The stream's notices up to the first of this type."""
    found = []
    async with asyncio.timeout(15):
        async for line in answer.content:
            if line.startswith(b"data: "):
                found.append(json.loads(line[6:]))
                if found[-1].get("type") == until:
                    return found
    raise AssertionError(f"no {until} in {found}")


async def test_a_clerk_sees_how_it_goes_and_no_guest_data(serve: Serve) -> None:
    server = await serve(FakeEngine(capture_at=3))
    async with guest(server) as client, desk(server) as http:
        await client.wait_for("ready")
        [line] = await sessions(http)
        assert line["language"] == "fr"
        assert line["session"] == "connected"
        async with http.get(f"/api/staff/sessions/{line['label']}/events") as stream:
            assert stream.content_type == "text/event-stream"
            told = await notices(stream, "result")
        result = told[-1]
        assert result["status"] == "complete"
        now_ms = time.time() * 1000
        times_ms = [notice["ts_ms"] for notice in told]
        assert times_ms == sorted(times_ms)
        assert now_ms - 20_000 < times_ms[0] <= now_ms
        assert result["fields"]["document_number"] == "checksum"
        seen = json.dumps([told, await sessions(http)])
        for secret in (*GUEST_DATA, client.session_id):
            assert secret not in seen


async def test_a_clerk_who_comes_late_is_told_when_things_happened(serve: Serve) -> None:
    """The latest of each kind in the order in which they were, with their own times."""
    server = await serve(FakeEngine(capture_at=3))
    async with guest(server) as client, desk(server) as http:
        await client.wait_for("result")
        read_ms = time.time() * 1000
        [line] = await sessions(http)
        await asyncio.sleep(0.3)
        door = f"/api/staff/sessions/{line['label']}"
        async with http.post(f"{door}/hint", json={"code": "GLARE"}) as answer:
            assert answer.status == 204
        async with http.get(f"{door}/events") as stream:
            told = await notices(stream, "hint")
        times_ms = {notice["type"]: notice["ts_ms"] for notice in told}
        assert list(times_ms.values()) == sorted(times_ms.values())
        assert times_ms["capture"] <= times_ms["result"] <= read_ms
        assert times_ms["hint"] >= read_ms + 290


async def test_help_reaches_the_guest(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with guest(server) as client, desk(server) as http:
        await client.wait_for("ready")
        [line] = await sessions(http)
        door = f"/api/staff/sessions/{line['label']}"
        async with http.post(f"{door}/hint", json={"code": "GLARE"}) as answer:
            assert answer.status == 204
        assert (await client.wait_for("hint"))["code"] == "GLARE"
        async with http.post(f"{door}/hint", json={"text": " Use the lamp "}) as answer:
            assert answer.status == 204
        assert (await client.wait_for("hint"))["text"] == "Use the lamp"
        async with http.post(f"{door}/picture", json={}) as answer:
            assert answer.status == 204
        result = await client.wait_for("result")

        async with http.post(f"{door}/form", json={}) as answer:
            taken = await answer.json()
        assert (await client.wait_for("form"))["holder"] == "clerk"
        assert taken["document_id"] == result["document_id"]
        assert taken["fields"]["primary_identifier"] == "ERIKSSON"
        async with http.delete(f"{door}/form") as answer:
            assert answer.status == 204
        assert (await client.wait_for("form"))["holder"] == "guest"
        async with http.post(f"{door}/form", json={}) as answer:
            assert answer.status == 200
        assert (await client.wait_for("form"))["holder"] == "clerk"
        async with http.get(f"{door}/events") as stream:
            client.send({"type": "configure", "form": "guest"})
            while (await notices(stream, "form"))[-1]["holder"] != "guest":
                pass
        assert (await client.wait_for("form"))["holder"] == "guest"
        body = {"document_id": taken["document_id"], "fields": {"primary_identifier": "Eriksson"}}
        # What a clerk sent before, and a network has held, does not undo what the guest does.
        async with http.post(f"{door}/confirm", json=body) as answer:
            assert answer.status == 412 and "taken the form back" in (await answer.json())["error"]
        async with http.post(f"{door}/form", json={}) as answer:
            assert answer.status == 200
        async with http.post(f"{door}/confirm", json=body) as answer:
            assert (await answer.json())["edited"] == ["primary_identifier"]
        confirmed = await client.wait_for("confirmed")
        assert await client.fetch(confirmed["card"])
        clerk = server.registry.get(client.session_id).desk
        assert clerk.overview()["confirmed"]
        clerk.note(reports.result(specimen_document("d2")))
        assert not clerk.overview()["confirmed"], "of a family, the next has not"


async def test_a_form_can_be_filled_before_anything_was_read(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with guest(server) as client, desk(server) as http:
        await client.wait_for("ready")
        [line] = await sessions(http)
        door = f"/api/staff/sessions/{line['label']}"
        async with http.post(f"{door}/form", json={}) as answer:
            taken = await answer.json()
            assert (taken["document_id"], taken["fields"]) == (None, {})
        async with http.get(f"/api/sessions/{client.session_id}/card-form") as answer:
            assert taken["card_form"] == await answer.json()
        body = {"document_id": None, "fields": {"primary_identifier": "Eriksson"}}
        async with http.post(f"{door}/confirm", json=body) as answer:
            assert answer.status == 200
        assert await client.wait_for("confirmed")


async def test_the_form_of_a_family_s_next_guest_is_not_the_one_before_s(serve: Serve) -> None:
    server = await serve(FakeEngine(capture_at=3))
    async with guest(server) as client, desk(server) as http:
        first = (await client.wait_for("result"))["document_id"]
        fields = {"primary_identifier": "ERIKSSON"}
        client.send({"type": "confirm", "document_id": first, "fields": fields})
        await client.wait_for("confirmed")
        [line] = await sessions(http)
        door = f"/api/staff/sessions/{line['label']}"
        async with http.post(f"{door}/form", json={}) as answer:
            taken = await answer.json()
            assert (taken["document_id"], taken["fields"]) == (None, {})
        # The guest has gone back to it, and says so.
        client.send({"type": "configure", "reviewing": first})
        client.send({"type": "ping", "id": 1})
        await client.wait_for("pong")
        async with http.post(f"{door}/form", json={}) as answer:
            taken = await answer.json()
        assert taken["document_id"] == first
        assert taken["fields"]["primary_identifier"] == "ERIKSSON"


async def test_a_reset_takes_the_guest_before_out_of_the_stream(serve: Serve) -> None:
    server = await serve(FakeEngine(capture_at=3))
    async with guest(server) as client, desk(server) as http:
        await client.wait_for("result")
        client.send({"type": "reset"})
        client.send({"type": "ping", "id": 1})
        await client.wait_for("pong")
        assert (await sessions(http))[0]["documents"] == 0
        assert (await sessions(http))[0]["confirmed"] is False


async def test_a_guest_who_begins_anew_takes_the_form_back(serve: Serve) -> None:
    """A clerk whose connection was broken just then is told of it afterwards."""
    server = await serve(FakeEngine(capture_at=3))
    async with guest(server) as client, desk(server) as http:
        await client.wait_for("result")
        door = f"/api/staff/sessions/{(await sessions(http))[0]['label']}"
        async with http.post(f"{door}/form", json={}) as answer:
            assert answer.status == 200
        assert (await client.wait_for("form"))["holder"] == "clerk"
        async with http.get(f"{door}/events") as stream:
            assert (await notices(stream, "form"))[-1]["holder"] == "clerk"
            client.send({"type": "reset"})
            assert (await notices(stream, "form"))[-1]["holder"] == "guest"
        assert (await client.wait_for("form"))["holder"] == "guest"
        async with http.get(f"{door}/events") as stream:
            assert (await notices(stream, "form"))[-1]["holder"] == "guest"


async def test_the_desk_needs_the_token(serve: Serve) -> None:
    server = await serve(FakeEngine(), "--api-token", "right")
    async with guest(server, "right") as client, desk(server, "wrong") as http:
        await client.wait_for("ready")
        label = next(iter(server.registry)).label
        door = f"/api/staff/sessions/{label}"
        for path in ("/api/staff/sessions", f"{door}/events"):
            async with http.get(path) as answer:
                assert answer.status == 401
        for action in ("hint", "picture", "form", "confirm"):
            async with http.post(f"{door}/{action}", json={}) as answer:
                assert answer.status == 401
        async with http.get("/staff") as answer:
            assert answer.status == 200
    async with desk(server, "right") as http:
        assert (await sessions(http))[0]["label"] == label


@pytest.mark.parametrize(
    ("action", "body", "code"),
    [
        ("hint", {}, "INVALID_MESSAGE"),
        ("hint", {"text": "x" * 201}, "INVALID_MESSAGE"),
        ("hint", {"code": "no code"}, "INVALID_MESSAGE"),
        ("hint", {"code": "NO_SUCH_CODE"}, "INVALID_MESSAGE"),
        ("confirm", {"fields": "none"}, "INVALID_MESSAGE"),
        ("confirm", {"document_id": "d9", "fields": {}}, "NOT_FOUND"),
    ],
)
async def test_what_cannot_be_used_is_refused(
    serve: Serve, action: str, body: dict[str, Any], code: str
) -> None:
    server = await serve(FakeEngine())
    async with guest(server) as client, desk(server) as http:
        await client.wait_for("ready")
        label = next(iter(server.registry)).label
        async with http.post(f"/api/staff/sessions/{label}/{action}", json=body) as answer:
            assert (await answer.json())["error_code"] == code
        async with http.post(f"/api/staff/sessions/{label}/picture", data="{}") as answer:
            assert (await answer.json())["error_code"] == "UNSUPPORTED_MEDIA_TYPE"
        async with http.post("/api/staff/sessions/none/picture", json={}) as answer:
            assert (await answer.json())["error_code"] == "INVALID_SESSION"


async def test_a_stream_ends_with_its_session_and_few_may_watch(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with guest(server) as client, desk(server) as http:
        await client.wait_for("ready")
        door = f"/api/staff/sessions/{next(iter(server.registry)).label}/events"
        streams = [await http.get(door) for _ in range(4)]
        async with http.get(door) as refused:
            assert refused.status == 503
        client.send({"type": "close"})
        async with asyncio.timeout(10):
            for stream in streams:
                assert (await stream.read()).endswith(b"event: end\ndata: {}\n\n")


def test_a_pong_is_none_of_the_desk_s_business() -> None:
    assert masked(Pong(id="x")) is None


async def test_labels_of_living_sessions_differ(serve: Serve, monkeypatch: Any) -> None:
    given = iter([0xAAAA, 0xAAAA, 0xAAAA, 0x00BB])
    server = await serve(FakeEngine())
    monkeypatch.setattr("signaling.shards.secrets.randbelow", lambda most: next(given))
    first, second = server.registry.open(), server.registry.open()
    assert (first.label, second.label) == ("aaaa", "00bb")


@asynccontextmanager
async def guests_of_both(two: House) -> AsyncIterator[list[CaptureClient]]:
    """A guest with each worker."""
    clients: list[CaptureClient] = []
    try:
        for _ in range(2):
            client = CaptureClient(two.workers[0].url, DrawnTrack())
            clients.append(client)
            await client.open()
            await client.wait_for("ready")
            await asyncio.sleep(0.3)
        assert {client.session_id.split(".")[0] for client in clients} == {"0", "1"}
        yield clients
    finally:
        for client in clients:
            await client.close()


async def test_every_worker_s_sessions_are_seen_and_helped_whichever_is_asked() -> None:
    async with house() as two, guests_of_both(two) as clients:
        for worker in two.workers:
            async with desk(worker) as http:
                lines = await sessions(http)
                assert len({line["label"] for line in lines}) == 2
                ages = [line["age_s"] for line in lines]
                assert ages == sorted(ages, reverse=True)
                async with http.head("/api/staff/sessions") as answer:
                    assert answer.status == 200
        by_label = {}
        for worker in two.workers:
            for session in worker.registry:
                by_label[session.label] = session.id
        for worker in two.workers:
            async with desk(worker) as http:
                for label, session_id in by_label.items():
                    [client] = [each for each in clients if each.session_id == session_id]
                    door = f"/api/staff/sessions/{label}"
                    async with http.head(f"{door}/events") as answer:
                        assert answer.status == 200 and await answer.read() == b""
                    async with http.get(f"{door}/events") as stream:
                        told = await notices(stream, "result")
                    assert told[-1]["status"] == "complete"
                    assert not any(secret in json.dumps(told) for secret in GUEST_DATA)
                    async with http.post(f"{door}/hint", json={"text": label}) as answer:
                        assert answer.status == 204
                    while (await client.wait_for("hint"))["text"] != label:
                        pass
                    async with http.post(f"{door}/form", json={}) as answer:
                        form = await answer.json()
                    assert form["fields"]["primary_identifier"] == "ERIKSSON"
                async with http.get("/api/staff/sessions/zzzz/events") as answer:
                    assert (await answer.json())["error_code"] == "INVALID_SESSION"


async def test_a_worker_that_is_gone_hides_nobody_else_s_sessions() -> None:
    async with house() as two, guests_of_both(two) as clients:
        [gone] = [session.label for session in two.workers[1].registry]
        for client in clients:
            await client.close()
        # Its socket is there no more, as after a crash, and its row is still on the board.
        await two.runners[1].cleanup()
        async with desk(two.workers[0]) as http:
            assert gone not in {line["label"] for line in await sessions(http)}
            async with http.post(f"/api/staff/sessions/{gone}/picture", json={}) as answer:
                assert (await answer.json())["error_code"] == "INVALID_SESSION"
