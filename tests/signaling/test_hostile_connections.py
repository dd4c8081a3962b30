"""Connections that bring headers without end or bodies of nobody's; what stays when all left."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, make_mocked_request

from core.http import BODIES, INTERNAL_CLIENT, SERVER_OPTIONS, TRUSTED_PROXIES, BodyRoom
from core.settings import load_settings
from server import make_app
from signaling.api import shelf
from signaling.api.shelf import SHELF
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine
from tests.signaling.test_stream_http import Http, begin, post

LONG = ("--doors.max-batch-bytes", "2000000", "--doors.max-upload-bytes", "2000000")


@dataclass
class Address:
    """What `begin` and `post` want of a server."""

    url: str


def at(url: str) -> RunningServer:
    return cast(RunningServer, Address(url.rstrip("/")))


ROOM = (*LONG, "--doors.max-frame-bytes", "1000000", "--media.max-still-bytes", "1000000",
        "--signaling.max-bodies-bytes", "1000000")  # fmt: skip
JSON = {"Content-Type": "application/json"}
LONGEST = 2_000_000 * 4 // 3 + 16_384


@asynccontextmanager
async def opened(*arguments: str) -> AsyncIterator[tuple[web.Application, str]]:
    """A server whose insides can be looked at, and its address."""

    def build() -> web.Application:
        return make_app(load_settings(["--port", "0", *arguments]), FakeEngine())

    app = await asyncio.to_thread(build)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(**SERVER_OPTIONS)
    try:
        yield app, str(server.make_url(""))
    finally:
        await server.close()


async def stalled(url: str, path: str, begun: bytes, announced: int) -> asyncio.StreamWriter:
    """A request that sends so much of its body, and no more."""
    _, writer = await asyncio.open_connection("127.0.0.1", int(url.rstrip("/").rsplit(":", 1)[1]))
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {announced}\r\n\r\n"
    )
    writer.write(head.encode() + begun)
    await writer.drain()
    return writer


async def settled(app: web.Application, held: int) -> None:
    async with asyncio.timeout(10):
        while app[BODIES].held_bytes != held:
            await asyncio.sleep(0.02)


async def test_headers_must_be_whole_in_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 60 < SERVER_OPTIONS["keepalive_timeout"] <= 120, "longer than a proxy keeps its own"
    monkeypatch.setitem(SERVER_OPTIONS, "keepalive_timeout", 0.6)
    server = await serve(FakeEngine())
    port = int(server.url.rstrip("/").rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    began_s = time.monotonic()
    while not reader.at_eof() and time.monotonic() - began_s < 10:
        writer.write(b"X-A: b\r\n")
        try:
            async with asyncio.timeout(0.1):
                assert await reader.read(1000) == b""
        except (TimeoutError, ConnectionError):
            continue
    writer.close()
    assert reader.at_eof() and time.monotonic() - began_s < 5


async def test_bodies_of_one_address_have_half_the_room_and_others_the_rest() -> None:
    proxies = ("--signaling.trusted-proxies", "127.0.0.1")
    async with opened(*ROOM, *proxies) as (app, url), Http() as http:
        path = "/api/stream/video/frames"
        part = b'{"session_id": "x", "frames": ["' + b"A" * 1_500_000
        first = await stalled(url, path, part, LONGEST)
        await settled(app, len(part))
        async with http.post(f"{url}{path}", data=io.BytesIO(part), headers=JSON) as got:
            told = await got.json()
        assert (got.status, told["error_code"]) == (503, "OVERLOADED")
        assert "try again" in told["error"] and int(got.headers["Retry-After"]) > 0
        await settled(app, len(part))
        # Another address is not refused for it: its body is read, and found to be none.
        elsewhere = {"Content-Type": "application/json", "X-Forwarded-For": "192.0.2.7"}
        async with http.post(f"{url}{path}", data=io.BytesIO(part), headers=elsewhere) as got:
            assert (await got.json())["error_code"] == "INVALID_MESSAGE"
        # Small requests of the first one neither.
        assert (await post(http, at(url), "/api/stream/session", json={}))[0] == 200
        first.close()
        await settled(app, 0)


@pytest.mark.parametrize("shape", ["bare", "form", "gzip"])
async def test_bodies_of_every_shape_count_and_are_given_back(shape: str) -> None:
    async with opened(*ROOM) as (app, url), Http() as http:
        app[BODIES]._most = 100_000
        picture = bytes(60_000)
        how: dict[str, dict[str, Any]] = {
            "bare": {"data": picture, "headers": {"Content-Type": "image/jpeg"}},
            "gzip": {
                "data": gzip.compress(json.dumps({"image": "A" * 60_000}).encode()),
                "headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"},
            },
        }
        if shape == "form":
            made = aiohttp.FormData()
            made.add_field("image", picture, filename="a.jpg", content_type="image/jpeg")
            how = {"form": {"data": made}}
        status, told = await post(http, at(url), "/api/detect", **how[shape])
        assert (status, told["error_code"]) == (503, "OVERLOADED")
        assert app[BODIES].held_bytes == 0


def test_what_a_lost_connection_held_is_given_back_to_whom_it_was_held_for() -> None:
    """Another worker's request says no more who asked once its socket is gone."""
    app = web.Application()
    app[TRUSTED_PROXIES] = ()
    transport = Mock()
    transport.get_extra_info.side_effect = lambda name, default=None: (
        "/a/socket" if name == "sockname" else default
    )
    headers = {INTERNAL_CLIENT: "192.0.2.7"}
    request = make_mocked_request("POST", "/", headers=headers, app=app, transport=transport)
    room = BodyRoom(1000)
    room.take(request, 300)
    request.protocol.transport = None
    room.take(request, 100)
    room.give_back(request)
    room.give_back(request)
    assert (room.held_bytes, room._held) == (0, {})


async def test_the_longest_body_always_has_room() -> None:
    async with opened(*ROOM) as (app, url), Http() as http:
        body = io.BytesIO(b'{"image": "' + b"A" * 2_000_000 + b'"}')
        status, told = await post(http, at(url), "/api/detect", data=body, headers=JSON)
        assert (status, told["error_code"]) == (422, "INVALID_IMAGE")
        assert app[BODIES].held_bytes == 0


async def test_sockets_that_have_not_begun_count_as_bodies() -> None:
    async with opened(*ROOM) as (app, url), Http() as http:
        app[BODIES]._most = 4_000_000
        waiting = [await http.ws_connect(f"{url}/api/stream/ws") for _ in range(2)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{url}/api/stream/ws")
        assert refused.value.status == 503
        await waiting[0].send_json({"action": "init"})
        assert (await waiting[0].receive_json())["action"] == "init_ok"
        await settled(app, 1_000_000)
        third = await http.ws_connect(f"{url}/api/stream/ws")
        for socket in (*waiting, third):
            await socket.close()
        await settled(app, 0)


async def test_a_card_goes_in_time_though_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_SWEEP_EVERY_S", 0.05)
    async with opened("--doors.card-ttl-s", "0.3") as (app, url), Http() as http:
        own = await begin(http, at(url))
        body = {"session_id": own, "guest_data": {"surname": "ERIKSSON"}}
        status, _ = await post(http, at(url), "/api/mrz/update", json=body)
        assert status == 200
        async with http.delete(f"{url}/api/stream/session/{own}") as answer:
            assert answer.status == 200
        kept = app[SHELF]
        assert kept._cards and kept._closed
        async with asyncio.timeout(5):
            while kept._cards or kept._closed:
                await asyncio.sleep(0.02)
