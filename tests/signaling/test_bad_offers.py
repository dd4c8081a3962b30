"""Offers that cannot be answered, and doors that stay shut."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from examples.client import CaptureClient, Refused
from tests.conftest import RunningServer, Serve
from tests.peer import DrawnTrack

TOKEN = "a-long-random-string-for-this-test"


async def post(server: RunningServer, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    url = f"{server.url}/api/webrtc/offer"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, data=data, headers={"Content-Type": "application/json", **headers}) as got,
    ):
        return got.status, await got.json()


async def offer_of(kind: str | None, direction: str = "sendonly") -> str:
    """A real offer with one media section of ``kind``, or with a data channel alone."""
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    if kind is not None:
        pc.addTransceiver(kind, direction=direction)
    pc.createDataChannel("events")
    await pc.setLocalDescription(await pc.createOffer())
    sdp = pc.localDescription.sdp
    await pc.close()
    return sdp


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("no JSON at all", 400, "INVALID_MESSAGE"),
        ("[]", 400, "INVALID_MESSAGE"),
        ("{}", 400, "INVALID_MESSAGE"),
        (b"\xff\xfe{}", 400, "INVALID_MESSAGE"),
        ({"sdp": 7, "type": "offer"}, 400, "INVALID_MESSAGE"),
        ({"sdp": "v=0", "type": "answer"}, 400, "INVALID_MESSAGE"),
        ({"sdp": "v=0", "type": "offer", "session": {"language": "<b>"}}, 400, "INVALID_MESSAGE"),
        ({"sdp": "", "type": "offer"}, 422, "INVALID_SDP"),
        ({"sdp": "garbage", "type": "offer"}, 422, "INVALID_SDP"),
        ({"sdp": "v=0\r\nm=video x y z\r\n", "type": "offer"}, 422, "INVALID_SDP"),
        ({"sdp": "v=0\r\nm=video 9 RTP/AVP 96\r\n", "type": "offer"}, 406, "NOT_ACCEPTABLE"),
        ({"sdp": "x" * 150_000, "type": "offer"}, 413, "TOO_LARGE"),
        ({"sdp": "x" * 1_000_000, "type": "offer"}, 413, "TOO_LARGE"),
    ],
)
async def test_garbage_is_refused_by_name(serve: Serve, body: Any, status: int, code: str) -> None:
    server = await serve()
    got, answer = await post(server, body)
    assert (got, answer["error_code"]) == (status, code)
    assert answer["success"] is False and answer["request_id"] and answer["error"]
    await server.settle()


@pytest.mark.parametrize("cut", range(1, 12))
async def test_a_truncated_offer_never_breaks_the_server(serve: Serve, cut: int) -> None:
    server = await serve()
    sdp = await offer_of("video")
    status, answer = await post(server, {"sdp": sdp[: len(sdp) * cut // 12], "type": "offer"})
    assert status in (200, 406, 422), answer
    assert status == 200 or answer["error_code"] in ("INVALID_SDP", "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    ("kind", "direction"),
    [(None, ""), ("audio", "sendonly"), ("video", "recvonly"), ("video", "inactive")],
)
async def test_no_video_is_not_acceptable(serve: Serve, kind: str | None, direction: str) -> None:
    server = await serve()
    status, answer = await post(server, {"sdp": await offer_of(kind, direction), "type": "offer"})
    assert (status, answer["error_code"]) == (406, "NOT_ACCEPTABLE")
    await server.settle()


async def test_an_unknown_codec_is_not_acceptable(serve: Serve) -> None:
    server = await serve()
    sdp = (await offer_of("video")).replace("VP8/90000", "VP10/90000").replace("H264/", "H299/")
    status, answer = await post(server, {"sdp": sdp, "type": "offer"})
    assert (status, answer["error_code"]) == (406, "NOT_ACCEPTABLE")
    assert "VP8" in answer["error"]


async def test_an_offer_from_a_page_of_elsewhere_is_refused(serve: Serve) -> None:
    server = await serve()
    body = {"sdp": await offer_of("video"), "type": "offer"}
    status, answer = await post(server, body, **{"Content-Type": "text/plain"})
    assert (status, answer["error_code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_second_offer_for_a_closed_session(serve: Serve) -> None:
    server = await serve()
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    async with aiohttp.ClientSession() as http:
        url = f"{server.url}/api/sessions/{client.session_id}"
        assert (await http.delete(url)).status == 204
        assert (await http.delete(url)).status == 404
    await client.close()
    again = CaptureClient(server.url, DrawnTrack())
    with pytest.raises(Refused, match="404 INVALID_SESSION"):
        await again.open(resume_token=client.resume_token)
    await again.close()


async def test_a_refused_resume_leaves_the_session_as_it_was(serve: Serve) -> None:
    server = await serve()
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    body = {"sdp": "junk", "type": "offer", "session": {"resume_token": client.resume_token}}
    assert (await post(server, body))[0] == 422
    await client.wait_for("overlay")
    await client.close()


async def test_a_full_server_says_when_to_come_back(serve: Serve) -> None:
    server = await serve(None, "--signaling.max-sessions", "1")
    first, second = (CaptureClient(server.url, DrawnTrack()) for _ in range(2))
    await first.open()
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{server.url}/api/webrtc/offer", json={"sdp": await second.offer(), "type": "offer"}
        ) as response,
    ):
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert (await response.json())["error_code"] == "OVERLOADED"
    assert server.metric("lobbylens_offers_refused_total", code="OVERLOADED") == 1
    assert server.metric("lobbylens_sessions_refused_total", reason="full") == 1
    await first.close()
    await second.close()


async def test_the_token_opens_the_closed_doors(serve: Serve) -> None:
    server = await serve(None, "--api-token", TOKEN)
    async with aiohttp.ClientSession() as http:
        for path in ("/api/webrtc/config", "/metrics"):
            refused = await http.get(f"{server.url}{path}")
            assert refused.status == 401 and refused.headers["WWW-Authenticate"] == "Bearer"
            allowed = await http.get(
                f"{server.url}{path}", headers={"Authorization": f"Bearer {TOKEN}"}
            )
            assert allowed.status == 200
        assert (await http.post(f"{server.url}/whip", data="v=0")).status == 401
        for path in ("/", "/health", "/static/index.html"):
            assert (await http.get(f"{server.url}{path}")).status == 200
    stranger = CaptureClient(server.url, DrawnTrack())
    with pytest.raises(Refused, match="401"):
        await stranger.open()
    await stranger.close()
    friend = CaptureClient(server.url, DrawnTrack(), token=TOKEN)
    await friend.open()
    await friend.wait_for("overlay")
    await friend.close()
