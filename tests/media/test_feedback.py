"""NACK and REMB: enough of them and no more; packets are made here, time is given."""

from __future__ import annotations

import itertools

import pytest
from aiortc.rate import BandwidthUsage, RemoteBitrateEstimator
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from media.feedback import (
    NACK_ASKS,
    NACK_BURST,
    NACK_EVERY_S,
    NACK_SHARE,
    UNPROVEN_S,
    CalmEstimator,
    RepeatedNack,
)
from media.reception import FrameAssembler
from tests.media.rtp_packets import WAIT_S, Time, packets


def test_missing_packets_are_asked_for_until_they_come_or_are_given_up() -> None:
    clock, told = Time(), list[int]()
    assembler = FrameAssembler(WAIT_S, clock)
    nack = RepeatedNack(assembler, clock, told.append)
    asked = []
    for place, packet in enumerate(packets(20, first=500)):
        clock.now_s = place * 0.0105
        if place == 13:
            continue
        if nack.add(packet):
            asked.append((clock.now_s, sorted(nack.missing)))
        assembler.add(packet)
    assert all(missing == [513] for _, missing in asked)
    times = [at for at, _ in asked]
    assert len(times) >= 3 and times[-1] < 14 * 0.0105 + WAIT_S + 0.03
    assert all(b - a >= NACK_EVERY_S for a, b in itertools.pairwise(times))
    assert not nack.missing
    assert told == [1] * len(asked)


def test_each_packet_asked_for_is_told() -> None:
    clock, told = Time(), list[int]()
    assembler = FrameAssembler(WAIT_S, clock)
    nack = RepeatedNack(assembler, clock, told.append)
    for place, packet in enumerate(packets(3, first=500)):
        if place not in (2, 5, 6, 7):
            nack.add(packet)
    assert told == [1, 3]


def test_what_was_given_up_is_no_other_packet_when_its_number_comes_again() -> None:
    """Numbers have 16 bits (RFC 3550, section 5.1): some minutes of a stream."""
    clock, told = Time(), list[int]()
    assembler = FrameAssembler(WAIT_S, clock)
    nack = RepeatedNack(assembler, clock, told.append)
    sent = packets(400, size=1, first=500)
    for place, packet in enumerate(sent):
        clock.now_s = place * 0.01
        if 20 <= place < 60:
            continue  # a tunnel, behind which a key frame comes
        nack.add(packet)
        assembler.add(packet)
    asked, known_s = sum(told), assembler.round_trip_s
    assert nack._lost == {} and asked <= 40 * 10
    again = packets(1, size=1, first=530)
    nack.add(again[0])
    assert (sum(told), assembler.round_trip_s) == (asked, known_s)


def test_a_packet_is_not_asked_for_again_before_an_answer_can_have_come() -> None:
    clock = Time()
    assembler = FrameAssembler(WAIT_S, clock)
    nack = RepeatedNack(assembler, clock)
    asked = []
    sent = packets(60, size=1, first=500)
    for place, packet in enumerate(sent):
        clock.now_s = place * 0.01
        if place == 20:
            # 150 ms after it was asked for: so far away is the sender.
            assert not nack.add(sent[4])
        if place in (4, 30):
            continue
        if nack.add(packet):
            asked.append((place, sorted(nack.missing)))
    assert assembler.round_trip_s == pytest.approx(0.15, abs=0.01)
    first, later = (
        [at for at, gone in asked if gone == [504]],
        [at for at, n in asked if n == [530]],
    )
    assert len(first) == NACK_ASKS and first[0] == 5
    assert later[0] == 31 and later[1] - later[0] >= 18, "1.25 round trips"


def test_a_full_link_is_not_filled_with_repetitions() -> None:
    """Nine of ten packets are lost, as on a link that carries a tenth."""
    clock = Time()
    nack = RepeatedNack(FrameAssembler(WAIT_S, clock), clock)
    asked = arrived = 0
    for place, packet in enumerate(packets(1000, size=1)):
        clock.now_s = place * 0.003
        if place % 10:
            continue
        arrived += 1
        asked += len(nack.missing) if nack.add(packet) else 0
    assert asked <= NACK_BURST + NACK_SHARE * arrived


def test_remb_is_calm_but_slows_down_at_once() -> None:
    class Eager:
        bps = 1_000_000

        def add(self, **_: int) -> tuple[int, list[int]]:
            return self.bps, [1]

    clock, eager = Time(), Eager()
    calm = CalmEstimator(eager, clock)
    said = []
    for step in range(100):
        clock.now_s = step * 0.01
        eager.bps = 1_000_000 if step < 50 else 500_000
        said.append(calm.add(step, 0, 100, 1))
    assert 5 <= sum(remb is not None for remb in said) <= 8
    assert said[50] == (500_000, [1])


def test_the_day_s_clock_is_nothing_to_the_estimate() -> None:
    clock, told_ms = Time(), list[int]()

    class Noting:
        def add(self, *, arrival_time_ms: int, **_: int) -> None:
            told_ms.append(arrival_time_ms)

    calm = CalmEstimator(Noting(), clock)
    for at_s, day_ms in ((1.0, 5_000_000), (1.5, 0), (2.0, 9_000_000)):
        clock.now_s = at_s
        calm.add(day_ms, 0, 100, 1)
    assert told_ms == [1000, 1500, 2000]


class Scripted:
    """An estimator that says what it is told to say."""

    def __init__(self) -> None:
        self.bps = 400_000
        self.usage = BandwidthUsage.NORMAL
        self.detector = self

    def state(self) -> BandwidthUsage:
        return self.usage

    def add(self, **_: int) -> tuple[int, list[int]]:
        return self.bps, [1]


def test_little_traffic_is_no_narrow_link_until_something_was_overused() -> None:
    clock, scripted = Time(), Scripted()
    calm = CalmEstimator(scripted, clock, floor_bps=2_000_000)

    def told(at_s: float, usage: BandwidthUsage = BandwidthUsage.NORMAL) -> int:
        clock.now_s, scripted.usage = at_s, usage
        remb = calm.add(0, 0, 100, 1)
        assert remb is not None
        return remb[0]

    assert told(1) == 2_000_000
    assert told(2, BandwidthUsage.OVERUSING) == 400_000
    assert told(2 + 1.9 * UNPROVEN_S) == 400_000, "the overuse came of not believing: 20 s"
    assert told(2 + 2.1 * UNPROVEN_S) == 2_000_000
    assert told(30, BandwidthUsage.OVERUSING) == 400_000
    assert told(30 + 3.9 * UNPROVEN_S) == 400_000
    scripted.bps = 3_000_000
    assert told(100) == 3_000_000, "never lowered"


def test_the_detector_is_where_it_is_looked_for() -> None:
    assert RemoteBitrateEstimator().detector.state() is BandwidthUsage.NORMAL


@given(st.lists(st.integers(0, 65535), max_size=200))
def test_no_order_of_packets_makes_it_ask_without_measure(order: list[int]) -> None:
    clock = Time()
    nack = RepeatedNack(FrameAssembler(WAIT_S, clock), clock)
    asked = 0
    for number in order:
        clock.now_s += 0.01
        asked += len(nack.missing) if nack.add(RtpPacket(sequence_number=number)) else 0
        assert len(nack._lost) <= 128
    assert asked <= NACK_BURST + NACK_SHARE * len(order)
