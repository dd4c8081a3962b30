"""Between the network and the eyes: what is late is left out, and the newest is what is seen."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

import numpy as np
import pytest
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import decoder_worker

from benchmarks.films import TIDS
from media.bitstreams import START_CODE, is_disposable, is_key_frame
from media.decoding import (
    MAX_BACKLOG,
    MAX_WAIT_S,
    Decoder,
    DecoderQueue,
    FrameRun,
    Handover,
    Shortcut,
)
from media.layers import ALL_LAYERS
from media.reception import FrameAssembler
from tests.media.layered_stream import decoded, encoded_l1t3
from tests.media.rtp_packets import DELTA, KEY, WAIT_S, Time, packets
from tests.media.test_reception import frames_of, numbers

VP8 = RTCRtpCodecParameters("video/VP8", clockRate=90_000, payloadType=96)
FRAME_S = 0.042


@dataclass
class Asked:
    """Stands where frames come from, and counts what is asked of it."""

    times: int = 0

    def skip_to_key(self) -> None:
        self.times += 1


@dataclass
class Line:
    """A queue before a decoder, on a clock that the test moves."""

    clock: Time = field(default_factory=Time)
    asked: Asked = field(default_factory=Asked)
    outdated: int = 0

    def __post_init__(self) -> None:
        self.queue = DecoderQueue(self.asked, outdated=self._count, clock=self.clock)

    def _count(self, count: int) -> None:
        self.outdated += count

    def put(self, *bodies: bytes) -> None:
        frames = [JitterFrame(body, 3750 * number) for number, body in enumerate(bodies)]
        self.queue.put((VP8, FrameRun(frames)))

    def waiting(self) -> list[bytes]:
        return [self.queue.get_nowait()[1].data for _ in range(self.queue.qsize())]


def test_a_run_reaches_the_decoder_frame_by_frame() -> None:
    run = FrameRun([JitterFrame(b"a", 0xFFFFFFF0), JitterFrame(b"b", 0x10)])
    run.timestamp = 90_000  # as aiortc's mapper does with the first
    waiting = DecoderQueue(Asked())
    waiting.put((VP8, run))
    waiting.put(None)
    first, second, end = (waiting.get_nowait() for _ in range(3))
    assert (first[1].timestamp, second[1].timestamp, end) == (90_000, 90_032, None)
    assert second[1].data == b"b"


def ages_at_a_slow_decoder(decode_s: float, key_after_s: float = 0.1) -> list[float]:
    """Ages at which frames go into a decoder that takes ``decode_s`` for each, for 10 s.

    The sender answers a request for a key frame after ``key_after_s``.
    """
    clock, ages = Time(), []
    assembler = FrameAssembler(WAIT_S, clock)
    waiting = DecoderQueue(assembler, clock=clock)
    came_s: dict[int, float] = {}
    key_due_s, free_s = float("inf"), 0.0
    for number, packet in enumerate(packets(240, size=1)):
        due_s = number * FRAME_S
        while free_s <= due_s and not waiting.empty():
            clock.now_s = free_s
            ages.append(clock.now_s - came_s[waiting.get_nowait()[1].timestamp])
            free_s += decode_s
        clock.now_s, free_s = due_s, max(free_s, due_s)
        if due_s >= key_due_s:
            key_due_s = float("inf")
            packet._data = KEY + packet._data[1:]  # type: ignore[attr-defined]
        wanted, run = assembler.add(packet)
        if wanted:
            key_due_s = min(key_due_s, due_s + key_after_s)
        if run is not None:
            came_s[packet.timestamp] = due_s
            waiting.put((VP8, run))
    return ages


@pytest.mark.parametrize("decode_s", [0.05, 0.1, 0.19])
def test_a_decoder_that_is_too_slow_is_never_given_old_frames(decode_s: float) -> None:
    ages = ages_at_a_slow_decoder(decode_s)
    assert max(ages) <= MAX_WAIT_S + FRAME_S + decode_s
    assert len(ages) > 0.4 * 10 / decode_s, "and it is kept at work"


def test_a_decoder_that_keeps_up_gets_everything_at_once() -> None:
    ages = ages_at_a_slow_decoder(0.03)
    assert len(ages) == 239 and max(ages) < FRAME_S


def test_what_came_at_once_after_a_loss_is_decoded() -> None:
    line = Line()
    line.put(*[DELTA] * 12)
    line.clock.now_s = 0.9 * MAX_WAIT_S
    line.put(DELTA)
    assert (line.queue.qsize(), line.asked.times, line.outdated) == (13, 0, 0)


def test_late_frames_fall_for_a_key_frame_that_is_there_already() -> None:
    line = Line()
    line.put(KEY, DELTA, KEY + b"newest", DELTA + b"last")
    line.clock.now_s = MAX_WAIT_S + 0.01
    line.put(DELTA + b"now")
    assert line.waiting() == [KEY + b"newest", DELTA + b"last", DELTA + b"now"]
    assert (line.asked.times, line.outdated) == (0, 2)


def test_late_frames_fall_for_the_key_frame_that_comes() -> None:
    line = Line()
    line.put(KEY, DELTA)
    line.clock.now_s = MAX_WAIT_S + 0.01
    line.put(DELTA, KEY + b"now", DELTA + b"and on")
    assert line.waiting() == [KEY + b"now", DELTA + b"and on"]
    assert (line.asked.times, line.outdated) == (0, 3)


def test_without_one_all_fall_and_one_is_asked_for() -> None:
    line = Line()
    line.put(KEY, DELTA, DELTA)
    line.clock.now_s = MAX_WAIT_S + 0.01
    line.put(DELTA, DELTA)
    assert line.waiting() == []
    assert (line.asked.times, line.outdated) == (1, 5)


def test_more_than_a_second_never_waits_even_when_time_stands_still() -> None:
    line = Line()
    for _ in range(3 * MAX_BACKLOG):
        line.put(DELTA)
        assert line.queue.qsize() <= MAX_BACKLOG
    assert line.asked.times == 2


def test_upper_layers_are_left_out_before_a_key_frame_is_asked_for() -> None:
    line = Line()
    line.put(KEY, DELTA)
    assert line.queue.layers() == ALL_LAYERS
    line.clock.now_s = 0.6 * MAX_WAIT_S
    assert line.queue.layers() == 1
    line.waiting()
    assert line.queue.layers() == ALL_LAYERS


def test_key_frames_are_asked_for_no_oftener_than_a_browser_makes_them() -> None:
    clock = Time()
    assembler = FrameAssembler(WAIT_S, clock)
    asked = []
    for place, packet in enumerate(packets(200, size=1)):
        clock.now_s = place * 0.01
        if assembler.add(packet)[0]:
            asked.append(clock.now_s)
        assembler.skip_to_key()
    assert min(b - a for a, b in itertools.pairwise(asked)) >= 0.24


def test_key_frames_are_known() -> None:
    assert is_key_frame(b"\x50\x2c\x00") and not is_key_frame(b"\x51\x2c\x00")
    assert is_key_frame(START_CODE + b"\x67\x42" + START_CODE + b"\x68" + START_CODE + b"\x65")
    assert not is_key_frame(START_CODE + b"\x41\x9a")


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ([b"\x01\x9a"], True),
        ([b"\x09\x30", b"\x06\x05", b"\x01\x9a", b"\x01\x9b"], True),
        ([b"\x41\x9a"], False),
        ([b"\x01\x9a", b"\x21\x9b"], False),
        ([b"\x67\x42", b"\x68", b"\x65"], False),
        ([b"\x06\x05"], False),
    ],
)
def test_what_no_other_h264_frame_builds_on(units: list[bytes], expected: bool) -> None:
    assert is_disposable(b"".join(START_CODE + unit for unit in units)) is expected


class Slow(Decoder):
    """Gives the frame's number for a picture, when the test lets it."""

    def __init__(self, codec: Any) -> None:
        self.failing = False

    def decode(self, frame: JitterFrame) -> Sequence[Any]:
        return [frame.data[0]]


