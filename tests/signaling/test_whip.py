"""WHIP (RFC 9725): open, trickle, end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator

import aiohttp
import pytest
from aiortc import RTCSessionDescription

from core.errors import InvalidSdp
from examples.client import CaptureClient
from signaling.whip import parse_fragment
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack

FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
SDP = {"Content-Type": "application/sdp"}


def candidates_of(sdp: str) -> tuple[str, str]:
    """The description without candidates, and the candidates as a fragment."""
    lines = sdp.split("\r\n")
    ufrag = next(line for line in lines if line.startswith("a=ice-ufrag"))
    password = next(line for line in lines if line.startswith("a=ice-pwd"))
    found = list(dict.fromkeys(line for line in lines if line.startswith("a=candidate")))
    bare = [line for line in lines if not line.startswith(("a=candidate", "a=end-of-cand"))]
    fragment = [ufrag, password, "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", *found]
    return "\r\n".join(bare), "\r\n".join([*fragment, "a=end-of-candidates", ""])


async def test_a_publisher_opens_trickles_and_ends(serve: Serve) -> None:
    server = await serve(None, "--signaling.turn-urls", "turn:192.0.2.1:3478",
                         "--signaling.turn-secret", "s3cret")  # fmt: skip
    client = CaptureClient(server.url, DrawnTrack())
    bare, fragment = candidates_of(await client.offer())
    async with aiohttp.ClientSession() as http:
        opened = await http.post(f"{server.url}/whip", data=bare, headers=SDP)
        assert opened.status == 201
        assert opened.content_type == "application/sdp"
        assert 'rel="ice-server"' in opened.headers["Link"]
        assert 'credential-type="password"' in opened.headers["Link"]
        assert opened.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"
        place, etag = server.url + opened.headers["Location"], opened.headers["ETag"]
        answer = RTCSessionDescription(await opened.text(), "answer")
        stale = {**FRAGMENT, "If-Match": '"other"'}
        assert (await http.patch(place, data=fragment, headers=stale)).status == 412
        fresh = {**FRAGMENT, "If-Match": etag}
        assert (await http.patch(place, data=fragment, headers=fresh)).status == 204
        await client.pc.setRemoteDescription(answer)
        await client.wait_for("overlay")
        restart = {**FRAGMENT, "If-Match": "*"}
        assert (await http.patch(place, data=fragment, headers=restart)).status == 422
        other = fragment.replace("a=ice-ufrag:", "a=ice-ufrag:x")
        assert (await http.patch(place, data=other, headers=FRAGMENT)).status == 422
        assert (await http.patch(place, data="nonsense", headers=FRAGMENT)).status == 422
        assert (await http.patch(place, data=fragment, headers=SDP)).status == 415
        assert (await http.delete(place)).status == 200
        assert (await http.delete(place)).status == 404
        assert (await http.patch(place, data=fragment, headers=FRAGMENT)).status == 404
    await server.settle()
    await client.close()


async def test_a_publisher_without_data_channels_is_served_as_it_is(serve: Serve) -> None:
    """It cannot be asked for other pictures: one is taken of those that it sends, and told of by
    the session's events."""
    server = await serve(FakeEngine(capture_at=10))
    client = CaptureClient(server.url, DrawnTrack(), channels=())
    async with aiohttp.ClientSession() as http:
        opened = await http.post(f"{server.url}/whip", data=await client.offer(), headers=SDP)
        await client.pc.setRemoteDescription(RTCSessionDescription(await opened.text(), "answer"))
        async with asyncio.timeout(15):
            while server.metric("lobbylens_frames_received_total") < 3:
                await asyncio.sleep(0.05)
            own = opened.headers["Location"].rsplit("/", 1)[1]
            async with http.get(f"{server.url}/api/sessions/{own}/events") as events:
                told = [json.loads(line[6:]) async for line in until_result(events.content)]
    assert told[-1]["status"] == "complete"
    assert server.metric("lobbylens_profiles_total", profile="capture") == 1, "asked for in vain"
    await client.close()


async def until_result(lines: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The data lines of server-sent events, up to that of a result."""
    async for line in lines:
        if line.startswith(b"data: "):
            yield line
            if json.loads(line[6:])["type"] == "result":
                return


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, "v=0", 415),
        (SDP, "garbage", 422),
        (SDP, "x" * 1_000_000, 413),
    ],
)
async def test_bad_publications(
    serve: Serve, headers: dict[str, str], body: str, status: int
) -> None:
    server = await serve()
    async with aiohttp.ClientSession() as http:
        assert (await http.post(f"{server.url}/whip", data=body, headers=headers)).status == status
        assert (await http.options(f"{server.url}/whip")).headers["Accept-Post"] == SDP[
            "Content-Type"
        ]
    await server.settle()


def test_fragments() -> None:
    candidate = "1 1 udp 1 192.0.2.1 9 typ host"
    text = f"a=ice-ufrag:EsAw\r\nm=video 9 RTP/AVP 0\r\na=mid:1\r\na=candidate:{candidate}\r\n"
    fragment = parse_fragment(text + "a=end-of-candidates\r\n")
    assert fragment.ufrag == "EsAw" and fragment.ended
    assert fragment.candidates == (("1", candidate),)
    for bad in ("", "hello", "a=mid:0\r\n<html>", "a=candidate:1\r\n" * 200):
        with pytest.raises(InvalidSdp):
            parse_fragment(bad)
