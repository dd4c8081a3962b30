"""What is left to send when a peer is being closed is left unsent, and is no error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSctpCapabilities
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from OpenSSL import SSL

from media.adaptations import ice_connections
from media.farewell import _OF_ASSOCIATION, _OF_TRANSPORT, adapt_farewell


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
    assert all(hasattr(transport, name) for name in _OF_TRANSPORT)
    assert all(hasattr(here.sctp, name) for name in _OF_ASSOCIATION)
    assert transport._ssl.get_shutdown() == 0


def test_another_aiortc_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    changed, receiver = SimpleNamespace(), SimpleNamespace()
    sctp = SimpleNamespace(transport=changed)
    transceivers = [SimpleNamespace(receiver=receiver)]
    pc = SimpleNamespace(sctp=sctp, getTransceivers=lambda: transceivers)
    adapt_farewell(cast(RTCPeerConnection, pc))
    assert "leave something behind: aiortc has changed" in caplog.text
    assert "logged as an error: aiortc has changed" in caplog.text
    assert (vars(changed), vars(receiver), vars(sctp)) == ({}, {}, {"transport": changed})


def test_without_data_channels_and_media_there_is_nothing_to_do() -> None:
    bare = SimpleNamespace(sctp=None, getTransceivers=list)
    adapt_farewell(cast(RTCPeerConnection, bare))
    assert bare.sctp is None


@pytest.mark.parametrize("adapted", [True, False])
async def test_no_timer_is_left_of_a_guest_who_vanished(
    peers: tuple[RTCPeerConnection, RTCPeerConnection], adapted: bool
) -> None:
    """Closed in the very moment that something is to be sent again."""
    here, there = peers
    if adapted:
        adapt_farewell(here)
    else:
        silence(here)
    sctp: Any = here.sctp
    for connection in ice_connections(there):
        for protocol in connection._protocols:
            protocol.transport.abort()
    channel = here.createDataChannel("late", negotiated=True, id=9)
    channel.send("nobody hears this")
    async with asyncio.timeout(5):
        while not sctp._sent_queue:
            await asyncio.sleep(0.01)
    sctp._t3_expired()
    await here.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert (sctp._t3_handle is None) is adapted
    sctp._t3_cancel()


def silence(pc: RTCPeerConnection) -> None:
    """What is sent after the goodbye vanishes, and no more is changed."""
    transport: Any = pc.sctp.transport  # type: ignore[union-attr]
    original = transport._send_data

    async def send_data(data: bytes) -> None:
        if not transport._ssl.get_shutdown():
            await original(data)

    transport._send_data = send_data


async def test_nothing_begins_once_all_is_closed(
    peers: tuple[RTCPeerConnection, RTCPeerConnection],
) -> None:
    """A handshake may end while a connection is being closed."""
    here, _ = peers
    receiver: Any = here.addTransceiver("video", direction="recvonly").receiver
    adapt_farewell(here)
    sctp: Any = here.sctp
    await here.close()
    before = asyncio.all_tasks(), threading.active_count()
    sctp._RTCSctpTransport__started = False
    await receiver.receive(RTCRtpReceiveParameters(codecs=[], encodings=[]))
    await sctp.start(RTCSctpCapabilities(maxMessageSize=65_536), 5000)
    assert (asyncio.all_tasks(), threading.active_count()) == before
    assert sctp._t1_handle is None and sctp.state == "closed"
