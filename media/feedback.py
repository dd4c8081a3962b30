"""What a receiver tells its sender about losses and bandwidth: NACK and REMB, in measure.

Both take the place of a part of aiortc's RTCRtpReceiver, see ``media/reception.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from media.relied_on import from_module

if TYPE_CHECKING:
    from aiortc.rate import BandwidthUsage
    from aiortc.rtcrtpreceiver import NackGenerator
    from aiortc.rtp import RtpPacket
else:
    (BandwidthUsage,) = from_module("aiortc.rate", "BandwidthUsage")
    (NackGenerator,) = from_module("aiortc.rtcrtpreceiver", "NackGenerator")

PARTS = (BandwidthUsage, NackGenerator)
"""Of aiortc, without which there is nothing here."""
Clock = Callable[[], float]
"""Seconds, monotonic."""

NACK_EVERY_S = 0.04
NACK_ASKS = 4
NACK_SHARE = 0.25
"""Packets asked for, as a share of those that arrive, beyond NACK_BURST."""
NACK_BURST = 20.0
LONGEST_ROUND_TRIP_S = 1.0
_REMEMBERED = 128
"""Lost packets that are kept in mind; senders keep hardly more for repetition."""
REMB_EVERY_S = 0.2
UNPROVEN_S = 10.0
"""For this long after an overuse the estimate is believed, however small; twice as long after
each overuse that followed from not believing it."""
_LONGEST_UNPROVEN_S = 160.0


@dataclass(frozen=True, slots=True)
class Repairs:
    """What is told on the event loop of a stream that lacks packets.

    ``asked``: so many were asked for (NACK), some of them again. ``key_asked``: a key frame was
    (PLI). ``given_up``: what was waited for did not come in time.
    """

    asked: Callable[[int], None] = lambda count: None
    key_asked: Callable[[], None] = lambda: None
    given_up: Callable[[], None] = lambda: None


class Assembler(Protocol):
    """Whose packets are asked for."""

    round_trip_s: float
    """Time from a NACK to the packet asked for, as measured so far."""

    @property
    def floor(self) -> int | None:
        """Sequence number (16 bits) of the next packet needed; earlier ones are of no use."""
        ...


class RepeatedNack(NackGenerator):
    """Asks for missing packets again, until they come or are given up.

    Not before an answer can have come, and for no more than a share of what arrives: a link that
    loses because it is full would be filled with repetitions alone (RFC 4585, section 3.2).
    """

    def __init__(
        self,
        assembler: Assembler,
        clock: Clock = time.monotonic,
        asked: Callable[[int], None] = lambda count: None,
    ) -> None:
        """``asked`` is told how many packets each NACK asks for."""
        super().__init__()
        self._asked = asked
        self._assembler = assembler
        self._clock = clock
        self._lost: dict[int, tuple[int, float]] = {}
        """Sequence number -> how often it was asked for, and when first."""
        self._room = NACK_BURST

    def add(self, packet: RtpPacket) -> bool:
        """Whether to send a NACK (RFC 4585, 6.2.1) for all that is in ``missing``."""
        now_s = self._clock()
        self._room = min(NACK_BURST, self._room + NACK_SHARE)
        self._note(packet.sequence_number, now_s)
        if not self._lost:
            self.missing.clear()
            return False
        floor = self._assembler.floor
        self._forget(floor, now_s)
        again_s = max(NACK_EVERY_S, 1.25 * self._assembler.round_trip_s)
        due = [
            number
            for number, (asks, first_s) in self._lost.items()
            if (asks == 0 or (asks < NACK_ASKS and now_s - first_s > asks * again_s))
            and (floor is None or (number - floor) % 0x10000 < 0x8000)
        ]
        self.missing = set(due[: int(self._room)])
        for number in self.missing:
            asks, first_s = self._lost[number]
            self._lost[number] = (asks + 1, first_s if asks else now_s)
        if not self.missing:
            return False
        self._room -= len(self.missing)
        self._asked(len(self.missing))
        return True

    def _forget(self, floor: int | None, now_s: float) -> None:
        """What was given up, when it can tell of no round trip any more: the numbers come round
        again (RFC 3550, section 5.1), as others' packets."""
        if floor is None:
            return
        for number, (_, since_s) in list(self._lost.items()):
            given_up = (number - floor) % 0x10000 >= 0x8000
            if given_up and now_s - since_s > LONGEST_ROUND_TRIP_S:
                del self._lost[number]

    def _note(self, number: int, now_s: float) -> None:
        """Strike out what has come, write down what was passed over."""
        if number in self._lost:
            asks, first_s = self._lost.pop(number)
            if asks:
                taken_s = min(now_s - first_s, LONGEST_ROUND_TRIP_S)
                known_s = self._assembler.round_trip_s
                self._assembler.round_trip_s += (taken_s - known_s) / (4 if known_s else 1)
        ahead = 0 if self.max_seq is None else (number - self.max_seq) % 0x10000
        if ahead < 0x8000:
            self.max_seq = number
            for missed in range(max(1, ahead - _REMEMBERED), ahead):
                self._lost[(number - ahead + missed) & 0xFFFF] = (0, now_s)
            while len(self._lost) > _REMEMBERED:
                del self._lost[next(iter(self._lost))]


class CalmEstimator:
    """Passes on REMB in measure, and no estimate that only says how little was sent.

    At most every REMB_EVERY_S, unless it says to slow down clearly: while overused aiortc sends
    one with nearly every packet, so that overload feeds itself. And at least ``floor_bps`` while
    nothing was overused: the estimate never exceeds 1.5 times what arrives
    (draft-ietf-rmcat-gcc-02, section 5.5), so that a sender which was asked for small pictures
    would have no bits for a large one.
    """

    def __init__(
        self, estimator: Any, clock: Clock = time.monotonic, *, floor_bps: int = 0
    ) -> None:
        self._estimator = estimator
        self._floor_bps = floor_bps
        self._clock = clock
        self._said_s = float("-inf")
        self._said_bps = 0
        self._raised = False
        self._doubt_s = UNPROVEN_S
        self._believe_until_s = float("-inf")

    def add(
        self, arrival_time_ms: int, abs_send_time: int, payload_size: int, ssrc: int
    ) -> tuple[int, list[int]] | None:
        """As aiortc's RemoteBitrateEstimator: bits a second and the SSRCs meant, or None.

        Not by ``arrival_time_ms``, which is of the day's clock: where that is put right, an hour
        may be missing, or a packet have taken one.
        """
        now_s = self._clock()
        remb: tuple[int, list[int]] | None = self._estimator.add(
            arrival_time_ms=int(now_s * 1000),
            abs_send_time=abs_send_time,
            payload_size=payload_size,
            ssrc=ssrc,
        )
        if remb is None:
            return None
        bps = self._believed(remb[0], now_s)
        if now_s - self._said_s < REMB_EVERY_S and bps > 0.9 * self._said_bps:
            return None
        self._said_s, self._said_bps = now_s, bps
        return bps, remb[1]

    def _believed(self, bps: int, now_s: float) -> int:
        if self._overused():
            if self._raised:
                self._doubt_s = min(2 * self._doubt_s, _LONGEST_UNPROVEN_S)
            self._raised = False
            self._believe_until_s = now_s + self._doubt_s
        if now_s < self._believe_until_s or bps >= self._floor_bps:
            return bps
        self._raised = True
        return self._floor_bps

    def _overused(self) -> bool:
        detector: Any = getattr(self._estimator, "detector", None)
        return detector is not None and detector.state() is BandwidthUsage.OVERUSING
