"""``GET /api/sessions/{id}/events``: a session watched without a channel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jsonschema
import pytest
from aiohttp import web
from aiortc import RTCSessionDescription

from core.settings import load_settings
from examples.client import CaptureClient
from media.schema import protocol_schema
from media.state import CloseReason
from server import make_app
from signaling import events
from signaling.access.credentials import hash_key
from signaling.keys import REGISTRY
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack
from tests.signaling.house import house

SDP = {"Content-Type": "application/sdp"}
HEAD = {"Content-Type": "application/json"}
GUEST_KINDS = {"result", "capture", "confirmed"}


def other_end(secret: str) -> str:
    """The secret with another last letter: as long, and nobody's."""
    return secret[:-1] + ("A" if secret.endswith("_") else "_")


@dataclass
class Publisher:
    """A publisher by WHIP, without a data channel, and the address to watch it by."""

    server: RunningServer
    client: CaptureClient
    session_id: str
    watched: str
    http: aiohttp.ClientSession = field(repr=False)

    def stream(self, **wanted: str) -> Any:
        headers = {"Last-Event-ID": wanted.pop("last")} if "last" in wanted else {}
        return self.http.get(self.watched, params=wanted, headers=headers)


@asynccontextmanager
async def publisher(server: RunningServer, token: str = "") -> AsyncIterator[Publisher]:
    client = CaptureClient(server.url, DrawnTrack(), channels=())
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    url = server.url.rstrip("/")
    async with aiohttp.ClientSession() as http:
        offer = await client.offer()
        opened = await http.post(f"{url}/whip", data=offer, headers={**SDP, **bearer})
        assert opened.status == 201
        link = opened.links["monitor"]
        assert link["type"] == "text/event-stream"
        await client.pc.setRemoteDescription(RTCSessionDescription(await opened.text(), "answer"))
        session_id = opened.headers["Location"].rsplit("/", 1)[1]
        try:
            yield Publisher(server, client, session_id, str(link["url"]), http)
        finally:
            await client.close()


