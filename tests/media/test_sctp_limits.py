"""Messages that never end: what aiortc keeps of them is bounded, and honest ones still arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    DataChunk,
    InboundStream,
    RTCSctpTransport,
)

from media.sctp_limits import _RELIES_ON, MAX_CHUNKS, MAX_STREAMS, adapt_sctp

_STRING = 51


@dataclass
class Pair:
    """A client that may do as it likes, and the bounded side; ``heard`` is what arrived there."""

    client: Any
    bounded: Any
    heard: list[str] = field(default_factory=list)

    async def send(self, data: bytes, flags: int, *, stream: int = 1, skip: int = 0) -> None:
        """One chunk, whatever window the other side has told; ``skip`` TSNs are left out."""
        chunk = DataChunk(flags=flags)
        self.client._local_tsn += skip
        chunk.tsn = self.client._local_tsn
        chunk.stream_id, chunk.stream_seq, chunk.protocol = stream, 0, _STRING
        chunk.user_data = data
        self.client._local_tsn += 1
        await self.client._send_chunk(chunk)
        # Loopback loses what comes faster than it is read.
        await asyncio.sleep(0)

    def kept(self) -> int:
        """Bytes that wait for the rest of their message."""
        return sum(
            len(chunk.user_data)
            for stream in self.bounded._inbound_streams.values()
            for chunk in stream.reassembly
        )

    async def aborted(self) -> bool:
        async with asyncio.timeout(10):
            while self.bounded.state != "closed":
                await asyncio.sleep(0.02)
        return self.kept() == 0


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    client, bounded = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    channel = client.createDataChannel("events")
    heard: list[str] = []
    bounded.on("datachannel", lambda opened: opened.on("message", heard.append))
    await client.setLocalDescription(await client.createOffer())
    await bounded.setRemoteDescription(client.localDescription)
    adapt_sctp(bounded)
    await bounded.setLocalDescription(await bounded.createAnswer())
    await client.setRemoteDescription(bounded.localDescription)
    async with asyncio.timeout(10):
        while channel.readyState != "open":
            await asyncio.sleep(0.02)
    for text in ("hello", "x" * 60_000):
        channel.send(text)
    async with asyncio.timeout(10):
        while len(heard) < 2:
            await asyncio.sleep(0.02)
    yield Pair(client.sctp, bounded.sctp, heard)
    await client.close()
    await bounded.close()


async def test_a_message_that_never_ends_ends_the_association(pair: Pair) -> None:
    sent = most = 0
    while pair.bounded.state != "closed" and sent < 4000:
        await pair.send(bytes(1100), SCTP_DATA_FIRST_FRAG if sent == 0 else 0)
        sent += 1
        most = max(most, pair.kept())
    assert await pair.aborted()
    assert 500_000 < most <= 1024 * 1024 + 1200
    async with asyncio.timeout(10):
        while pair.client.state != "closed":
            await asyncio.sleep(0.02)


async def test_crumbs_without_end_and_gaps_without_end(pair: Pair) -> None:
    for number in range(2 * MAX_CHUNKS):
        # Every second chunk is missing, and none is the last of its message.
        await pair.send(b"x", SCTP_DATA_FIRST_FRAG, skip=1)
        if number % 100 == 0:
            await asyncio.sleep(0.01)
        if pair.bounded.state == "closed":
            break
    assert await pair.aborted()
    assert number >= MAX_CHUNKS - 1


async def test_streams_without_number(pair: Pair) -> None:
    whole = SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG
    for stream in range(MAX_STREAMS + 10):
        await pair.send(b"x", whole, stream=100 + stream)
    assert await pair.aborted()


async def test_aiortc_still_has_what_this_relies_on() -> None:
    transport = SimpleNamespace(_register_data_receiver=lambda _: None, state="new")
    sctp = RTCSctpTransport(cast(Any, transport))
    for name in _RELIES_ON:
        assert hasattr(sctp, name)
    assert sctp._advertised_rwnd == 1024 * 1024
    assert InboundStream().reassembly == []


def test_another_aiortc_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    changed = SimpleNamespace(_receive_data_chunk="theirs")
    adapt_sctp(cast(RTCPeerConnection, SimpleNamespace(sctp=changed)))
    assert changed._receive_data_chunk == "theirs"
    assert "unbounded" in caplog.text
    adapt_sctp(cast(RTCPeerConnection, SimpleNamespace(sctp=None)))
