"""Each change to aiortc and aioice: what it relies on, and what it does."""

from __future__ import annotations

import asyncio
import errno
import inspect
import queue
import socket
import threading
import time
from typing import Any

import pytest
from aioice import Candidate, stun
from aioice.ice import Connection, StunProtocol
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, rtcrtpreceiver

from core.errors import Overloaded
from media import adaptations
from media.adaptations import (
    DecoderStop,
    IceOptions,
    adapt_consent,
    adapt_gathering,
    ice_connections,
    rtp_timestamp,
    strip_mdns_candidates,
    with_start_bitrate,
)

OFFER = (
    "v=0\r\n"
    "a=candidate:1 1 udp 2113937151 5f2f.local 50000 typ host generation 0\r\n"
    "a=candidate:2 1 udp 2113937151 192.0.2.7 50001 typ host\r\n"
    "a=end-of-candidates\r\n"
)
ANSWER = (
    "a=rtpmap:96 VP8/90000\r\n"
    "a=rtpmap:97 rtx/90000\r\n"
    "a=fmtp:97 apt=96\r\n"
    "a=rtpmap:102 H264/90000\r\n"
    "a=fmtp:102 packetization-mode=1\r\n"
)


def free_ports() -> tuple[int, int]:
    """Two neighbouring UDP ports that are free on every address."""
    for first in range(41_000, 60_000, 2):
        with socket.socket(type=socket.SOCK_DGRAM) as a, socket.socket(type=socket.SOCK_DGRAM) as b:
            try:
                a.bind(("", first))
                b.bind(("", first + 1))
            except OSError:
                continue
            return first, first + 1
    raise AssertionError("no free ports")


async def gather(options: IceOptions) -> Connection:
    connection = Connection(ice_controlling=False)
    adapt_gathering(connection, options)
    await connection.gather_candidates()
    return connection


async def test_ports_are_within_the_range() -> None:
    first, last = free_ports()
    connection = await gather(IceOptions(ports=(first, last)))
    try:
        assert connection.local_candidates
        assert all(first <= item.port <= last for item in connection.local_candidates)
        bound = {p.transport.get_extra_info("sockname")[1] for p in connection._protocols}
        assert bound <= {first, last}
    finally:
        await connection.close()


async def test_a_full_range_is_told() -> None:
    first, _ = free_ports()
    one = await gather(IceOptions(ports=(first, first)))
    try:
        with pytest.raises(Overloaded, match="udp-ports"):
            await gather(IceOptions(ports=(first, first)))
    finally:
        await one.close()


async def test_where_no_more_files_may_be_open_the_sockets_that_were_bound_are_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.2", "127.0.0.3"])
    original, left = socket.socket, [1]

    def scarce(*given: Any, **named: Any) -> socket.socket:
        if not left:
            raise OSError(errno.EMFILE, "Too many open files")
        left.pop()
        return original(*given, **named)

    monkeypatch.setattr("media.adaptations.socket.socket", scarce)
    connection = Connection(ice_controlling=False)
    adapt_gathering(connection, IceOptions(loopback=False))
    await connection.gather_candidates()
    monkeypatch.undo()
    (protocol,) = connection._protocols
    assert "x socket" in caplog.text
    await connection.close()
    assert protocol.transport.is_closing()


async def test_what_gathering_had_bound_when_it_was_given_up_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.2", "127.0.0.3"])
    original, bound = adaptations._bind, list[StunProtocol]()

    async def slow(connection: Connection, component: int, address: str, ports: Any) -> Any:
        if bound:
            await asyncio.sleep(60)
        bound.append(await original(connection, component, address, ports))  # type: ignore[arg-type]
        return bound[0]

    monkeypatch.setattr(adaptations, "_bind", slow)
    connection = Connection(ice_controlling=False)
    adapt_gathering(connection, IceOptions(loopback=False))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await connection.gather_candidates()
    await connection.close()
    assert bound[0].transport.is_closing()


async def test_loopback_is_offered_only_when_asked_for() -> None:
    for wanted in (True, False):
        connection = await gather(IceOptions(loopback=wanted))
        hosts = [item.host for item in connection.local_candidates]
        await connection.close()
        assert ("127.0.0.1" in hosts) is wanted


async def test_public_addresses_replace_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.2"])
    connection = await gather(IceOptions(public_addresses=("192.0.2.9",), loopback=False))
    monkeypatch.undo()
    hosts = {item.host for item in connection.local_candidates}
    await connection.close()
    assert hosts == {"127.0.0.2"}, "loopback is never replaced"
    monkeypatch.setattr("media.adaptations._is_own_only", lambda _: False)
    connection = await gather(IceOptions(public_addresses=("192.0.2.9",), loopback=True))
    hosts = {item.host for item in connection.local_candidates}
    await connection.close()
    assert hosts == {"192.0.2.9"}


class StunServer(asyncio.DatagramProtocol):
    """Tells each that it is seen at ADDRESS (RFC 8489, section 14.2)."""

    ADDRESS = ("192.0.2.77", 40_000)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = stun.parse_message(data)
        answer = stun.Message(
            message_method=asked.message_method,
            message_class=stun.Class.RESPONSE,
            transaction_id=asked.transaction_id,
        )
        answer.attributes["XOR-MAPPED-ADDRESS"] = self.ADDRESS
        self._transport.sendto(bytes(answer), addr)