async def pictures_seen(waiting: DecoderQueue, place: asyncio.Queue[Any]) -> list[Any]:
    """What aiortc's own decoder thread puts out, until its end."""
    thread = threading.Thread(
        target=decoder_worker, args=(asyncio.get_running_loop(), waiting, place, threading.Event())
    )
    thread.start()
    seen = []
    while (picture := await place.get()) is not None:
        seen.append(picture)
    await asyncio.to_thread(thread.join)
    return seen


async def test_a_loop_that_was_held_up_sees_the_newest_picture_alone() -> None:
    place: asyncio.Queue[Any] = asyncio.Queue()
    replaced: list[int] = []
    handover = Handover(asyncio.get_running_loop(), lambda: place, replaced.append)
    waiting = DecoderQueue(Asked(), handover, clock=lambda: 0.0, decoder=Slow)
    for number in range(20):
        waiting.put((VP8, JitterFrame(bytes([number]), 0)))
    waiting.put(None)
    thread = threading.Thread(
        target=decoder_worker, args=(asyncio.get_running_loop(), waiting, place, threading.Event())
    )
    thread.start()
    while thread.is_alive():  # the loop stands still meanwhile, without waiting for a lock
        pass
    assert (await place.get(), await place.get()) == (19, None)
    assert sum(replaced) == 19 and place.empty()


async def test_pictures_take_the_shortcut_while_somebody_is_there() -> None:
    place: asyncio.Queue[Any] = asyncio.Queue()
    shortcut, replaced, taken = Shortcut(), list[int](), list[Any]()
    handover = Handover(asyncio.get_running_loop(), lambda: place, replaced.append, shortcut)
    handover.put("before anybody came")
    await asyncio.sleep(0)
    assert place.qsize() == 1
    shortcut.take = taken.append
    handover.put("first")
    handover.put("second")
    await asyncio.sleep(0)
    # In one turn, the newest alone; what lay there for the track is as old as the first.
    assert (taken, place.qsize(), sum(replaced)) == (["second"], 0, 2)
    shortcut.take = None
    handover.put("after")
    await asyncio.sleep(0)
    assert await place.get() == "after"


