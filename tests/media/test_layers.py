"""Temporal layers: what may be left out, proved by a decoder; how they come back; the metric."""

from __future__ import annotations

import pytest
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.films import TIDS
from media.bitstreams import START_CODE
from media.layers import ALL_LAYERS, Layer, LayerGate, layer_of
from media.reception import FrameAssembler
from tests.media.layered_stream import decoded, descriptor, encoded_l1t3
from tests.media.rtp_packets import WAIT_S, Time
from tests.media.test_reception import frames_of


class Wanted:
    """How many layers are wanted, and how many frames were left out."""

    def __init__(self, layers: int = ALL_LAYERS) -> None:
        self.layers = layers
        self.left_out = 0

    def count(self) -> None:
        self.left_out += 1

    def gate(self) -> LayerGate:
        return LayerGate(lambda: self.layers, self.count)


@pytest.mark.parametrize(("number", "sync"), [(0, False), (1, True), (2, False), (0x8001, True)])
def test_the_layer_is_read_from_the_descriptor(number: int, sync: bool) -> None:
    assert layer_of(descriptor(number, sync)) == Layer(TIDS[number % 4], sync)


@pytest.mark.parametrize(
    "payload", [b"", b"\x10", b"\x80", b"\x90\x80\x12\x00", b"\x90\xe0\x80", b"\x90\x20"]
)
def test_without_a_layer_nothing_is_left_out(payload: bytes) -> None:
    assert layer_of(payload) is None
    assert Wanted(1).gate().passes(payload, key=False)


def test_a_layer_comes_back_though_one_above_it_is_not_wanted() -> None:
    """Of a sender that never says by Y that a frame builds on the lowest layer alone."""
    wanted = Wanted(1)
    gate = wanted.gate()

    def frames(count: int) -> list[int]:
        """Layers that passed, and -1 for each key frame asked for, which comes at once."""
        told = []
        for number in range(count):
            tid = TIDS[number % 4]
            if gate.passes(bytes([0x90, 0x20, tid << 6, 0]), key=False):
                told.append(tid)
            if gate.needs_key():
                told.append(-1)
                gate.passes(bytes([0x90, 0x20, 0, 0]), key=True)
        return told

    assert set(frames(40)) == {0}
    wanted.layers = 2
    told = frames(200)
    assert told.count(-1) == 1 and told[-2:] in ([0, 1], [1, 0])


@given(st.binary(max_size=8))
def test_no_payload_breaks_it(payload: bytes) -> None:
    layer_of(payload)


@pytest.mark.parametrize(("layers", "kept"), [(4, 48), (3, 48), (2, 24), (1, 12)])
def test_what_is_kept_decodes_to_the_same_pictures(layers: int, kept: int) -> None:
    wanted, coded = Wanted(layers), encoded_l1t3()
    gate = wanted.gate()
    passed = {
        number: data
        for number, data in enumerate(coded)
        if gate.passes(descriptor(number) + data, key=number == 0)
    }
    assert len(passed) == kept and wanted.left_out == 48 - kept
    whole, thinned = decoded(dict(enumerate(coded))), decoded(passed)
    assert thinned.keys() == passed.keys()
    assert all((thinned[number] == whole[number]).all() for number in passed)


def test_a_wrong_choice_would_show() -> None:
    coded = encoded_l1t3()
    whole = decoded(dict(enumerate(coded)))
    wrong = decoded({number: data for number, data in enumerate(coded) if TIDS[number % 4] != 1})
    assert any((wrong[number] != whole[number]).any() for number in wrong)


