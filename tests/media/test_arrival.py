"""Packets of video on the short way: the same comes of them, and what is odd goes the long way."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from struct import pack
from typing import Any

import pylibsrtp
import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.clock import current_ms
from aiortc.codecs import depayload
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RTCP_PSFB_APP, RTCP_PSFB_PLI, RtpPacket, wrap_rtx
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reception import RTX_SSRC, RTX_TYPE, Link, packets, serialized
from media.arrival import Arrival, adapt_arrival, sent_at
from media.bitstreams import vp8_in
from tests.media.rtp_packets import Time

KEY, DELTA = b"\x10", b"\x11"
VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=96)


def scene(frames: int = 30, seed: int = 1, key_at: int = 0) -> list[RtpPacket]:
    draw = random.Random(seed)
    return packets(
        [
            (KEY if number in (0, key_at) else DELTA) + draw.randbytes(draw.randrange(20, 5000))
            for number in range(frames)
        ]
    )


@contextlib.asynccontextmanager
async def link_of(kind: str) -> AsyncIterator[Link]:
    link = Link(kind)
    await link.open()
    try:
        yield link
    finally:
        await link.close()


def statistics_of(link: Link) -> Any:
    return getattr(link.receiver, "_RTCRtpReceiver__remote_streams")  # noqa: B009


def long_ways(link: Link) -> list[bytes]:
    """Datagrams that are taken by aiortc's own way from now on."""
    taken: list[bytes] = []
    arrival: Any = link.connection.data_received.__self__
    before = arrival._long_way

    def note(data: bytes, component: int) -> None:
        taken.append(data)
        before(data, component)

    arrival._long_way = note
    return taken


async def outcome(kind: str, plain: Sequence[bytes]) -> tuple[Any, Any, Any]:
    """What comes of these packets, two milliseconds from one to the next, without REMB."""
    async with link_of(kind) as link:
        clock, inside = Time(), "_RTCRtpReceiver__"
        for part in ("jitter_buffer", "nack_generator"):
            getattr(link.receiver, inside + part)._clock = clock
        setattr(link.receiver, f"{inside}remote_bitrate_estimator", Recorder(says=False))
        for each in plain:
            clock.now_s += 0.002
            await link.give([link.encrypt.protect(each)])
        streams = {
            ssrc: (each.packets_received, each.max_seq, each.cycles)
            for ssrc, each in statistics_of(link).items()
        }
        return link.frames, sorted(link.said, key=repr), streams


