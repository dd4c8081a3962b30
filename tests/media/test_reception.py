"""RTP reception: order, loss, repair, key frames; packets are made here, time is given."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from media.decoding import FrameRun
from media.feedback import Repairs
from media.layers import LayerGate
from media.reception import (
    LONGEST_REPAIR_S,
    LONGEST_WAIT_S,
    MAX_PACKETS,
    FrameAssembler,
    adapt_reception,
)
from tests.media.rtp_packets import DELTA, FRAME_MS, KEY, WAIT_S, Time, packets


def frames_of(run: JitterFrame | None) -> list[JitterFrame]:
    return [run, *run.later] if isinstance(run, FrameRun) else []


def numbers(frames: list[JitterFrame]) -> list[int]:
    return [frame.data[1] for frame in frames]


def test_a_frame_goes_on_with_its_last_packet_not_with_the_next_frame() -> None:
    assembler, stock = FrameAssembler(WAIT_S, Time()), JitterBuffer(512, is_video=True)
    ours, theirs = [], []
    for packet in packets(3):
        ours.append(len(frames_of(assembler.add(packet)[1])))
        theirs.append(int(stock.add(packet)[1] is not None))
    assert ours == [0, 0, 0, 1] * 3
    assert theirs == [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]


@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_reordering_within_the_wait_loses_nothing(shuffle: random.Random, size: int) -> None:
    assembler = FrameAssembler(WAIT_S, Time())
    sent = packets(20, size)
    # Each packet is late by up to 5 places; the first stays, as nothing tells of one before it.
    order = [0, *sorted(range(1, len(sent)), key=lambda place: place + shuffle.uniform(0, 5))]
    got = []
    for place in order:
        wanted, run = assembler.add(sent[place])
        assert not wanted
        got += frames_of(run)
    assert numbers(got) == list(range(20))
    assert all(len(frame.data) == 3 * size for frame in got)


def test_a_frame_without_a_marker_ends_with_the_next_timestamp() -> None:
    assembler = FrameAssembler(WAIT_S, Time())
    sent = packets(2)
    sent[3].marker = 0
    got = [frames_of(assembler.add(packet)[1]) for packet in sent]
    assert [numbers(frames) for frames in got if frames] == [[0], [1]]


def test_padding_makes_no_frame() -> None:
    assembler = FrameAssembler(WAIT_S, Time())
    sent = packets(3, size=1, first=100)
    sent[1]._data, sent[1].marker = b"", 0  # type: ignore[attr-defined]
    sent[1].timestamp = sent[0].timestamp
    got = [frames_of(assembler.add(packet)[1]) for packet in sent]
    assert [numbers(frames) for frames in got if frames] == [[0], [2]]


def play(lost: set[int], key_at: int = 0, came_late: dict[int, int] | None = None) -> list[float]:
    """Times at which frames went on, one frame each 42 ms; a PLI brings a key frame in 60 ms."""
    clock, out = Time(), []
    assembler = FrameAssembler(WAIT_S, clock)
    sent = packets(60, key_at=key_at)
    key_due_s = float("inf")
    for place, packet in enumerate(sent):
        clock.now_s = place // 4 * FRAME_MS / 1000 + place % 4 * 0.002
        if place % 4 == 0 and clock.now_s >= key_due_s:
            key_due_s = float("inf")
            packet._data = KEY + packet._data[1:]  # type: ignore[attr-defined]
        for late, after in (came_late or {}).items():
            if after == place:
                out += [clock.now_s] * len(frames_of(assembler.add(sent[late])[1]))
        if place in lost or place in (came_late or {}):
            continue
        wanted, run = assembler.add(packet)
        if wanted:
            key_due_s = clock.now_s + 0.06
        out += [clock.now_s] * len(frames_of(run))
    return out


def longest_gap(times: list[float]) -> float:
    return max(b - a for a, b in itertools.pairwise(times))


@pytest.mark.parametrize("lost", [{40}, {41}, {43}, {40, 41, 42, 43}, {43, 44}, {39, 50, 81}])
def test_a_packet_that_never_comes_freezes_for_less_than_300_ms(lost: set[int]) -> None:
    times = play(lost)
    assert longest_gap(times) <= 0.3
    assert times[-1] > 59 * FRAME_MS / 1000


def test_a_key_frame_that_is_lost_too_is_asked_for_again() -> None:
    assert longest_gap(play({39, 61})) <= 0.6


def test_a_packet_that_was_sent_again_costs_no_frame() -> None:
    times = play(set(), came_late={41: 50})
    assert len(times) == 60 and longest_gap(times) < 0.15


def test_after_a_loss_nothing_is_decoded_before_a_key_frame() -> None:
    clock, told = Time(), Counter[str]()
    repairs = Repairs(
        key_asked=lambda: told.update(["key asked"]), given_up=lambda: told.update(["given up"])
    )
    assembler = FrameAssembler(WAIT_S, clock, repairs=repairs)
    got, asked = [], 0
    for place, packet in enumerate(packets(40, key_at=30)):
        clock.now_s = place * 0.0105
        if place == 42:
            continue
        wanted, run = assembler.add(packet)
        asked += wanted
        got += numbers(frames_of(run))
    assert got == [*range(10), *range(30, 40)]
    assert 2 <= asked <= 4, "asked again while none comes, but not with every packet"
    assert assembler.given_up == 1
    assert told == {"key asked": asked, "given up": 1}


def late(after_s: float, *, key_at: int = 0, gone: int = 41) -> tuple[list[int], FrameAssembler]:
    """Frames that go on where packet ``gone`` comes ``after_s`` too late; no PLI is heard."""
    clock, got, given = Time(), list[int](), False
    assembler = FrameAssembler(WAIT_S, clock)
    sent = packets(60, key_at=key_at)
    for place, packet in enumerate(sent):
        clock.now_s = place * FRAME_MS / 4000
        if not given and clock.now_s > gone * FRAME_MS / 4000 + after_s:
            given = True
            got += numbers(frames_of(assembler.add(sent[gone])[1]))
        if place != gone:
            got += numbers(frames_of(assembler.add(packet)[1]))
    return got, assembler


def test_a_decoder_that_fails_has_a_key_frame_asked_for_once() -> None:
    failed, asked = threading.Event(), list[bool]()
    repairs = Repairs(key_asked=lambda: asked.append(True))
    assembler = FrameAssembler(WAIT_S, Time(), repairs=repairs, decoder_error=failed)
    sent = packets(3)
    assert not assembler.add(sent[0])[0]
    failed.set()
    assert assembler.add(sent[1])[0] and not assembler.add(sent[2])[0]
    assert asked == [True] and not failed.is_set()


def test_a_packet_that_comes_while_a_key_frame_is_awaited_is_enough() -> None:
    got, assembler = late(0.3)
    assert got == list(range(60))
    assert assembler.given_up == 1, "a key frame was asked for all the same"


def test_after_a_gap_that_was_filled_the_next_key_frame_is_asked_for_as_the_first() -> None:
    clock, asked = Time(), list[float]()
    assembler = FrameAssembler(WAIT_S, clock)
    sent = packets(200, size=1)
    for place, packet in enumerate(sent):
        clock.now_s = place * 0.01
        # Two key frames are asked for before the first gap is filled; the second never is.
        if place in (10, 100):
            continue
        wanted = [assembler.add(packet)[0]]
        if place == 50:
            wanted.append(assembler.add(sent[10])[0])
        asked += [clock.now_s] * any(wanted)
    gaps = [b - a for a, b in itertools.pairwise(time_s for time_s in asked if time_s > 1)]
    assert len([time_s for time_s in asked if time_s < 1]) == 2
    assert gaps[0] == pytest.approx(0.25, abs=0.02)


def test_a_packet_that_comes_after_the_key_frame_changes_nothing() -> None:
    got, _ = late(0.4, key_at=15)
    assert got == [*range(10), *range(15, 60)]


def test_a_packet_that_comes_after_all_use_changes_nothing() -> None:
    got, assembler = late(LONGEST_REPAIR_S + 0.1, key_at=40)
    assert got == [*range(10), *range(40, 60)]
    assert assembler.given_up == 1


def test_what_was_given_up_for_good_is_not_taken_up_again() -> None:
    clock, told = Time(), list[bool]()
    repairs = Repairs(given_up=lambda: told.append(True))
    assembler = FrameAssembler(WAIT_S, clock, repairs=repairs)
    sent = packets(20, key_at=12)
    for place, packet in enumerate(sent[:30]):
        clock.now_s = place * 0.01
        if place != 9:
            assembler.add(packet)
    assert assembler.floor == sent[8].sequence_number, "it is still asked for"
    # The decoder lacks what was handed to it; the network has lost nothing.
    before = list(told)
    assembler.skip_to_key()
    assert told == before
    assert assembler.floor == sent[30].sequence_number
    assert assembler.add(sent[9])[1] is None
    got = [frame for packet in sent[30:] for frame in frames_of(assembler.add(packet)[1])]
    assert numbers(got) == list(range(12, 20))


def test_a_frame_that_is_left_out_may_be_what_fills_the_gap() -> None:
    """None is decoded of it, and those behind it go on."""
    clock, got = Time(), list[int]()
    gate = LayerGate(lambda: 2, lambda: None)
    assembler = FrameAssembler(WAIT_S, clock, gate)
    sent = packets(30, size=2)
    for packet in sent:
        number = packet._data[1]  # type: ignore[attr-defined]
        # Every other frame is of the third layer, and none builds on it (RFC 7741, 4.2).
        packet.payload = bytes([0x90, 0x20, 0x80 if number % 2 else 0x20])
    for place, packet in enumerate(sent):
        clock.now_s = place * 0.021
        if place == 30:
            assert assembler.given_up == 1
            got += numbers(frames_of(assembler.add(sent[19])[1]))
        if place != 19:
            got += numbers(frames_of(assembler.add(packet)[1]))
    assert got == list(range(0, 30, 2))


def test_memory_is_bounded_when_time_stands_still() -> None:
    assembler = FrameAssembler(1e9, Time())
    for packet in packets(2900, size=1, first=0):
        if packet.sequence_number != 7:
            assembler.add(packet)
            assert len(assembler._packets) <= MAX_PACKETS + 1
    assert assembler.given_up == 1


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 3), st.booleans()), max_size=300))
def test_no_order_of_packets_breaks_it(entries: list[tuple[int, int, bool]]) -> None:
    assembler = FrameAssembler(WAIT_S, itertools.count(0, 0.01).__next__)
    for sequence_number, timestamp, marker in entries:
        packet = RtpPacket(sequence_number=sequence_number, timestamp=timestamp, marker=marker)
        packet._data = DELTA  # type: ignore[attr-defined]
        assembler.add(packet)


def test_key_frames_are_asked_for_ever_more_patiently() -> None:
    clock = Time()
    assembler = FrameAssembler(WAIT_S, clock)
    asked = []
    for place, packet in enumerate(packets(400, size=1)):
        clock.now_s = place * 0.0105
        if place != 10 and assembler.add(packet)[0]:
            asked.append(clock.now_s)
    gaps = [b - a for a, b in itertools.pairwise(asked)]
    assert gaps == pytest.approx([0.25, 0.5, 1.0, 1.0, 1.0][: len(gaps)], abs=0.02)
    assert len(gaps) >= 4


def test_a_far_sender_is_waited_for_longer_but_not_for_ever() -> None:
    def waited_s(round_trip_s: float) -> float:
        clock = Time()
        assembler = FrameAssembler(WAIT_S, clock)
        assembler.round_trip_s = round_trip_s
        for place, packet in enumerate(packets(100, size=1)):
            clock.now_s = place * 0.01
            if place != 10 and assembler.add(packet)[0]:
                break
        return clock.now_s - 0.11

    assert waited_s(0.0) == pytest.approx(WAIT_S, abs=0.02)
    assert waited_s(0.14) == pytest.approx(0.215, abs=0.02)
    assert waited_s(5.0) == pytest.approx(LONGEST_WAIT_S, abs=0.02)


async def test_the_pinned_aiortc_has_the_parts() -> None:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    pc.addTransceiver("video", direction="recvonly")
    receiver = pc.getReceivers()[0]
    assert adapt_reception(receiver, 0.15)
    assert isinstance(getattr(receiver, "_RTCRtpReceiver__jitter_buffer"), FrameAssembler)  # noqa: B009
    await pc.close()


async def test_an_unknown_aiortc_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    receiver = RTCRtpReceiver.__new__(RTCRtpReceiver)
    assert not adapt_reception(receiver, 0.15)
    assert "aiortc has changed" in caplog.text
