"""TURN for real: a peer that may use nothing but a relay, and coturn with our credentials."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiortc import RTCIceServer

from examples.client import CaptureClient, fetch_ice_servers
from media.adaptations import ice_connections
from signaling.ice import turn_credentials
from tests.conftest import RunningServer, Serve
from tests.live.turn_server import turn_server
from tests.peer import DrawnTrack

SECRET = "the-one-that-both-know"


@pytest.fixture
async def turn_port(tmp_path: Path) -> AsyncIterator[int]:
    async with turn_server(SECRET, tmp_path) as port:
        yield port


async def serve_with(serve: Serve, port: int, secret: str) -> RunningServer:
    url = f"turn:127.0.0.1:{port}?transport=udp"
    return await serve(None, "--signaling.turn-urls", url, "--signaling.turn-secret", secret)


async def relayed_client(server: RunningServer) -> CaptureClient:
    servers = await fetch_ice_servers(server.url)
    return CaptureClient(server.url, DrawnTrack(), ice_servers=servers, relay_only=True)


async def test_a_peer_behind_a_firewall_is_served_through_the_relay(
    turn_port: int, serve: Serve
) -> None:
    server = await serve_with(serve, turn_port, SECRET)
    client = await relayed_client(server)
    await client.open()
    kinds = {
        line.split(" typ ")[1].split()[0]
        for line in client.pc.localDescription.sdp.splitlines()
        if line.startswith("a=candidate:")
    }
    assert kinds == {"relay"}
    assert (await client.wait_for("ready"))["type"] == "ready"
    for _ in range(10):
        overlay = await client.wait_for("overlay")
    assert overlay["frame"]["width"] == 320
    (connection,) = ice_connections(client.pc)
    assert {pair.local_candidate.type for pair in connection._nominated.values()} == {"relay"}
    await client.close()


async def test_our_own_side_gets_a_relay_too(turn_port: int, serve: Serve) -> None:
    server = await serve_with(serve, turn_port, SECRET)
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    assert " typ relay" in client.pc.remoteDescription.sdp
    await client.wait_for("overlay")
    await client.close()


async def test_a_wrong_secret_fails_at_once_and_says_so(
    turn_port: int, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve_with(serve, turn_port, "another-one")
    client = await relayed_client(server)
    async with asyncio.timeout(3):
        with pytest.raises(ConnectionError, match="check its address and secret"):
            await client.open()
    await client.close()
    # Who needs no relay is served all the same, and the operator is told.
    direct = CaptureClient(server.url, DrawnTrack())
    await direct.open()
    await direct.wait_for("overlay")
    await direct.close()
    assert "no relay" in caplog.text and "another-one" not in caplog.text


async def test_credentials_that_have_expired_get_no_relay(turn_port: int, serve: Serve) -> None:
    server = await serve()
    username, credential = turn_credentials(SECRET, 600, now_s=time.time() - 700)
    turn = RTCIceServer(f"turn:127.0.0.1:{turn_port}?transport=udp", username, credential)
    client = CaptureClient(server.url, DrawnTrack(), ice_servers=[turn], relay_only=True)
    with pytest.raises(ConnectionError, match="gives no relay"):
        await client.open()
    await client.close()


async def test_a_turn_server_that_is_silent_holds_nobody_up(serve: Serve) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = await serve_with(serve, silent.getsockname()[1], SECRET)
        client = CaptureClient(server.url, DrawnTrack())
        began_s = time.monotonic()
        await client.open()
        await client.wait_for("overlay")
        assert time.monotonic() - began_s < 4
        await client.close()
