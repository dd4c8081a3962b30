"""What receiving one packet of video costs the event loop: aiortc's own way, beside ours.

    python -m benchmarks.reception [--frames N] [--rounds N]

Encrypted packets of the specimen scene (640 × 360, 12 frames a second, VP8, abs-send-time) are
given to a receiver as the socket gives them, one in each turn of the loop; whole frames are
counted in place of being decoded. Three receivers take the same packets in turns: aiortc as it
comes, ours with packets on aiortc's way, and ours. Printed: the median of the rounds in
microseconds of processor time a packet, without the turn of the loop, and as a ratio to the first.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcdtlstransport import State
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpReceiveParameters,
)
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket
from pylibsrtp import Policy, Session

from benchmarks.films import SHAPES, read_film, write_film
from media.adaptations import DecoderStop
from media.arrival import adapt_arrival
from media.decoding import FrameRun
from media.reception import adapt_reception

KINDS = ("stock", "long way", "ours")
PAYLOAD_TYPE, RTX_TYPE, SSRC, RTX_SSRC = 96, 97, 77, 78
_MASTER_BYTES = 30
_TICKS = 90_000
_PARAMETERS = RTCRtpReceiveParameters(
    codecs=[
        RTCRtpCodecParameters(mimeType="video/VP8", clockRate=_TICKS, payloadType=PAYLOAD_TYPE),
        RTCRtpCodecParameters(
            mimeType="video/rtx",
            clockRate=_TICKS,
            payloadType=RTX_TYPE,
            parameters={"apt": PAYLOAD_TYPE},
        ),
    ],
    headerExtensions=[
        RTCRtpHeaderExtensionParameters(
            id=2, uri="http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
        ),
        RTCRtpHeaderExtensionParameters(id=4, uri="urn:ietf:params:rtp-hdrext:sdes:mid"),
    ],
    muxId="0",
)


def _srtp(key: bytes, kind: int) -> Session:
    policy = Policy(key=key, ssrc_type=kind)
    policy.allow_repeat_tx, policy.window_size = True, 1024
    return Session(policy)


class Link:
    """A receiver whose connection is there already; what it would send is in ``said``."""

    def __init__(self, kind: str) -> None:
        """``kind``: one of KINDS."""
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._pc.addTransceiver("video", direction="recvonly")
        self.receiver: Any = self._pc.getReceivers()[0]
        self.transport: Any = self.receiver.transport
        self.connection: Any = self.transport.transport._connection
        self._decoder_stop = DecoderStop(self.receiver)
        self.frames: list[tuple[int, bytes]] = []
        """Timestamp and content of each whole frame."""
        self.said: list[tuple[str, Any]] = []
        key = os.urandom(_MASTER_BYTES)
        self.encrypt = _srtp(key, Policy.SSRC_ANY_OUTBOUND)
        self.transport._rx_srtp = _srtp(key, Policy.SSRC_ANY_INBOUND)
        self.transport._state, self.transport.encrypted = State.CONNECTED, True
        setattr(self.transport, "_RTCDtlsTransport__handshake_done", True)  # noqa: B010
        nominated: Any = {1: None}
        self.connection._nominated = nominated
        if kind != "stock":
            assert adapt_reception(self.receiver, 0.1)
        if kind == "ours":
            assert adapt_arrival(self.receiver)

    async def open(self) -> None:
        inside, name = self.receiver, "_RTCRtpReceiver__decoder_queue"
        inside._track = RemoteStreamTrack(kind="video", id="a camera")
        inside._set_rtcp_ssrc(1)
        queue: Any = getattr(inside, name)
        self._end_decoder = queue.put
        queue.put = self._note
        inside._send_rtcp = self._say
        await inside.receive(_PARAMETERS)
        getattr(inside, "_RTCRtpReceiver__rtx_ssrc")[RTX_SSRC] = SSRC  # noqa: B009
        self._task = asyncio.create_task(getattr(self.transport, "_RTCDtlsTransport__run")())  # noqa: B009
        await asyncio.sleep(0)

    def _note(self, item: Any) -> None:
        if item is None:
            self._end_decoder(None)
            return
        first = item[1]
        later = first.later if isinstance(first, FrameRun) else []
        self.frames += [
            (first.timestamp, first.data),
            *((each.timestamp, each.data) for each in later),
        ]

    async def _say(self, packet: Any) -> None:
        self.said.append((type(packet).__name__, getattr(packet, "lost", packet.fmt)))

    async def give(self, datagrams: Sequence[bytes]) -> None:
        """As from the socket, each in a turn of the loop."""
        for datagram in datagrams:
            self.connection.data_received(datagram, 1)
            await asyncio.sleep(0)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._decoder_stop.finish()
        await self._pc.close()


def packets(frames: Sequence[bytes], fps: int = 12, first: int = 65_000) -> list[RtpPacket]:
    """VP8 frames in RTP packets as browsers send them; their numbers wrap early."""
    made: list[RtpPacket] = []
    for number, frame in enumerate(frames):
        parts = Vp8Encoder._packetize(frame, number & 0x7FFF)
        for place, part in enumerate(parts):
            packet = RtpPacket(
                payload_type=PAYLOAD_TYPE,
                sequence_number=(first + len(made)) & 0xFFFF,
                timestamp=(0xFFFF_0000 + number * _TICKS // fps) & 0xFFFF_FFFF,
                ssrc=SSRC,
                marker=int(place == len(parts) - 1),
                payload=part,
            )
            sent = int(number / fps * (1 << 18)) & 0xFFFFFF
            packet.extensions = HeaderExtensions(abs_send_time=sent, mid="0")
            made.append(packet)
    return made


def serialized(made: Sequence[RtpPacket]) -> list[bytes]:
    numbers = HeaderExtensionsMap()
    numbers.configure(_PARAMETERS)
    return [packet.serialize(numbers) for packet in made]


async def microseconds(kind: str, plain: Sequence[bytes], frames: int) -> float:
    """Processor time a packet, without what a turn of the loop takes by itself."""
    link = Link(kind)
    await link.open()
    datagrams = [link.encrypt.protect(each) for each in plain]
    began_s = time.thread_time()
    await link.give(datagrams)
    took_s = time.thread_time() - began_s
    began_s = time.thread_time()
    for _ in datagrams:
        await asyncio.sleep(0)
    turns_s = time.thread_time() - began_s
    whole = len(link.frames)
    await link.close()
    # aiortc hands a frame on with the first packet of the next.
    if whole < frames - 1:
        raise SystemExit(f"{kind}: {whole} of {frames} frames came out whole")
    return (took_s - turns_s) / len(datagrams) * 1e6


async def main(frames: int, rounds: int) -> None:
    shape = SHAPES["tracking"]
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film"
        await asyncio.to_thread(write_film, film, shape, "VP8", "empty")
        coded = read_film(film)
    scene = [coded[number % len(coded)] for number in range(frames)]
    plain = serialized(packets(scene, shape.fps))
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind in KINDS:
            took[kind].append(await microseconds(kind, plain, frames))
    stock = statistics.median(took["stock"])
    print(f"{len(plain)} packets, {frames} frames, median of {rounds} rounds")
    for kind, each in took.items():
        middle = statistics.median(each)
        print(f"{kind:10} {middle:6.1f} us a packet   {middle / stock:.2f} × stock")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What receiving a packet costs.")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    asyncio.run(main(chosen.frames, chosen.rounds))
