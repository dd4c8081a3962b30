"""What sorting packets into frames costs: no more with all that waits, and the same is found."""

from __future__ import annotations

import pytest
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from media.reception import FrameAssembler
from tests.media.rtp_packets import WAIT_S, Time, packets


class Thorough(FrameAssembler):
    """Goes through the frame that is awaited with each packet, and for a key frame through all."""

    def _may_complete(self, packet: RtpPacket, number: int) -> bool:
        return True

    def _by(self, number: int) -> list[int]:
        return sorted(self._packets)


@given(
    st.lists(
        st.tuples(st.integers(0, 59), st.booleans(), st.integers(0, 60)), min_size=20, max_size=150
    )
)
def test_looking_at_fewer_packets_finds_the_same_frames(
    entries: list[tuple[int, bool, int]],
) -> None:
    """Any order, with losses, repetitions, and markers that are left out."""
    sent = packets(15, key_at=8)
    time = Time()
    ours, thorough = FrameAssembler(WAIT_S, time), Thorough(WAIT_S, time)
    # Mostly in order, so that frames are whole.
    for number, (drawn, marked, wait_ms) in enumerate(entries):
        packet = sent[drawn if drawn % 3 == 0 else number % len(sent)]
        packet.marker = packet.marker and int(marked)
        time.now_s += wait_ms / 1000
        for_ours, for_thorough = ours.add(packet), thorough.add(packet)
        assert for_ours[0] == for_thorough[0]
        assert _contents(for_ours[1]) == _contents(for_thorough[1])


def _contents(frame: JitterFrame | None) -> list[tuple[int, bytes]]:
    run = [] if frame is None else [frame, *getattr(frame, "later", [])]
    return [(each.timestamp, each.data) for each in run]


@pytest.mark.parametrize("size", [1, 10])
def test_waiting_for_a_key_frame_costs_the_same_however_much_waits(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assembler, looked = FrameAssembler(WAIT_S, Time()), list[int]()
    end_of = assembler._end_of

    def counted(start: int) -> int | None:
        looked.append(start)
        return end_of(start)

    monkeypatch.setattr(assembler, "_end_of", counted)
    for packet in packets(5000 // size, size=size)[1:]:
        assembler.add(packet)
    assert len(looked) <= 3 * 5000 / size


def test_a_frame_of_many_packets_is_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assembler, looked = FrameAssembler(WAIT_S, Time()), list[int]()
    end_of = assembler._end_of
    frames = packets(4, size=100)
    for packet in frames[:100]:
        assembler.add(packet)

    def counted(start: int) -> int | None:
        looked.append(start)
        return end_of(start)

    monkeypatch.setattr(assembler, "_end_of", counted)
    whole = [frame for packet in frames[100:] if (frame := assembler.add(packet)[1])]
    assert len(whole) == 3
    # Each once when its marker came, and once more for what might be behind it.
    assert len(looked) == 6
