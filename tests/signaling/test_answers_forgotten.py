"""What was answered is gone once it is sent, although its connection stays."""

from __future__ import annotations

import asyncio
import gc
import weakref
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from core.http import forget_answers
from tests.conftest import Serve


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[web.Response]:
    """All that are sent."""
    sent: list[web.Response] = []
    prepare = web.StreamResponse.prepare

    async def remember(
        answer: web.Response, request: web.BaseRequest
    ) -> AbstractStreamWriter | None:
        sent.append(answer)
        return await prepare(answer, request)

    monkeypatch.setattr(web.Response, "prepare", remember)
    return sent


async def test_no_door_s_answer_is_held(serve: Serve, answers: list[web.Response]) -> None:
    server = await serve()
    async with aiohttp.ClientSession() as http:
        body = {"guest_data": {"surname": "ERIKSSON"}}
        typed = await http.post(f"{server.url}/api/mrz/update", json=body)
        link = (await typed.json())["filled_document"]
        for path, status in ((link, 200), ("/nothing-here", 404), ("/health", 200)):
            answer = await http.get(f"{server.url}{path}")
            assert answer.status == status and await answer.read()
        assert len({id(each) for each in answers}) == 4
        assert [each.body for each in answers if each.body is not None] == []


class Card(bytearray):
    """A body that can be watched."""


@asynccontextmanager
async def serving(
    size: int, packed: bool = False
) -> AsyncIterator[tuple[str, list[weakref.ref[Card]]]]:
    """The address of a card, and those that were made."""
    made: list[weakref.ref[Card]] = []

    async def answer(request: web.Request) -> web.Response:
        card = Card(b"%PDF" * (size // 4))
        made.append(weakref.ref(card))
        response = web.Response(body=card, content_type="application/pdf")
        if packed:
            response.enable_compression(web.ContentCoding.deflate)
        return response

    app = web.Application(middlewares=[forget_answers])
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield "http://{}:{}/".format(*runner.addresses[0]), made
    finally:
        await runner.cleanup()


async def gone(made: list[weakref.ref[Card]]) -> None:
    async with asyncio.timeout(5):
        while any(each() is not None for each in made):
            await asyncio.sleep(0.02)
            # What an error went through holds itself.
            gc.collect()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
async def test_a_body_arrives_whole_and_is_let_go_of(packed: bool) -> None:
    async with (
        serving(2000, packed) as (url, made),
        aiohttp.ClientSession(auto_decompress=False) as http,
    ):
        for _ in range(2):
            answer = await http.get(url)
            body = await answer.read()
            assert answer.headers["Content-Length"] == str(len(body))
            assert (zlib.decompress(body) if packed else body) == b"%PDF" * 500
            await gone(made)
            head = await http.head(url)
            assert head.headers["Content-Length"] == str(len(body)) and await head.read() == b""
            await gone(made)
        assert len(made) == 4


async def test_somebody_who_leaves_before_the_end_costs_nothing() -> None:
    async with serving(20_000_000) as (url, made):
        host, port = url.removeprefix("http://").rstrip("/").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        await gone(made)
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            assert len(await answer.read()) == 20_000_000
