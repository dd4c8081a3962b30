"""What is left to send when a peer is being closed is left unsent, and is no error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from OpenSSL import SSL

from media.farewell import _RELIES_ON, adapt_farewell


@pytest.fixture
async def peers() -> AsyncIterator[tuple[RTCPeerConnection, RTCPeerConnection]]:
    """Two that are connected by a data channel, which the first has opened."""
    here, there = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    channel = here.createDataChannel("events")
    opened = asyncio.Event()
    channel.on("open", opened.set)
    await here.setLocalDescription(await here.createOffer())
    await there.setRemoteDescription(here.localDescription)
    await there.setLocalDescription(await there.createAnswer())
    await here.setRemoteDescription(there.localDescription)
    async with asyncio.timeout(20):
        await opened.wait()
    yield here, there
    await here.close()
    await there.close()


async def test_after_the_goodbye_nothing_is_sent(
    peers: tuple[RTCPeerConnection, RTCPeerConnection],
) -> None:
    _, there = peers
    transport: Any = there.sctp.transport  # type: ignore[union-attr]
    transport._ssl.shutdown()
    with pytest.raises(SSL.Error):
        await transport._send_data(b"late")
    adapt_farewell(there)
    await transport._send_data(b"late")


async def test_until_then_everything_is_sent(
    peers: tuple[RTCPeerConnection, RTCPeerConnection],
) -> None:
    here, there = peers
    adapt_farewell(here)
    heard: asyncio.Queue[str] = asyncio.Queue()
    there.on("datachannel", lambda channel: channel.on("message", heard.put_nowait))
    channel = here.createDataChannel("second")
    channel.on("open", lambda: channel.send("heard"))
    async with asyncio.timeout(10):
        assert await heard.get() == "heard"


async def test_what_is_relied_on_is_still_there(
    peers: tuple[RTCPeerConnection, RTCPeerConnection],
) -> None:
    here, _ = peers
    transport: Any = here.sctp.transport  # type: ignore[union-attr]
    assert all(hasattr(transport, name) for name in _RELIES_ON)
    assert transport._ssl.get_shutdown() == 0


def test_another_aiortc_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    changed = SimpleNamespace()
    adapt_farewell(
        cast(RTCPeerConnection, SimpleNamespace(sctp=SimpleNamespace(transport=changed)))
    )
    assert "aiortc has changed" in caplog.text
    assert vars(changed) == {}


def test_without_data_channels_there_is_nothing_to_do() -> None:
    adapt_farewell(cast(RTCPeerConnection, SimpleNamespace(sctp=None)))