async def asking_stun() -> list[Candidate]:
    """What one socket, which is not loopback's, gathers with a STUN server there."""
    loop = asyncio.get_running_loop()
    server, _ = await loop.create_datagram_endpoint(StunServer, ("127.0.0.1", 0))
    connection = Connection(
        ice_controlling=False, stun_server=server.get_extra_info("sockname")[:2]
    )
    adapt_gathering(connection, IceOptions(loopback=False))
    try:
        return await connection.get_component_candidates(1, ["0.0.0.0"])
    finally:
        await connection.close()
        server.close()


async def test_a_stun_server_tells_where_we_are_seen() -> None:
    host, seen = await asking_stun()
    assert (host.type, seen.type) == ("host", "srflx")
    assert (seen.host, seen.port) == StunServer.ADDRESS
    assert seen.related_port == host.port


async def test_an_answer_of_stun_s_that_nobody_knows_costs_that_candidate_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def changed(*_: object) -> object:
        return {"candidate": "in another shape"}

    monkeypatch.setattr(adaptations, "server_reflexive_candidate", changed)
    for _ in range(2):
        (host,) = await asking_stun()
        assert host.type == "host"
    assert sum("aioice has changed" in record.getMessage() for record in caplog.records) == 1


async def test_consent_checks_end_with_a_connection_closed_while_connecting() -> None:
    connection = await gather(IceOptions())
    adapt_consent(connection)
    await connection.close()
    async with asyncio.timeout(1):
        await connection.query_consent()


def test_mdns_candidates_go_and_waiting_goes_on() -> None:
    stripped = strip_mdns_candidates(OFFER)
    assert ".local" not in stripped and "192.0.2.7" in stripped
    assert "end-of-candidates" not in stripped
    kept = OFFER.replace("5f2f.local", "192.0.2.8")
    assert strip_mdns_candidates(kept) == kept


def test_start_bitrate_is_said_for_video_codecs_only() -> None:
    said = with_start_bitrate(ANSWER, 2000).split("\r\n")
    assert "a=fmtp:96 x-google-start-bitrate=2000;x-google-max-bitrate=4000" in said
    assert "a=fmtp:97 apt=96" in said
    assert any(
        line.startswith("a=fmtp:102 packetization-mode=1;x-google-start-bitrate=2000")
        for line in said
    )


async def test_a_backlog_is_dropped_without_holding_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow:
        def decode(self, frame: object) -> list[object]:
            time.sleep(0.05)
            return []

    receiver = RTCRtpReceiver.__new__(RTCRtpReceiver)
    backlog: queue.Queue[object] = queue.Queue()
    codec = type("Codec", (), {"name": "slow", "mimeType": "video/slow"})
    for _ in range(100):
        backlog.put((codec, None))
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(rtcrtpreceiver, "get_decoder", lambda codec: Slow())
    thread = threading.Thread(
        target=rtcrtpreceiver.decoder_worker,
        args=(loop, backlog, asyncio.Queue(), threading.Event()),
    )
    thread.start()
    setattr(receiver, "_RTCRtpReceiver__decoder_thread", thread)  # noqa: B010
    setattr(receiver, "_RTCRtpReceiver__decoder_queue", backlog)  # noqa: B010
    began_s = time.monotonic()
    stop = DecoderStop(receiver)
    # What aiortc calls on the loop at a BYE: it must not wait there, and packets that still
    # come find no decoder.
    getattr(receiver, "_RTCRtpReceiver__stop_decoder")()  # noqa: B009
    assert getattr(receiver, "_RTCRtpReceiver__decoder_thread") is None  # noqa: B009
    await stop.finish()
    assert not thread.is_alive()
    assert time.monotonic() - began_s < 2, "100 frames of 50 ms would have taken 5 s"


async def test_what_is_relied_on_is_still_there() -> None:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    pc.addTransceiver("video", direction="recvonly")
    receiver = pc.getReceivers()[0]
    (connection,) = ice_connections(pc)
    assert isinstance(connection, Connection)
    assert isinstance(connection._protocols, list)
    assert "addresses" in inspect.signature(connection.get_component_candidates).parameters
    assert inspect.signature(StunProtocol).parameters.keys() == {"receiver"}
    mapper = getattr(receiver, "_RTCRtpReceiver__timestamp_mapper")  # noqa: B009
    assert rtp_timestamp(receiver, 0) is None
    mapper.map(0xFFFFFFF0)
    assert rtp_timestamp(receiver, 0x20) == 0x10, "RTP timestamps wrap at 32 bits"
    assert isinstance(getattr(receiver, "_RTCRtpReceiver__decoder_queue"), queue.Queue)  # noqa: B009
    assert hasattr(receiver, "_RTCRtpReceiver__decoder_thread")
    assert callable(getattr(receiver, "_RTCRtpReceiver__stop_decoder"))  # noqa: B009
    await pc.close()


class Bare:
    """Of a version that has nothing of what is relied on."""


async def test_what_is_not_there_is_left_out_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bare: Any = Bare()
    for _ in range(2):
        assert ice_connections(bare) == set()
        adapt_gathering(bare, IceOptions())
        adapt_consent(bare)
        assert rtp_timestamp(bare, 90) is None
        await DecoderStop(bare).finish()
    assert not vars(bare)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == len(set(told)) == 5
    assert all("has changed" in each for each in told)