async def blocks(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    """The stream's blocks as their fields; a comment is the field ""."""
    told: dict[str, str] = {}
    async for line in answer.content:
        name, _, value = line.decode().rstrip("\n").partition(":")
        if line == b"\n":
            yield told
            told = {}
        else:
            told[name] = value.strip()


async def until(answer: aiohttp.ClientResponse, kind: str) -> list[dict[str, Any]]:
    """The messages up to the first of this type, each with its ``id`` of the stream."""
    assert answer.status == 200 and answer.content_type == "text/event-stream"
    found = []
    async with asyncio.timeout(20):
        async for block in blocks(answer):
            if "data" in block and "event" not in block:
                found.append({**json.loads(block["data"]), "stream_id": block.get("id")})
                if found[-1]["type"] == kind:
                    return found
    raise AssertionError(f"no {kind} in {[each['type'] for each in found]}")


async def test_a_publisher_without_channels_is_told_everything(serve: Serve) -> None:
    server = await serve(FakeEngine(capture_at=12))
    async with publisher(server) as guest, guest.stream() as stream:
        assert stream.headers["Cache-Control"] == "no-store"
        told = await until(stream, "result")
        kinds = {each["type"] for each in told}
        assert kinds >= {"ready", "card_form", "state", "overlay", "guidance", "capture", "result"}
        assert told[0]["type"] == "ready" and told[0]["seq"] == 0
        numbers = [each["seq"] for each in told]
        assert numbers == sorted(set(numbers))
        schema = protocol_schema()
        check = jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/server_message"})
        for each in told:
            assert each["session_id"] == guest.session_id
            number = each.pop("stream_id")
            assert number == (None if each["type"] in ("ready", "overlay") else str(each["seq"]))
            check.validate(each)
        result = told[-1]
        assert result["fields"]["primary_identifier"]["value"] == "ERIKSSON"

        document = f"{guest.watched.rsplit('/', 1)[0]}/documents/{result['document_id']}"
        confirmed = await guest.http.post(
            f"{document}/confirm", json={"fields": {"primary_identifier": "Eriksson"}}
        )
        assert confirmed.status == 200
        heard = (await until(stream, "confirmed"))[-1]
        assert heard["card"] == (await confirmed.json())["card"]

        async with guest.http.delete(f"{server.url}/whip/{guest.session_id}") as ended:
            assert ended.status == 200
        rest = await asyncio.wait_for(stream.read(), 10)
        assert rest.endswith(b'event: end\ndata: {"reason": "client"}\n\n')
        async with guest.stream() as again:
            assert again.status == 404
            assert (await again.json())["error_code"] == "INVALID_SESSION"


async def test_whoever_comes_later_or_comes_back_misses_no_result(serve: Serve) -> None:
    server = await serve(FakeEngine(capture_at=3))
    async with publisher(server) as guest:
        async with guest.stream(overlay="0") as first:
            told = await until(first, "result")
            assert "overlay" not in {each["type"] for each in told}
            await until(first, "state")
        last = told[-1]["stream_id"]
        async with guest.stream(overlay="0") as late:
            again = await until(late, "state")
            kinds = [each["type"] for each in again]
            assert kinds[-2:] == ["result", "state"] and "guidance" in kinds
            assert again[-2]["seq"] == told[-1]["seq"] and again[-1]["capture"] == "done"
        before = str(int(last) - 1)
        async with guest.stream(overlay="0", last=before) as back:
            assert (await until(back, "result"))[-1]["seq"] == told[-1]["seq"]
        async with guest.stream(overlay="0", last=last) as back:
            session = next(iter(server.registry))
            session.desk.hint("GLARE", "")
            kinds = [each["type"] for each in await until(back, "hint")]
            assert not GUEST_KINDS & set(kinds)
        # What is no number of this feed's begins anew.
        for odd in ("99999999", "nonsense", "-1"):
            async with guest.stream(overlay="0", last=odd) as back:
                assert (await until(back, "result"))[-1]["seq"] == told[-1]["seq"]


async def test_a_silent_stream_is_kept_alive(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_KEEP_ALIVE_S", 0.05)
    server = await serve(FakeEngine())
    session = server.registry.open()
    url = f"{server.url}/api/sessions/{session.id}/events"
    async with aiohttp.ClientSession() as http, http.get(url) as stream, asyncio.timeout(10):
        comments = 0
        async for block in blocks(stream):
            comments += "" in block
            if comments == 3:
                break


async def test_by_its_label_a_session_is_watched_with_the_scope_only(serve: Serve) -> None:
    key, other = "ll_reader", "ll_kiosk"
    keys = f"desk:reader:{hash_key(key)},kiosk:kiosk:{hash_key(other)}"
    server = await serve(FakeEngine(), "--api-token", "right", "--access.api-keys", keys)
    session = server.registry.open()
    door = f"{server.url}/api/sessions/{{}}/events"
    async with aiohttp.ClientSession() as http:
        for token, status in (("", 401), ("wrong", 401), (other, 403), (key, 200), ("right", 200)):
            bearer = {"Authorization": f"Bearer {token}"} if token else {}
            async with http.get(door.format(session.label), headers=bearer) as answer:
                assert answer.status == status, token
        async with http.get(door.format(session.id)) as answer:
            assert answer.status == 200
        good = {"Authorization": "Bearer right"}
        async with http.get(door.format("zzzz"), headers=good) as answer:
            assert (answer.status, (await answer.json())["error_code"]) == (404, "INVALID_SESSION")
        async with http.get(door.format(other_end(session.id))) as answer:
            assert answer.status == 404
        async with http.get(door.format(session.id), params={"overlay": "yes"}) as answer:
            told = await answer.json()
            assert (answer.status, told["field"]) == (400, "overlay")


async def test_few_may_watch_and_a_reset_forgets_the_guest(serve: Serve) -> None:
    server = await serve(FakeEngine(capture_at=2))
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    await client.wait_for("result")
    door = f"{server.url}/api/sessions/{client.session_id}/events"
    async with aiohttp.ClientSession() as http:
        streams = [await http.get(door, params={"overlay": "0"}) for _ in range(4)]
        async with http.get(door) as refused:
            assert refused.status == 503 and "Retry-After" in refused.headers
        for stream in streams:
            stream.close()
        client.send({"type": "reset"})
        client.send({"type": "ping", "id": 1})
        await client.wait_for("pong")
        session = next(iter(server.registry))
        with session.desk.feed.watch(0, False) as watcher:
            kinds: set[str] = set()
            async with asyncio.timeout(5):
                while not {"state", "guidance"} <= kinds:
                    told = await watcher.get()
                    assert told is not None
                    assert "ERIKSSON" not in told.json
                    kinds.add(told.kind)
            assert not kinds & GUEST_KINDS
    await client.close()


async def test_a_worker_that_does_not_own_the_session_passes_the_stream_on() -> None:
    async with house() as two:
        async with publisher(two.workers[0]) as guest:
            owner, other = two.owner(guest.session_id)
            label = next(iter(owner.registry)).label
            for named in (guest.session_id, label):
                url = f"{other.url}/api/sessions/{named}/events"
                async with guest.http.get(url, params={"overlay": "0"}) as stream:
                    assert (await until(stream, "result"))[-1]["status"] == "complete"
            unknown = f"{other.url}/api/sessions/zzzz/events"
            async with guest.http.get(unknown) as answer:
                assert (await answer.json())["error_code"] == "INVALID_SESSION"
        for worker in two.workers:
            for session in worker.registry:
                await worker.registry.close(session.id, CloseReason.CLIENT)


def watches(text: str, what: str = "session.watch") -> list[dict[str, Any]]:
    """The audit log's lines of this kind."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if line["audit"] == what]


async def test_a_head_is_answered_at_once(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    server = await serve(FakeEngine(), "--api-token", "right")
    session = server.registry.open()
    good = {"Authorization": "Bearer right"}
    doors = [f"/api/sessions/{session.id}/events", f"/api/sessions/{session.label}/events"]
    doors.append(f"/api/staff/sessions/{session.label}/events")
    async with aiohttp.ClientSession(server.url, headers=good) as http, asyncio.timeout(10):
        # More than may watch at once: a HEAD takes nobody's place.
        for door in doors * 5:
            async with http.head(door) as answer:
                assert answer.status == 200 and answer.content_type == "text/event-stream"
                assert await answer.read() == b""
        for door in ("/api/sessions/zzzz/events", "/api/staff/sessions/zzzz/events"):
            async with http.head(door) as answer:
                assert answer.status == 404
        async with http.head(doors[1], headers={"Authorization": "Bearer wrong"}) as answer:
            assert answer.status == 401
    told = watches(capsys.readouterr().err)
    assert {line["status"] for line in told} == {200, 401, 404}


async def test_a_watcher_that_goes_away_is_no_error_of_the_server_s(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    server = await serve(FakeEngine())
    session = server.registry.open()
    url = f"{server.url}/api/sessions/{session.id}/events"
    async with aiohttp.ClientSession() as http, asyncio.timeout(10):
        async with http.get(url) as stream:
            await stream.content.readline()
        told: list[dict[str, Any]] = []
        while not told:
            told = watches(capsys.readouterr().err)
            await asyncio.sleep(0.02)
        assert [(line["status"], line["ended_by"]) for line in told] == [(200, "client")]
        # One that stays to the end ends like any other answer.
        async with http.get(url) as stream:
            await stream.content.readline()
            await server.registry.close(session.id, CloseReason.CLIENT)
            await stream.read()
    [line] = watches(capsys.readouterr().err)
    assert line["status"] == 200 and "ended_by" not in line


@pytest.mark.parametrize("cancelling", [True, False])
async def test_who_broke_off_is_noted_in_either_mode_and_at_the_server_s_end(
    capsys: pytest.CaptureFixture[str], cancelling: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_KEEP_ALIVE_S", 0.05)
    app = await asyncio.to_thread(lambda: make_app(load_settings(["--port", "0"]), FakeEngine()))
    runner = web.AppRunner(app, handler_cancellation=cancelling, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    slow = asyncio.Event()

    async def never(*_: object, **__: object) -> None:
        await slow.wait()

    monkeypatch.setattr(app[REGISTRY], "close", never)
    async with aiohttp.ClientSession() as http:
        session = app[REGISTRY].open()
        async with http.get(f"{url}/api/sessions/{session.id}/events") as stream:
            await stream.content.readline()
        told: list[dict[str, Any]] = []
        async with asyncio.timeout(10):
            while not told:
                told = watches(capsys.readouterr().err)
                await asyncio.sleep(0.02)
        assert [(line["status"], line["ended_by"]) for line in told] == [(200, "client")]
        waits = asyncio.create_task(http.delete(f"{url}/api/sessions/{session.id}"))
        await asyncio.sleep(0.2)
        await runner.cleanup()
        with pytest.raises(aiohttp.ClientError):
            await waits
    [line] = watches(capsys.readouterr().err, "session.close")
    assert (line["status"], line["ended_by"]) == (None, "server")
