"""ICE servers, their credentials, and the ports that media uses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import aiohttp
import pytest

from core.errors import SettingsError
from core.settings import load_settings
from examples.client import CaptureClient
from signaling.ice import ice_servers, link_headers, own_ice_servers, turn_credentials
from tests.conftest import Serve
from tests.media.test_adaptations import free_ports
from tests.peer import DrawnTrack

TURN = ["--signaling.turn-urls", "turn:192.0.2.1:3478,turns:192.0.2.1:5349"]


def test_no_server_is_used_unless_one_is_set() -> None:
    settings = load_settings([]).signaling
    assert ice_servers(settings) == [] and own_ice_servers(settings) == ()
    assert link_headers(settings) == []


def test_turn_credentials_are_coturn_s() -> None:
    username, credential = turn_credentials("s3cret", 600, now_s=1_000_000.9)
    assert username == "1000600:lobbylens"
    digest = hmac.new(b"s3cret", username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(credential) == digest


def test_credentials_come_only_with_a_secret() -> None:
    with pytest.raises(SettingsError, match="turn-secret"):
        load_settings(TURN)
    settings = load_settings([*TURN, "--signaling.turn-secret", "s3cret"]).signaling
    (server,) = ice_servers(settings, now_s=0)
    assert server["urls"] == ["turn:192.0.2.1:3478", "turns:192.0.2.1:5349"]
    assert server["username"] == "3600:lobbylens"
    assert "s3cret" not in str(server)
    (link, _) = link_headers(settings)
    assert link.startswith('<turn:192.0.2.1:3478>; rel="ice-server"; username="')


async def test_the_configuration_door_tells_browsers(serve: Serve) -> None:
    server = await serve(None, "--signaling.stun-urls", "stun:192.0.2.1:3478")
    async with aiohttp.ClientSession() as http:
        config = await (await http.get(f"{server.url}/api/webrtc/config")).json()
    assert config == {"ice_servers": [{"urls": ["stun:192.0.2.1:3478"]}], "protocol": "1.0"}


async def test_a_session_keeps_to_the_port_range_and_the_public_address(serve: Serve) -> None:
    first, last = free_ports()
    server = await serve(None, "--media.udp-ports", f"{first}-{last}")
    client = CaptureClient(server.url, DrawnTrack())
    await client.open()
    candidates = re.findall(
        r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", client.pc.remoteDescription.sdp
    )
    assert candidates and {int(port) for _, port in candidates} <= {first, last}
    assert "127.0.0.1" in {host for host, _ in candidates}
    await client.wait_for("overlay")
    await client.close()
