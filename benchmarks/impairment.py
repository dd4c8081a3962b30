"""A bad network between a peer and the server, in-process: loss, delay, order, rate.

It sits beneath DTLS and SRTP, where a datagram is handed to ICE, so that everything above is
real. What the peer sends may be lost, held back and queued; what it receives may be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Awaitable, Callable

from aiortc import RTCPeerConnection
from aiortc.rtp import RtpPacket, is_rtcp

from examples.client import CaptureClient

Send = Callable[[bytes], Awaitable[None]]
_CLOCK_RATE_HZ = 90_000
"""Of all video (RFC 3551, section 5)."""


class Impairment:
    """Impairs one peer connection from ``begin`` to ``end``.

    ``loss`` is the share of datagrams lost in each direction, drawn from ``seed``. Each one sent
    is held for ``delay_s`` and up to ``jitter_s`` more, so that they overtake one another, and
    passes a link of ``rate_kbps`` with a queue of ``queue_s``, beyond which it is lost.
    """

    def __init__(
        self,
        pc: RTCPeerConnection,
        *,
        loss: float = 0.0,
        delay_s: float = 0.0,
        jitter_s: float = 0.0,
        rate_kbps: float | None = None,
        queue_s: float = 0.3,
        seed: int = 1,
    ) -> None:
        self._loss = loss
        self._delay_s = delay_s
        self._jitter_s = jitter_s
        self._rate_bps = None if rate_kbps is None else rate_kbps * 1000
        self._queue_s = queue_s
        self._random = random.Random(seed)
        self._active = False
        self._free_s = 0.0
        self._under_way: set[asyncio.Task[None]] = set()
        self.sent = self.lost = self.overtaken = 0
        self._numbers_out: list[int] = []
        ice = pc.getSenders()[0].transport.transport
        self._pass_on: Send = ice._send
        self._take: Callable[[], Awaitable[bytes]] = ice._recv
        setattr(ice, "_send", self._send)  # noqa: B010
        setattr(ice, "_recv", self._receive)  # noqa: B010

    def begin(self) -> None:
        self._active = True

    async def end(self) -> None:
        """Impair no more; what was held back is delivered or dropped."""
        self._active = False
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _send(self, data: bytes) -> None:
        if not self._active:
            await self._pass_on(data)
            return
        self.sent += 1
        hold_s = self._held_for(len(data))
        if hold_s is None:
            self.lost += 1
        elif hold_s:
            task = asyncio.create_task(self._later(hold_s, data, self.sent))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        else:
            await self._pass_on(data)

    def _held_for(self, size: int) -> float | None:
        """Seconds until a datagram arrives; None when it is lost."""
        if self._random.random() < self._loss:
            return None
        hold_s = self._delay_s + self._random.uniform(0, self._jitter_s)
        if self._rate_bps is None:
            return hold_s
        now_s = asyncio.get_running_loop().time()
        starts_s = max(now_s, self._free_s)
        if starts_s - now_s > self._queue_s:
            return None
        self._free_s = starts_s + size * 8 / self._rate_bps
        return hold_s + self._free_s - now_s

    async def _later(self, hold_s: float, data: bytes, number: int) -> None:
        await asyncio.sleep(hold_s)
        self.overtaken += bool(self._numbers_out) and number < self._numbers_out[-1]
        self._numbers_out = [number]
        with contextlib.suppress(ConnectionError):
            await self._pass_on(data)

    async def _receive(self) -> bytes:
        while True:
            data = await self._take()
            if not self._active or self._random.random() >= self._loss:
                return data


class Swallower:
    """Keeps one video packet of a peer, and every retransmission of it, from being sent."""

    def __init__(self, pc: RTCPeerConnection) -> None:
        self._dtls = pc.getSenders()[0].transport
        self._pass_on: Send = self._dtls._send_rtp
        self._wanted = False
        self._number: int | None = None
        self._ssrc = 0
        self.swallowed = 0
        setattr(self._dtls, "_send_rtp", self._send_rtp)  # noqa: B010

    def swallow_next(self) -> None:
        """The next packet that does not end a frame never arrives."""
        self._wanted, self._number = True, None

    async def _send_rtp(self, data: bytes) -> None:
        if not is_rtcp(data) and self._is_doomed(RtpPacket.parse(data)):
            self.swallowed += 1
            return
        await self._pass_on(data)

    def _is_doomed(self, packet: RtpPacket) -> bool:
        if self._wanted and not packet.marker:
            self._wanted = False
            self._number, self._ssrc = packet.sequence_number, packet.ssrc
        if self._number is None:
            return False
        if packet.ssrc == self._ssrc:
            return packet.sequence_number == self._number
        # RFC 4588, section 4: a retransmission begins with the original sequence number.
        return int.from_bytes(packet.payload[:2], "big") == self._number


class Watch:
    """When overlays came, of which frames, and for how long the event loop stood still."""

    def __init__(self, client: CaptureClient) -> None:
        self._client = client
        self.times_s: list[float] = []
        self.frames: list[tuple[int, int]] = []
        """Each one's index, and its sender's RTP timestamp."""
        self.stall_s = 0.0
        self._began_s = self._ended_s = 0.0

    async def run(self, seconds: float) -> None:
        self._began_s = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                group.create_task(self._tick())
                group.create_task(self._listen())
        self._ended_s = time.monotonic()

    async def _tick(self) -> None:
        while True:
            before_s = time.monotonic()
            await asyncio.sleep(0.01)
            self.stall_s = max(self.stall_s, time.monotonic() - before_s - 0.01)

    async def _listen(self) -> None:
        async for message in self._client.messages():
            if message["type"] == "overlay":
                self.times_s.append(time.monotonic())
                stamp = message["frame"]
                self.frames.append((stamp["index"], stamp["rtp_timestamp"]))

    @property
    def gaps_s(self) -> list[float]:
        """Between overlays, and up to the end: a stream that has died is silent until then."""
        moments_s = [self._began_s, *self.times_s, self._ended_s]
        return [b - a for a, b in itertools.pairwise(moments_s)]

    def lost(self, fps: int) -> int:
        """Frames between the first overlay and the last that were sent and never came.

        The server's indices count all that came, looked at or replaced by a newer one.
        """
        (first, began), (last, ended) = min(self.frames), max(self.frames)
        sent = round(((ended - began) & 0xFFFFFFFF) * fps / _CLOCK_RATE_HZ)
        return sent - (last - first)