def test_layers_come_back_with_a_frame_that_needs_nothing_missing() -> None:
    wanted = Wanted(1)
    gate = wanted.gate()

    def passes(tid: int, sync: bool = False, key: bool = False) -> bool:
        return gate.passes(bytes([0x90, 0x20, tid << 6 | sync << 5]), key)

    assert [passes(tid) for tid in TIDS] == [True, False, False, False]
    wanted.layers = ALL_LAYERS
    assert [passes(tid) for tid in TIDS] == [True, False, False, False], "they build on the lost"
    assert passes(2, sync=True) and not passes(1) and not passes(2), "layer 1 is still missing"
    assert passes(1, sync=True) and passes(1) and not passes(2)
    assert passes(2, sync=True) and passes(2) and passes(1)
    wanted.layers = 2
    assert not passes(2) and passes(1)
    wanted.layers = ALL_LAYERS
    assert passes(0, key=True) and passes(2) and passes(1), "a key frame replaces all"


def test_a_layer_that_never_comes_back_by_itself_is_asked_for() -> None:
    """Y is the sender's to leave out (RFC 7741, section 4.2)."""
    wanted = Wanted(2)
    assembler = FrameAssembler(WAIT_S, Time(), wanted.gate())
    asked: list[int] = []
    got: list[int] = []
    for number in range(100):
        key = number in (0, 80)
        packet = RtpPacket(sequence_number=number, timestamp=number * 3750, marker=1)
        body = bytes([0x10 if key else 0x11, number])
        packet.payload = descriptor(number) + body
        packet._data = body  # type: ignore[attr-defined]
        wanted.layers = 2 if number < 20 else ALL_LAYERS
        key_wanted, run = assembler.add(packet)
        asked += [number] * key_wanted
        got += [frame.data[1] for frame in frames_of(run)]
    assert asked == [43, 67], "each twelfth frame that is wanted in vain"
    assert got == [*range(0, 80, 2), *range(80, 100)]


def test_the_assembler_leaves_out_whole_frames_and_asks_for_nothing() -> None:
    wanted = Wanted(2)
    assembler = FrameAssembler(WAIT_S, Time(), wanted.gate())
    got: list[int] = []
    for number in range(16):
        for part in range(3):
            packet = RtpPacket(
                sequence_number=(65_530 + 3 * number + part) & 0xFFFF,
                timestamp=number * 3750,
                marker=int(part == 2),
            )
            body = bytes([0x10 if number == 0 else 0x11, number, part])
            packet.payload = descriptor(number) + body
            packet._data = body  # type: ignore[attr-defined]
            key_wanted, run = assembler.add(packet)
            assert not key_wanted
            got += [frame.data[1] for frame in frames_of(run)]
    assert got == list(range(0, 16, 2)) and wanted.left_out == 8


PARAMETERS, KEY_SLICE = b"\x67\x42", 0x65


def h264_packet(number: int, header: int) -> RtpPacket:
    packet = RtpPacket(sequence_number=number, timestamp=number, marker=1)
    units = [PARAMETERS] * (header == KEY_SLICE) + [bytes([header, number])]
    packet._data = b"".join(START_CODE + unit for unit in units)  # type: ignore[attr-defined]
    return packet


@pytest.mark.parametrize(
    ("layers", "most", "kept"),
    [(ALL_LAYERS, ALL_LAYERS, 8), (2, ALL_LAYERS, 5), (ALL_LAYERS, 1, 5)],
)
def test_h264_frames_that_none_builds_on_are_left_out(layers: int, most: int, kept: int) -> None:
    wanted = Wanted(layers)
    gate = wanted.gate()
    gate.most = lambda: most
    assembler = FrameAssembler(WAIT_S, Time(), gate)
    got = 0
    for number, header in enumerate([0x65, 0x01, 0x41, 0x01, 0x61, 0x01, 0x41, 0x21]):
        key_wanted, run = assembler.add(h264_packet(number, header))
        assert not key_wanted
        got += len(frames_of(run))
    assert (got, wanted.left_out) == (kept, 8 - kept)


def test_h264_without_layers_passes_whole() -> None:
    wanted = Wanted(1)
    assembler = FrameAssembler(WAIT_S, Time(), wanted.gate())
    for number in range(4):
        packet = h264_packet(number, KEY_SLICE if number == 0 else 0x41)
        packet.payload = b"\x90\x20\x80"
        assert len(frames_of(assembler.add(packet)[1])) == 1
    assert wanted.left_out == 0