async def test_only_a_picture_with_none_behind_it_is_looked_at_on_the_decoders_thread() -> None:
    place: asyncio.Queue[Any] = asyncio.Queue()
    looked, told, taken = list[Any](), asyncio.Queue[Any](), list[Any]()

    def look(picture: Any) -> Callable[[], None]:
        looked.append((picture, threading.current_thread() is thread))
        return lambda: told.put_nowait(picture)

    shortcut = Shortcut(taken.append, look)
    handover = Handover(asyncio.get_running_loop(), lambda: place, lambda count: None, shortcut)
    waiting = DecoderQueue(Asked(), handover, clock=lambda: 0.0, decoder=Slow)
    for number in range(3):
        waiting.put((VP8, JitterFrame(bytes([number]), 0)))
    args = (asyncio.get_running_loop(), waiting, place, threading.Event())
    thread = threading.Thread(target=decoder_worker, args=args, daemon=True)
    thread.start()
    async with asyncio.timeout(10):
        while not taken or not waiting.empty():
            await asyncio.sleep(0.01)
    before = [picture for picture, _ in looked]
    assert 0 not in before and 1 not in before
    waiting.put((VP8, JitterFrame(bytes([7]), 0)))
    async with asyncio.timeout(10):
        while await told.get() != 7:
            pass
    assert looked[-1] == (7, True) and 7 not in taken
    waiting.put(None)
    await asyncio.to_thread(thread.join)


async def test_aiortcs_decoder_thread_does_its_work_in_our_queue() -> None:
    place: asyncio.Queue[Any] = asyncio.Queue()
    handover = Handover(asyncio.get_running_loop(), lambda: place, lambda count: None)
    failed = threading.Event()
    waiting = DecoderQueue(Asked(), handover, failed)
    for number, data in enumerate(encoded_l1t3()[:4]):
        waiting.put((VP8, JitterFrame(data, 3750 * number)))
    waiting.put(None)
    seen = await pictures_seen(waiting, place)
    assert seen[-1].pts == 3 * 3750 and (seen[-1].width, seen[-1].height) == (320, 180)
    assert not failed.is_set()


async def test_a_frame_that_cannot_be_decoded_asks_for_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    place: asyncio.Queue[Any] = asyncio.Queue()
    handover = Handover(asyncio.get_running_loop(), lambda: place, lambda count: None)
    failed, told = threading.Event(), list[bool]()
    waiting = DecoderQueue(Asked(), handover, failed, undecodable=lambda: told.append(True))
    waiting.put((VP8, JitterFrame(b"\x10\x00\x00", 0)))
    waiting.put((VP8, JitterFrame(encoded_l1t3()[0], 3750)))
    waiting.put(None)
    seen = await pictures_seen(waiting, place)
    assert failed.is_set() and [picture.pts for picture in seen] == [3750]
    assert told == [True]


def test_each_stream_decodes_on_one_thread() -> None:
    before = threading.active_count()
    for name in ("VP8", "H264"):
        decoder = Decoder(RTCRtpCodecParameters(f"video/{name}", clockRate=90_000, payloadType=96))
        assert decoder._context.thread_count == 1 and decoder._context.name in ("vp8", "h264")
    assert threading.active_count() == before


def test_without_a_handover_it_is_a_queue() -> None:
    waiting: Queue[Any] = DecoderQueue(Asked())
    waiting.put((VP8, JitterFrame(KEY, 0)))
    assert waiting.get()[1].data == KEY


def test_frames_of_the_assembler_are_numbered_as_before() -> None:
    assembler = FrameAssembler(WAIT_S, Time())
    line = Line()
    for packet in packets(6):
        run = assembler.add(packet)[1]
        if run is not None:
            assert len(frames_of(run)) == 1
            line.queue.put((VP8, run))
    waiting = [line.queue.get_nowait()[1] for _ in range(6)]
    assert numbers(waiting) == list(range(6))


def test_what_none_builds_on_is_not_deblocked_and_all_else_is() -> None:
    """FFmpeg's skip_loop_filter=noref: reference frames stay exact, or errors would pile up."""
    coded = encoded_l1t3()
    exact = decoded(dict(enumerate(coded)))
    decoder = Decoder(VP8)
    pictures = [
        np.asarray(picture.to_ndarray(format="gray"), np.uint8)
        for number, data in enumerate(coded)
        for picture in decoder.decode(JitterFrame(data, 3750 * number))
    ]
    alike = [np.array_equal(pictures[n], exact[n]) for n in range(len(coded))]
    upper = [alike[n] for n in range(len(coded)) if TIDS[n % 4] == 2]
    lower = [alike[n] for n in range(len(coded)) if TIDS[n % 4] < 2]
    assert all(lower) and upper.count(False) > 0.9 * len(upper)
