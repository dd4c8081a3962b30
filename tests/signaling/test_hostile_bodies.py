"""Bodies made to hold the server up or to break it: each is refused, and nobody else waits."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from signaling.api import bodies
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine

FORM = {"Content-Type": "multipart/form-data; boundary=x"}
HEAD = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'


async def post(
    server: RunningServer, data: object, headers: dict[str, str]
) -> tuple[int, str, str]:
    """Status, code and sentence."""
    url = f"{server.url}/api/detect"
    async with aiohttp.ClientSession() as http, http.post(url, data=data, headers=headers) as got:
        told = await got.json()
        return got.status, told["error_code"], told["error"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"\r\n" * 500_000, "lines outside its parts"),
        (b"\n" * 1_000_000 + HEAD + b"y\r\n--x--\r\n", "lines outside its parts"),
        (b"z" * 3_000_000, "cannot be understood"),
        (HEAD + b"\r\n--" * 400_000, "cannot be understood"),
    ],
)
async def test_what_stands_outside_a_form_s_parts_is_bounded(
    serve: Serve, body: bytes, sentence: str
) -> None:
    server = await serve(FakeEngine())
    began_s = time.process_time()
    status, code, told = await post(server, io.BytesIO(body), FORM)
    assert (status, code) == (400, "BAD_REQUEST") and sentence in told
    # Read to the end, half a million lines take seconds, in which nobody else is served.
    assert time.process_time() - began_s < 1.5


async def test_as_many_parts_as_may_be_have_room(serve: Serve) -> None:
    server = await serve(FakeEngine())
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\nX-One: 1\r\nX-Two: 2\r\n\r\ny\r\n'
    status, code, _ = await post(server, part * 599 + b"--x--\r\n", FORM)
    assert (status, code) == (422, "INVALID_IMAGE"), "understood, and without a picture"
    status, code, told = await post(server, part * 601 + b"--x--\r\n", FORM)
    assert (status, code) == (413, "TOO_LARGE") and "600 parts" in told


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"--x\r\nContent-Dispo", HEAD + b"abc"])
async def test_a_form_that_stalls_is_given_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(bodies, "_FORM_S", 0.5)
    server = await serve(FakeEngine())

    async def stalled() -> AsyncIterator[bytes]:
        yield begun or b"\n"
        await asyncio.sleep(20)

    began_s = time.monotonic()
    status, code, told = await post(server, stalled(), FORM)
    assert (status, code) == (400, "BAD_REQUEST") and "in time" in told
    assert time.monotonic() - began_s < 15


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"guest_data": ' + DEEP + b"]" * 100_000 + b"}",
        b'{"guest_data": ' + b'{"a":' * 60_000 + b"1" + b"}" * 60_000 + b"}",
        b'{"guest_data": {"surname": "\\ud800"}}',
        b'{"guest_data": {"sur\\u0000name": "x", "a.b": "c", "__proto__": "d", "": "e"}}',
        b'{"guest_data": {"surname": NaN, "arrival": Infinity}}',
        b'{"guest_data": {"surname": 1' + b"0" * 5000 + b"}}",
        b'{"session_id": "\\ud800", "guest_data": {}}',
        b'{"session_id": "%2F..%2F\\u0000", "guest_data": {}}',
        b'{"guest_data": "\xff\xfe"}',
        '{"guest_data": {}}'.encode("utf-16"),
    ],
)
@pytest.mark.parametrize("path", ["/api/mrz/update", "/api/document/preview"])
async def test_json_made_to_break_is_the_client_s_fault(
    serve: Serve, path: str, body: bytes
) -> None:
    server = await serve(FakeEngine())
    async with aiohttp.ClientSession() as http, http.post(
        f"{server.url}{path}", data=body, headers={"Content-Type": "application/json"}
    ) as got:  # fmt: skip
        text = await got.text()
    # Names that no card has are left out, and a text that is none is refused.
    assert got.status < 500, text
    if got.status >= 400:
        told = json.loads(text)
        assert told["success"] is False and told["error_code"] and "ud800" not in text


@pytest.mark.parametrize("origin", ["http://[", "https://[::", "null", "http://]", "\u00e9"])
@pytest.mark.parametrize("path", ["/api/document/preview", "/api/extract", "/api/stream/session"])
async def test_an_origin_that_is_none_is_one_of_elsewhere(
    serve: Serve, path: str, origin: str
) -> None:
    server = await serve(FakeEngine())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\n"
        "Connection: close\r\nContent-Length: 0\r\n\r\n".encode()
    )
    async with asyncio.timeout(30):
        status = int((await reader.readline()).split()[1])
    writer.close()
    assert status == 403
