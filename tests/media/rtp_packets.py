"""RTP packets made for a test, and a clock that it moves."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from aiortc.rtp import RtpPacket

KEY, DELTA = b"\x10", b"\x11"
FRAME_MS = 42
WAIT_S = 0.1


@dataclass
class Time:
    """A clock that the test moves."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def packets(frames: int, size: int = 4, first: int = 65_530, key_at: int = 0) -> list[RtpPacket]:
    """VP8 frames of ``size`` packets, with payloads that are a descriptor each (RFC 7741, 4.2);
    sequence numbers wrap early."""
    made = []
    for number, part in itertools.product(range(frames), range(size)):
        packet = RtpPacket(
            sequence_number=(first + number * size + part) & 0xFFFF,
            timestamp=(0xFFFFFF00 + number * 3750) & 0xFFFFFFFF,
            marker=int(part == size - 1),
            payload=b"\x10" if part == 0 else b"\x00",
        )
        body = (KEY if number in (0, key_at) else DELTA) + bytes([number & 0xFF, part])
        packet._data = body  # type: ignore[attr-defined]
        made.append(packet)
    return made
