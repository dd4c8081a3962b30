"""Receiving RTP with little delay: what replaces parts of aiortc's RTCRtpReceiver.

aiortc 1.16 hands a video frame on when the first packet of the *next* one arrives, asks once for
a lost packet, and then waits until 512 packets are there, which are seconds. Here a frame goes on
with its marker bit, a lost packet is asked for again and again, and after a short wait a key frame
as well; what comes first ends the wait. The parts are put into one receiver by
``adapt_reception``; nothing is patched globally, and ``tests/media/test_reception.py`` proves that
the pinned version has what they need.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiortc import RTCRtpReceiver

from media.bitstreams import begins_vp8, has_parameters, is_h264, is_key_frame
from media.decoding import PARTS as DECODING_PARTS
from media.decoding import DecoderQueue, FrameRun, Handover, Losses, Shortcut
from media.estimation import lightened
from media.feedback import NACK_EVERY_S, CalmEstimator, Clock, Repairs, RepeatedNack
from media.feedback import PARTS as FEEDBACK_PARTS
from media.layers import LayerGate
from media.punctuality import FrameClock
from media.relied_on import are_there, from_module, has_all, mentions

if TYPE_CHECKING:
    from aiortc.jitterbuffer import JitterFrame
    from aiortc.rtp import RtpPacket
else:
    (JitterFrame,) = from_module("aiortc.jitterbuffer", "JitterFrame")

PLI_EVERY_S = 0.25
PLI_AT_LEAST_EVERY_S = 1.0
LONGEST_WAIT_S = 0.25
LONGEST_REPAIR_S = 0.5
"""After this a packet that was lost is of no use any more: all that waits behind it is decoded at
once when it comes."""
MAX_PACKETS = 2048
_FAR = 3000


class FrameAssembler:
    """Frames from RTP packets; has the ``add`` of aiortc's JitterBuffer.

    A frame is complete when all its packets up to the marker bit are there (RFC 3550, 5.1;
    RFC 7741, 4.1; RFC 6184, 5.1), or up to another timestamp. A gap is waited for; after that a
    key frame is asked for, as at the beginning, and what comes first ends the wait: a repetition
    that was lost once is often here before a key frame. Pure, given its clock.
    """

    def __init__(
        self,
        wait_s: float,
        clock: Clock = time.monotonic,
        gate: LayerGate | None = None,
        arrived: Callable[[int], None] = lambda timestamp: None,
        heard: Callable[[float], None] = lambda now_s: None,
        repairs: Repairs | None = None,
        decoder_error: threading.Event | None = None,
    ) -> None:
        """``gate``: which frames to leave out; None for none. ``arrived`` is called with the RTP
        timestamp of each frame that is whole, ``heard`` with the time of each packet.
        ``decoder_error``: set by the decoder, for which a key frame is asked for."""
        self._wait_s = wait_s
        self._gate = gate
        self._arrived = arrived
        self._heard = heard
        self._repairs = repairs or Repairs()
        self._decoder_error = decoder_error or threading.Event()
        self._clock = clock
        self._packets: dict[int, RtpPacket] = {}
        self._next: int | None = None
        self._first = 0
        self._newest = 0
        self._want_key = True
        self._unsearched = False
        """Whether a key frame may be among what has waited since none was wanted."""
        self._blocked_s: float | None = None
        self._asked_s = self._sent_s = float("-inf")
        self._ask_every_s = PLI_EVERY_S
        self.given_up = 0
        self.round_trip_s = 0.0
        """Time from a NACK to the packet asked for, as measured so far."""

    @property
    def floor(self) -> int | None:
        """Sequence number (16 bits) of the next packet needed; earlier ones are of no use."""
        return None if self._next is None else self._next & 0xFFFF

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take in a packet; returns whether to ask for a key frame (PLI), and what is complete."""
        now_s = self._clock()
        self._heard(now_s)
        number = self._extended(packet.sequence_number)
        if self._next is None or abs(number - self._newest) > _FAR:
            # The first key frame is on its way without being asked for.
            self._asked_s = now_s
            self._want_key, self._blocked_s = True, None
            self._packets.clear()
            self._next = self._first = self._newest = number
        self._newest = max(self._newest, number)
        if number >= self._next or (self._want_key and self._blocked_s is None):
            self._packets[number] = packet
        if self._want_key:
            frames = self._mended(now_s)
            if self._want_key:
                everywhere, self._unsearched = self._unsearched, False
                frames = self._from_key(sorted(self._packets) if everywhere else self._by(number))
        else:
            frames = self._complete() if self._may_complete(packet, number) else []
        if not self._want_key and self._overdue(now_s):
            self._want_a_key()
            self._repairs.given_up()
            self._unsearched = False
            frames += self._from_key(sorted(self._packets))
        layer_lacks = self._gate is not None and self._gate.needs_key()
        wants_key = self._ask(now_s) or layer_lacks
        if self._decoder_error.is_set():
            self._decoder_error.clear()
            wants_key = True
        if wants_key:
            self._repairs.key_asked()
        return wants_key, FrameRun(frames) if frames else None

    def skip_to_key(self) -> None:
        """Give up all before the next key frame, and ask for one with the next packet."""
        self._want_a_key()
        self._leave_gap()

    def _want_a_key(self) -> None:
        self.given_up += 1
        self._want_key = self._unsearched = True
        # Not with the next packet where one was sent just now: encoders make no more of them.
        recent = self._clock() - self._sent_s < PLI_EVERY_S
        self._asked_s = self._sent_s if recent else float("-inf")

    def _leave_gap(self) -> None:
        """Nothing before the next key frame is asked for any more."""
        self._blocked_s = None
        self._next = self._newest + 1

    def _mended(self, now_s: float) -> list[JitterFrame]:
        """What has waited behind a gap that is filled after all, while a key frame was awaited."""
        if self._blocked_s is None:
            return []
        if now_s - self._blocked_s > LONGEST_REPAIR_S:
            self._leave_gap()
            return []
        gap, frames = self._next, self._complete()
        if self._next != gap:
            self._go_on()
        return frames

    def _go_on(self) -> None:
        """No key frame is wanted any more; the next that is wanted is asked for as the first."""
        self._want_key, self._blocked_s = False, None
        self._ask_every_s = PLI_EVERY_S

    def _extended(self, sequence_number: int) -> int:
        """The sequence number without its wrap at 16 bits (RFC 3550, A.1)."""
        step = (sequence_number - self._newest + 0x8000) % 0x10000 - 0x8000
        return self._newest + step

    def _may_complete(self, packet: RtpPacket, number: int) -> bool:
        """Whether anything can be whole by this packet: not by one more in the middle of the frame
        that is awaited, nor by one more behind a gap. Going through all of a frame with each of
        its packets costs the square of their number."""
        first = self._packets.get(self._next or 0)
        if first is None:
            return False
        in_the_middle = packet.timestamp == first.timestamp and not packet.marker
        return number != self._newest or not in_the_middle

    def _complete(self) -> list[JitterFrame]:
        """Every frame that is whole, in order; they leave the buffer."""
        frames = []
        assert self._next is not None
        while (end := self._end_of(self._next)) is not None:
            packets = [self._packets.pop(number) for number in range(self._next, end)]
            self._next = end
            data = b"".join(_data(packet) for packet in packets)
            self._arrived(packets[0].timestamp)
            # Padding has a timestamp but nothing to decode.
            if data and self._is_wanted(packets[0], data):
                frames.append(JitterFrame(data, packets[0].timestamp))
        return frames

    def _is_wanted(self, first: RtpPacket, data: bytes) -> bool:
        if self._gate is None:
            return True
        if is_h264(data):
            return self._gate.passes_h264(data)
        return self._gate.passes(first.payload, is_key_frame(data))

    def _end_of(self, start: int) -> int | None:
        """One past the last packet of the frame that begins at ``start``; None if not whole."""
        number, first = start, self._packets.get(start)
        while first is not None and (packet := self._packets.get(number)) is not None:
            if packet.timestamp != first.timestamp:
                return number
            number += 1
            if packet.marker:
                return number
        return None

    def _overdue(self, now_s: float) -> bool:
        """Whether a packet has been missing for too long, or too many wait behind it."""
        assert self._next is not None
        if self._newest - self._next + 1 == len(self._packets):
            self._blocked_s = None
            return False
        if self._blocked_s is None:
            self._blocked_s = now_s
        # Repetitions of a far sender take longer; without waiting for them none is of use.
        wait_s = max(self._wait_s, min(1.25 * self.round_trip_s + NACK_EVERY_S, LONGEST_WAIT_S))
        return now_s - self._blocked_s > wait_s or len(self._packets) > MAX_PACKETS

    def _by(self, number: int) -> list[int]:
        """Where frames begin that the packet of this number may have made whole: its own, the one
        before, which has no marker and so ends with it, and the one behind, if now it is known
        where that begins. To look through all that waits, with each packet, for a key frame that
        does not come would take all of the event loop."""
        packet = self._packets.get(number)
        if packet is None:
            return []
        before, behind = self._packets.get(number - 1), self._packets.get(number + 1)
        goes_on = before is not None and not before.marker
        same = before is not None and before.timestamp == packet.timestamp
        if goes_on and same and not packet.marker and behind is None:
            return []
        earlier = [self._start_of(number - 1)] if goes_on and not same else []
        return [*earlier, self._start_of(number), number + 1]

    def _start_of(self, number: int) -> int:
        """The first packet that is there, without a gap, of the frame that this one belongs to."""
        timestamp = self._packets[number].timestamp
        while (before := self._packets.get(number - 1)) is not None:
            if before.marker or before.timestamp != timestamp:
                break
            number -= 1
        return number

    def _from_key(self, starts: Iterable[int]) -> list[JitterFrame]:
        """Go on from the first whole key frame of those that begin there; nothing before it is of
        use."""
        if len(self._packets) > MAX_PACKETS:
            for number in sorted(self._packets)[: MAX_PACKETS // 2]:
                del self._packets[number]
        for start in starts:
            known = start in self._packets and self._begins_frame(start)
            if not known or (end := self._end_of(start)) is None:
                continue
            data = b"".join(_data(self._packets[number]) for number in range(start, end))
            # Of H264 the packet with the parameter sets may have been lost before the very first.
            lacks = start == self._first and is_h264(data) and not has_parameters(data)
            if data and is_key_frame(data) and not lacks:
                for number in [number for number in self._packets if number < start]:
                    del self._packets[number]
                self._next = start
                self._go_on()
                return self._complete()
        return []

    def _begins_frame(self, number: int) -> bool:
        """Whether the packet is known to be its frame's first: by the one before, or as the
        very first of the stream, which may have been lost."""
        packet, before = self._packets[number], self._packets.get(number - 1)
        if before is not None:
            return bool(before.marker) or before.timestamp != packet.timestamp
        if number != self._first:
            return False
        return is_h264(_data(packet)) or begins_vp8(packet.payload)

    def _ask(self, now_s: float) -> bool:
        """Each time more patiently: on a slow link the key frame may be under way for long."""
        waited_s = now_s - self._asked_s
        if not self._want_key or waited_s < self._ask_every_s:
            return False
        if self._asked_s != float("-inf"):
            self._ask_every_s = min(PLI_AT_LEAST_EVERY_S, 2 * self._ask_every_s)
        self._asked_s = self._sent_s = now_s
        return True


def _data(packet: RtpPacket) -> bytes:
    """The codec's data that aiortc has put beside the payload."""
    data: bytes = packet._data  # type: ignore[attr-defined]
    return data


def puts_content_beside(receiver: RTCRtpReceiver, otherwise: str) -> bool:
    """Whether aiortc still does, which no packet tells beforehand; if not, ``otherwise`` is logged,
    once a process."""
    return mentions(getattr(receiver, "_handle_rtp_packet", None), "_data", otherwise)


_LATER = "aiortc has changed: frames come later than they could"
_PARTS = (
    "jitter_buffer",
    "nack_generator",
    "remote_bitrate_estimator",
    "decoder_queue",
    "decoder_error",
)
# Made once: the interpreter's cache of attributes would keep those of many a session.
_NAMES = {part: f"_RTCRtpReceiver__{part}" for part in _PARTS}


@dataclass(frozen=True, slots=True)
class Watch:
    """What a session wants of a stream, and is told of it.

    ``gate``: which frames are left out before they are decoded; None for none. ``clock`` learns
    when packets and frames were received. ``shortcut``: where its pictures may be taken.
    """

    gate: LayerGate | None = None
    clock: FrameClock = field(default_factory=FrameClock)
    losses: Losses = field(default_factory=Losses)
    repairs: Repairs = field(default_factory=Repairs)
    shortcut: Shortcut = field(default_factory=Shortcut)


def adapt_reception(
    receiver: RTCRtpReceiver, wait_s: float, floor_bps: int = 0, watch: Watch | None = None
) -> bool:
    """Put the parts above, and a decoder, into a video receiver that has not started.

    ``floor_bps``: what a sender is told that it may send, until something was overused.

    False, with one warning, when aiortc has no such parts: it then works as it came.
    """
    inside: Any = receiver
    if not (
        are_there((*FEEDBACK_PARTS, *DECODING_PARTS), _LATER)
        and has_all(receiver, list(_NAMES.values()), _LATER)
        and (inside.track is None or has_all(inside.track, ("_queue",), _LATER))
        and puts_content_beside(receiver, _LATER)
    ):
        return False
    watch = watch or Watch()
    failed = getattr(receiver, _NAMES["decoder_error"])
    assembler = FrameAssembler(
        wait_s,
        gate=watch.gate,
        arrived=watch.clock.note,
        heard=watch.clock.hear,
        repairs=watch.repairs,
        decoder_error=failed,
    )
    nack = RepeatedNack(assembler, asked=watch.repairs.asked)
    setattr(receiver, _NAMES["jitter_buffer"], assembler)
    setattr(receiver, _NAMES["nack_generator"], nack)
    estimator = lightened(getattr(receiver, _NAMES["remote_bitrate_estimator"]))
    setattr(
        receiver, _NAMES["remote_bitrate_estimator"], CalmEstimator(estimator, floor_bps=floor_bps)
    )
    handover = Handover(
        asyncio.get_running_loop(),
        lambda: inside.track._queue,
        watch.losses.replaced,
        watch.shortcut,
    )
    waiting = DecoderQueue(
        assembler,
        handover,
        failed,
        watch.losses.outdated,
        undecodable=watch.losses.undecodable,
    )
    setattr(receiver, _NAMES["decoder_queue"], waiting)
    if watch.gate is not None:
        watch.gate.most = waiting.layers
    return True
