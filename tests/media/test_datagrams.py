"""Datagrams in bursts: all that waits is read at once, up to a bound; errors as asyncio has."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import DatagramProtocol, DatagramTransport
from typing import Any

import aioice.stun
import pytest
from aioice import Candidate
from aioice.ice import StunProtocol
from aioice.stun import Class, Message, Method

from media.datagrams import read_in_bursts


class Listening(DatagramProtocol):
    """Notes what came, and in which of the loop's rounds."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.rounds: list[int] = []
        self.errors: list[type[Exception]] = []
        self.round = 0

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.came.append(data)
        self.rounds.append(self.round)

    def error_received(self, exc: Exception) -> None:
        self.errors.append(type(exc))


async def listening() -> tuple[DatagramTransport, Listening, tuple[str, int]]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        Listening, local_addr=("127.0.0.1", 0)
    )
    return transport, protocol, transport.get_extra_info("sockname")


async def rounds_for(count: int, bursts: bool) -> list[int]:
    """How many of ``count`` waiting datagrams are read in each of the loop's rounds."""
    transport, protocol, address = await listening()
    if bursts:
        assert read_in_bursts(transport)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for number in range(count):
            sender.sendto(bytes([number]), address)
    while len(protocol.came) < count:
        await asyncio.sleep(0)
        protocol.round += 1
    transport.close()
    assert protocol.came == [bytes([number]) for number in range(count)]
    return [protocol.rounds.count(number) for number in sorted(set(protocol.rounds))]


async def test_all_that_waits_is_read_in_one_round() -> None:
    assert await rounds_for(30, bursts=False) == [1] * 30
    assert await rounds_for(30, bursts=True) == [30]


async def test_others_have_their_turn_when_it_does_not_end() -> None:
    assert await rounds_for(150, bursts=True) == [64, 64, 22]


async def test_a_refused_port_is_told_and_a_closed_transport_reads_no_more() -> None:
    transport, protocol, _ = await listening()
    assert read_in_bursts(transport)
    inside: Any = transport
    inside._sock.connect(("127.0.0.1", 9))
    inside._sock.send(b"nobody is there")
    async with asyncio.timeout(5):
        while not protocol.errors:
            await asyncio.sleep(0.01)
    assert protocol.errors == [ConnectionRefusedError]
    transport.abort()
    await asyncio.sleep(0.01)
    assert not protocol.came


def test_another_transport_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    assert not read_in_bursts(DatagramTransport())
    assert "asyncio has changed" in caplog.text


class Ice:
    """What aioice's protocol passes media and checks on to."""

    def __init__(self) -> None:
        self.media: list[tuple[bytes, int]] = []
        self.checks = 0

    def data_received(self, data: bytes, component: int) -> None:
        self.media.append((data, component))

    def request_received(self, message: Any, addr: Any, protocol: Any) -> None:
        self.checks += 1

    def protocol_lost(self, protocol: Any) -> None: ...


async def sent_to(ice: Any, *datagrams: bytes) -> None:
    """Each is received by aioice's own protocol for ``ice``."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: StunProtocol(ice), local_addr=("127.0.0.1", 0)
    )
    protocol.local_candidate = Candidate.from_sdp("1 1 udp 1 127.0.0.1 9 typ host")
    assert read_in_bursts(transport)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for data in datagrams:
            sender.sendto(data, transport.get_extra_info("sockname"))
    await asyncio.sleep(0.05)
    transport.close()


async def test_media_is_not_looked_through_for_stun(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    parse = aioice.stun.parse_message

    def noted(data: bytes) -> Message:
        read.append(data)
        return parse(data)

    monkeypatch.setattr(aioice.stun, "parse_message", noted)
    check = bytes(Message(message_method=Method.BINDING, message_class=Class.REQUEST))
    rtp, rtcp, dtls = b"\x80\x60" + bytes(30), b"\x80\xc8" + bytes(30), b"\x16\xfe\xfd" + bytes(30)
    ice = Ice()
    await sent_to(ice, rtp, check, rtcp, dtls, b"")
    assert ice.media == [(rtp, 1), (rtcp, 1), (dtls, 1), (b"", 1)]
    assert ice.checks == 1
    assert read == [check, b""]


async def test_a_check_that_is_cut_off_hides_nothing_behind_it() -> None:
    """aioice's parser fails on it with an error of struct's, which nobody awaits."""
    head = struct.pack("!HHI12s", 1, 4, 0x2112A442, bytes(12))
    # PRIORITY (RFC 8445, section 7.1.1) without its four bytes.
    cut = head + struct.pack("!HH", 0x24, 0)
    with pytest.raises(struct.error):
        aioice.stun.parse_message(cut)
    rtp, told = b"\x80\x60" + bytes(30), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    ice = Ice()
    await sent_to(ice, cut, rtp)
    assert ice.media == [(rtp, 1)] and told == []


class OtherIce:
    """Takes media by another name."""

    def protocol_lost(self, protocol: Any) -> None: ...


async def test_another_aioice_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    await sent_to(OtherIce())
    assert "aioice has changed" in caplog.text
