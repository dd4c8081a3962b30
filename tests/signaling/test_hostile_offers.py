"""Descriptions made to harm: each is refused by name, quickly, and leaves nothing behind."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import aiohttp
import pytest

from core.errors import InvalidSdp
from examples.client import CaptureClient
from media.adaptations import usable_candidates, with_start_bitrate
from media.peer import parse_offer
from tests.conftest import RunningServer, Serve
from tests.peer import DrawnTrack


async def real_offer() -> str:
    client = CaptureClient("http://127.0.0.1:1", DrawnTrack())
    sdp = await client.offer()
    await client.close()
    return sdp


async def post(server: RunningServer, sdp: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{server.url}/api/webrtc/offer", json={"sdp": sdp, "type": "offer"}) as got,
    ):
        return got.status, (await got.json()).get("error_code", "")


def video_of(sdp: str) -> str:
    return "m=video" + sdp.split("m=video")[1].split("m=application")[0]


def many_sections(sdp: str) -> str:
    video = video_of(sdp)
    return sdp + "".join(video.replace("a=mid:0", f"a=mid:{n}") for n in range(2, 30))


BAD: dict[str, Callable[[str], str]] = {
    "bundle of nothing": lambda sdp: re.sub("BUNDLE.*", "BUNDLE nosuch 0 1", sdp),
    "NUL in a mid": lambda sdp: sdp.replace("a=mid:0", "a=mid:0\0"),
    "unknown kind": lambda sdp: (
        sdp + video_of(sdp).replace("a=mid:0", "a=mid:2").replace("m=video", "m=text")
    ),
    "two channels": lambda sdp: (
        sdp + "m=application" + sdp.split("m=application")[1].replace("a=mid:1", "a=mid:2")
    ),
    "no SCTP port": lambda sdp: re.sub("a=sctp-port:.*\r\n", "", sdp),
    "wrong SCTP port": lambda sdp: re.sub("a=sctp-port:.*\r", "a=sctp-port:99999\r", sdp),
    "no fingerprint": lambda sdp: re.sub("a=fingerprint:.*\r\n", "", sdp),
    "many sections": many_sections,
    "many codecs": lambda sdp: sdp.replace(
        "a=mid:0", "a=mid:0" + "\r\na=rtpmap:97 VP8/90000" * 300
    ),
    "many lines": lambda sdp: sdp + "a=x\r\n" * 3000,
}


@pytest.mark.parametrize("name", BAD)
async def test_it_is_refused_by_name(serve: Serve, name: str) -> None:
    server = await serve()
    sdp = BAD[name](await real_offer())
    began_s = time.monotonic()
    assert await post(server, sdp) == (422, "INVALID_SDP")
    assert time.monotonic() - began_s < 2
    await server.settle()


async def test_a_whole_offer_is_not_refused() -> None:
    assert parse_offer(await real_offer()).media


async def test_only_so_many_media_sections() -> None:
    with pytest.raises(InvalidSdp, match="8 m lines"):
        parse_offer(many_sections(await real_offer()))


@pytest.mark.parametrize(
    ("candidate", "kept"),
    [
        ("1 1 udp 5 192.0.2.1 9 typ host", True),
        ("1 1 UDP 5 2001:db8::1 9 typ srflx raddr 192.0.2.1 rport 9", True),
        ("1 2 udp 5 192.0.2.1 9 typ host", False),
        ("1 1 tcp 5 192.0.2.1 9 typ host tcptype active", False),
        ("1 1 udp 5 name.example 9 typ host", False),
        ("1 1 udp 5 abc.LOCAL\t9 typ host", False),
        ("1 1 udp 5 192.0.2.1 0 typ host", False),
        ("1 1 udp 5 192.0.2.1 -9 typ host", False),
        ("1 1 udp 5 192.0.2.1 99999 typ host", False),
        ("no candidate", True),
    ],
)
def test_candidates_that_no_check_can_reach_are_left_out(candidate: str, kept: bool) -> None:
    sdp = f"v=0\r\na=candidate:{candidate}\r\na=mid:0\r\n"
    assert (candidate in usable_candidates(sdp, 5)) is kept
    assert "a=mid:0" in usable_candidates(sdp, 5)


def test_only_so_many_candidates_are_checked() -> None:
    sdp = "".join(f"a=candidate:1 1 udp 5 192.0.2.1 {port} typ host\r\n" for port in range(1, 999))
    assert usable_candidates(sdp, 100).count("a=candidate:") == 100


async def test_a_port_that_cannot_be_does_not_close_our_sockets(serve: Serve) -> None:
    server = await serve()
    client = CaptureClient(server.url, DrawnTrack())
    sdp = await client.offer()
    bad = "a=candidate:9 1 udp 2130706431 127.0.0.1 99999 typ host"
    sdp = sdp.replace("a=mid:0", f"a=mid:0\r\n{bad}")
    assert (await post(server, sdp))[0] == 200
    session = next(iter(server.registry._sessions.values()))
    assert session.peer is not None
    for port in range(99_000, 99_200):
        await session.peer.add_candidate(f"9 1 udp 5 127.0.0.1 {port} typ host", "0")
    assert session.peer._trickled == 0
    for port in range(1, 200):
        await session.peer.add_candidate(f"9 1 udp 5 127.0.0.1 {port} typ host", "0")
    assert session.peer._trickled == 100
    await client.close()


def test_the_start_bitrate_is_said_once_for_a_payload_type_named_often() -> None:
    answer = "a=rtpmap:97 VP8/90000\r\na=fmtp:97 max-fs=1\r\n" * 3
    assert with_start_bitrate(answer, 2000).count("x-google-start-bitrate") == 3