@pytest.mark.parametrize("seed", range(3))
async def test_the_same_comes_of_both_ways(seed: int) -> None:
    """In order, swapped, lost for good, and sent again."""
    draw = random.Random(seed)
    sent = scene(60, seed, key_at=40)
    lost = draw.sample(range(len(sent) // 4, len(sent) // 2), 2)
    repaired = lost[0]
    order = [each for number, each in enumerate(sent) if number not in lost]
    for place in draw.sample(range(10, len(order) - 2), 8):
        order[place], order[place + 1] = order[place + 1], order[place]
    order.insert(repaired + 8, wrap_rtx(sent[repaired], RTX_TYPE, 5, RTX_SSRC))
    plain = serialized(order)
    ours, long_way = await outcome("ours", plain), await outcome("long way", plain)
    assert ours[0] == long_way[0] and len(ours[0]) > 10
    assert ours[1:] == long_way[1:]
    assert any(name == "RtcpRtpfbPacket" for name, _ in ours[1]), "a NACK was sent"


class Recorder:
    """In the place of the bandwidth estimator: says the same of each packet, and keeps it."""

    def __init__(self, says: bool = True) -> None:
        self._says = says
        self.told: list[tuple[int, int, int]] = []
        self.arrived_ms: list[int] = []

    def add(
        self, *, arrival_time_ms: int, abs_send_time: int, payload_size: int, ssrc: int
    ) -> tuple[int, list[int]] | None:
        self.arrived_ms.append(arrival_time_ms)
        self.told.append((abs_send_time, payload_size, ssrc))
        return (500_000, [ssrc]) if self._says else None


async def test_the_estimator_is_told_the_same_and_its_word_is_sent() -> None:
    plain, recorders = serialized(scene(10)), []
    for kind in ("ours", "long way"):
        async with link_of(kind) as link:
            recorder = Recorder()
            setattr(link.receiver, "_RTCRtpReceiver__remote_bitrate_estimator", recorder)  # noqa: B010
            await link.give([link.encrypt.protect(each) for each in plain])
            assert link.said == [("RtcpPsfbPacket", RTCP_PSFB_APP)] * len(plain)
            assert abs(recorder.arrived_ms[-1] - current_ms()) < 5000, "on aiortc's clock"
            recorders.append(recorder)
    assert recorders[0].told == recorders[1].told and len(recorders[0].told) == len(plain)


async def test_a_picture_that_could_not_be_decoded_is_asked_for_again() -> None:
    plain = serialized(scene(10))
    async with link_of("ours") as link:
        sealed = [link.encrypt.protect(each) for each in plain]
        await link.give(sealed[:10])
        failed = getattr(link.receiver, "_RTCRtpReceiver__decoder_error")  # noqa: B009
        failed.set()
        await link.give(sealed[10:])
        assert link.said == [("RtcpPsfbPacket", RTCP_PSFB_PLI)]
        assert not failed.is_set()


async def test_only_what_is_plain_goes_the_short_way() -> None:
    sent = scene(12)
    padded, contributed = sent[-1], sent[-2]
    padded.padding_size, contributed.csrc = 8, [9]
    again = [wrap_rtx(sent[4], RTX_TYPE, number, RTX_SSRC) for number in (1, 2)]
    async with link_of("ours") as link:
        taken = long_ways(link)
        protect = link.encrypt.protect
        plain = serialized([*sent, *again])
        await link.give([protect(each) for each in plain])
        # The first tells aiortc whose the stream is.
        assert len(taken) == 5
        await link.give([b"\x16\xfe\xfd" + bytes(40), b"", b"\x80", b"\x80\xc8" + bytes(30)])
        assert len(taken) == 8, "nothing is there to take of a datagram without a byte"


@pytest.mark.parametrize("kind", ["long way", "ours"])
async def test_no_packet_of_a_burst_overtakes_one_that_goes_the_long_way(kind: str) -> None:
    """Else it would be asked for though it is there, or given up."""
    sent = scene(40)
    for each in sent[10::5]:
        each.padding_size = 8
    async with link_of(kind) as link:
        sealed = [link.encrypt.protect(each) for each in serialized(sent)]
        await link.give(sealed[:3])
        for first in range(3, len(sealed), 8):
            for datagram in sealed[first : first + 8]:  # all of one turn of the loop
                link.connection.data_received(datagram, 1)
            await asyncio.sleep(0.01)
        assert len(link.frames) == 40 and link.said == []


async def test_what_nobody_signed_changes_nothing() -> None:
    sent = serialized(scene(12))
    async with link_of("ours") as link:
        sealed = [link.encrypt.protect(each) for each in sent]
        await link.give(sealed[:20])
        before = statistics_of(link)[77].packets_received, list(link.frames)
        await link.give([each[:-1] + bytes([each[-1] ^ 1]) for each in sealed[20:]])
        assert (statistics_of(link)[77].packets_received, link.frames) == before
        await link.give(sealed[20:])
        assert len(link.frames) == 12


async def test_a_datagram_longer_than_any_packet_does_not_end_the_connection() -> None:
    """Nobody needs a key to send one; aiortc's own way ends over it."""
    sent = serialized(scene(6))
    for kind, ended in (("long way", True), ("ours", False)):
        async with link_of(kind) as link:
            await link.give([link.encrypt.protect(sent[0])])
            for first in (0x80, 0x90):
                await link.give([bytes([first, 96]) + bytes(1600)])
            assert link._task.done() is ended
            if ended:
                assert isinstance(link._task.exception(), ValueError)


async def test_after_a_fault_packets_take_the_long_way(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sent = serialized(scene(12))

    def fail(self: Arrival, data: bytes) -> bool:
        raise AttributeError("no such part")

    async with link_of("ours") as link:
        monkeypatch.setattr(Arrival, "_takes", fail)
        await link.give([link.encrypt.protect(each) for each in sent])
        assert len(link.frames) == 12
    assert len([each for each in caplog.records if "x packet" in each.message]) == 1


async def test_a_receiver_that_has_ended_takes_nothing() -> None:
    sent = serialized(scene(12))
    async with link_of("ours") as link:
        sealed = [link.encrypt.protect(each) for each in sent]
        await link.give(sealed[:10])
        count = len(link.frames)
        link.receiver._handle_disconnect()
        await link.give(sealed[10:])
        assert len(link.frames) == count
        assert statistics_of(link)[77].packets_received == 10


async def test_an_unknown_aiortc_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    assert not adapt_arrival(RTCRtpReceiver.__new__(RTCRtpReceiver))
    pc = RTCPeerConnection()
    receiver: Any = pc.addTransceiver("video", direction="recvonly").receiver
    connection = receiver.transport.transport._connection
    before = connection.data_received
    del receiver.transport._rx_srtp
    assert not adapt_arrival(receiver)
    assert connection.data_received == before
    assert "aiortc has changed" in caplog.text
    receiver.transport._rx_srtp = None
    assert adapt_arrival(receiver)
    await pc.close()


async def test_streams_without_end_are_not_kept_and_end_no_reports() -> None:
    """aiortc cannot write a report on more than 31, and would never end then."""
    sent = scene(12)
    plain = serialized(sent)
    async with link_of("ours") as link:
        await link.give([link.encrypt.protect(each) for each in plain[:10]])
        taken = long_ways(link)
        for ssrc in range(3000, 3050):
            # Nobody signed it.
            signed = link.encrypt.protect(plain[10][:8] + pack("!L", ssrc) + bytes(20))
            await link.give([signed[:-1] + bytes([signed[-1] ^ 1])])
        assert len(taken) == 50
        taken.clear()
        for ssrc in range(1000, 1200):
            # Of the payload type that is known, and of one that was not agreed.
            kind = plain[10][1] if ssrc < 1100 else 35
            odd = plain[10][:1] + bytes([kind]) + plain[10][2:8] + pack("!L", ssrc)
            await link.give([link.encrypt.protect(odd + plain[10][12:])])
        assert len(statistics_of(link)) == 16 == len(taken) + 1
        assert len(link.transport._rtp_router.ssrc_table) <= 17
        count = len(link.frames)
        await link.give([link.encrypt.protect(each) for each in plain[10:]])
        assert len(link.frames) > count


async def test_streams_that_cannot_be_read_are_no_more_than_others() -> None:
    """aiortc knows nothing of them; libsrtp keeps each."""
    plain = serialized(scene(12))
    async with link_of("ours") as link:
        await link.give([link.encrypt.protect(each) for each in plain[:10]])
        taken = long_ways(link)
        for ssrc in range(1000, 1200):
            # Padding (RFC 3550, section 5.1) of no octet.
            odd = bytes([plain[10][0] | 0x20]) + plain[10][1:8] + pack("!L", ssrc) + bytes(20)
            await link.give([link.encrypt.protect(odd)])
        assert list(statistics_of(link)) == [77] and len(taken) == 15


async def test_reports_of_streams_without_end_are_not_kept() -> None:
    """libsrtp would keep each, and look through all of them with each packet."""
    plain = serialized(scene(12))
    async with link_of("ours") as link:
        await link.give([link.encrypt.protect(each) for each in plain[:10]])
        taken = long_ways(link)

        def report(ssrc: int) -> bytes:
            return link.encrypt.protect_rtcp(pack("!BBHL", 0x80, 201, 1, ssrc))

        for ssrc in range(2000, 2050):
            # What nobody signed takes no place.
            signed = report(ssrc)
            await link.give([signed[:-1] + bytes([signed[-1] ^ 1])])
        assert len(taken) == 50
        for ssrc in range(1000, 1200):
            await link.give([report(ssrc)])
        assert len(taken) == 50 + 16
        await link.give([report(1007)])
        assert len(taken) == 50 + 17, "of those that are known each is taken"
        count = len(link.frames)
        await link.give([link.encrypt.protect(each) for each in plain[10:]])
        assert len(link.frames) > count


async def test_whoever_has_the_key_may_send_anything() -> None:
    """Extensions, descriptors and lengths by chance: each is taken or dropped, and nothing ends."""
    draw, sent = random.Random(4), scene(40)
    plain = serialized(sent)
    async with link_of("ours") as link:
        await link.give([link.encrypt.protect(each) for each in plain[:10]])
        for number in range(10, len(plain)):
            whole, start = plain[number], draw.choice((12, 16, 24))
            odd = whole[:start] + draw.randbytes(draw.randrange(60))
            with contextlib.suppress(pylibsrtp.Error):  # it seals no header that it cannot read
                await link.give([link.encrypt.protect(odd)])
            await link.give([link.encrypt.protect(whole)])
        assert not link._task.done()
        arrival: Any = link.connection.data_received.__self__
        assert arrival._short
        last = packets([KEY + bytes(900)], first=70_000)
        await link.give([link.encrypt.protect(each) for each in serialized(last)])
        assert link.frames[-1][1] == KEY + bytes(900)


@given(st.binary(min_size=1, max_size=12))
def test_vp8_is_cut_out_as_aiortc_does(payload: bytes) -> None:
    try:
        theirs: bytes | None = depayload(VP8, payload)
    except ValueError:
        theirs = None
    try:
        ours: bytes | None = vp8_in(payload)
    except ValueError:
        ours = None
    assert ours == theirs


def test_the_time_of_sending_is_found_among_extensions() -> None:
    mid, sent = b"\x40" + b"0", b"\x22" + b"\x01\x02\x03"
    for block in (sent + mid, mid + sent, b"\0\0" + mid + b"\0" + sent):
        assert sent_at(b"####" + block, 4, 4 + len(block), 2) == 0x010203
        assert sent_at(b"####" + block, 4, 4 + len(block), 3) is None
        assert sent_at(b"####" + block, 4, 4 + len(block), None) is None
    assert sent_at(b"\x21\x01\x02\x03", 0, 4, 2) is None, "of another length"


def test_extensions_are_read_within_the_packet() -> None:
    for data in (b"\x22", b"\x22\1\2", pack("!L", 0x2F010203)):
        assert sent_at(data, 0, len(data), 2) is None
