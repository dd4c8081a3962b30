"""What a bad network does to a guest's overlays, beside aiortc as it comes.

``python -m benchmarks.bad_network [--seconds 60] [--width 640] [--codec VP8]`` runs the server with
the real detector and a peer that plays the specimen scene at 24 frames a second in one process,
with a network between them that loses, delays, reorders and narrows. Each line is one call: the
longest freeze, freezes over 300 ms, overlays a second, and how often a packet was sent again.
"stock" is the same server with aiortc's own receiver. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from aiohttp.test_utils import TestServer
from aiortc import RTCRtpSender, VideoStreamTrack
from aiortc.codecs import h264, vpx

import media.peer
from benchmarks.impairment import Impairment, Swallower, Watch
from benchmarks.surroundings import own_settings
from core.http import SERVER_OPTIONS
from examples.client import CaptureClient
from media.surroundings import Reading
from models.training.specimen_scene import Phases, SpecimenScene
from pipeline.engine import Engine
from pipeline.types import ImageU8
from server import make_app

_WARM_UP = 24
_FREEZE_S = 0.3
_FPS = 24


@dataclass(frozen=True, slots=True)
class Case:
    """One network. ``start_kbps`` is what the peer's encoder begins with."""

    name: str
    network: dict[str, Any] = field(default_factory=dict)
    swallow: bool = False
    start_kbps: int = 500


CASES = (
    Case("no impairment"),
    Case("a packet that never comes, each 2 s", swallow=True),
    Case("3 % loss", {"loss": 0.03}),
    Case("3 % loss, 100 ms away", {"loss": 0.03, "delay_s": 0.1}),
    Case("20 to 50 ms, out of order", {"delay_s": 0.02, "jitter_s": 0.03}),
    Case("500 kbit/s", {"rate_kbps": 500, "delay_s": 0.03}, start_kbps=1500),
)


class HeldScene(VideoStreamTrack):
    """A second of a hand that holds the specimen, drawn beforehand and played to and fro."""

    def __init__(self, pictures: list[ImageU8]) -> None:
        super().__init__()
        self._pictures = [*pictures, *reversed(pictures)]
        self._began_s: float | None = None
        self._number = -1

    async def recv(self) -> av.VideoFrame:
        now_s = time.monotonic()
        self._began_s = now_s if self._began_s is None else self._began_s
        self._number = max(self._number + 1, int((now_s - self._began_s) * _FPS))
        await asyncio.sleep(max(0.0, self._began_s + self._number / _FPS - now_s))
        picture = self._pictures[self._number % len(self._pictures)]
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.time_base = self._number * 90_000 // _FPS, Fraction(1, 90_000)
        return frame


def held_pictures(width_px: int = 640) -> list[ImageU8]:
    """Pictures of the document at rest, 16:9."""
    scene = SpecimenScene(phases=Phases(empty=0.1, moving_in=0.2, held=3))
    drawn = [scene.frame(index).bgr for index in range(_FPS, 2 * _FPS)]
    size = (width_px, width_px * 9 // 16)
    return [np.asarray(cv2.resize(picture, size), np.uint8) for picture in drawn]


class Counted:
    """Calls on, and counts."""

    def __init__(self, original: Callable[[int], Awaitable[None]]) -> None:
        self._original = original
        self.count = 0

    async def __call__(self, number: int) -> None:
        self.count += 1
        await self._original(number)


async def swallow_often(swallower: Swallower) -> None:
    while True:
        await asyncio.sleep(2)
        swallower.swallow_next()


def count_repetitions(sender: RTCRtpSender) -> Counted:
    counted = Counted(sender._retransmit)
    setattr(sender, "_retransmit", counted)  # noqa: B010
    return counted


@dataclass(frozen=True, slots=True)
class Call:
    """What one call was like for the guest; ``repeated``: packets sent again."""

    longest_s: float
    freezes: int
    overlays_per_s: float
    repeated: int

    def __str__(self) -> str:
        return (
            f"{self.longest_s:9.2f} {self.freezes:8d} {self.overlays_per_s:9.1f} {self.repeated:9d}"
        )


async def play(
    engine: Reading, pictures: list[ImageU8], case: Case, seconds: float, codec: str = "VP8"
) -> Call:
    """One call."""
    vpx.DEFAULT_BITRATE = h264.DEFAULT_BITRATE = case.start_kbps * 1000
    app = await asyncio.to_thread(make_app, own_settings("--access.audit", "off"), engine)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(**SERVER_OPTIONS)
    client = CaptureClient(str(server.make_url("")), HeldScene(pictures), codec=codec)
    await client.open()
    for _ in range(_WARM_UP):
        await client.wait_for("overlay")
    repeated, watch = count_repetitions(client.pc.getSenders()[0]), Watch(client)
    network = Impairment(client.pc, **case.network)
    swallowing = asyncio.create_task(swallow_often(Swallower(client.pc))) if case.swallow else None
    network.begin()
    await watch.run(seconds)
    await network.end()
    if swallowing is not None:
        swallowing.cancel()
    await client.close()
    await server.close()
    freezes = int(np.sum(np.array(watch.gaps_s) > _FREEZE_S))
    return Call(max(watch.gaps_s), freezes, len(watch.times_s) / seconds, repeated.count)


@contextlib.contextmanager
def stock_reception() -> Iterator[None]:
    """Meanwhile peers receive as aiortc does by itself."""
    names = ("adapt_reception", "adapt_arrival")
    ours = {name: getattr(media.peer, name) for name in names}
    for name in names:
        setattr(media.peer, name, lambda *_: True)
    try:
        yield
    finally:
        for name in names:
            setattr(media.peer, name, ours[name])


async def main(seconds: float, width_px: int, codec: str) -> None:
    shape = f"{width_px}x{width_px * 9 // 16}, {codec}"
    print(f"{platform.machine()}, {os.cpu_count()} processors, {seconds:.0f} s a call, {shape}")
    print(f"{'':38} {'longest s':>9} {'> 0.3 s':>8} {'overlays':>9} {'repeated':>9}")
    engine = await asyncio.to_thread(Engine, own_settings().pipeline)
    pictures = await asyncio.to_thread(held_pictures, width_px)
    try:
        for case in CASES:
            call = await play(engine, pictures, case, seconds, codec)
            print(f"{case.name:38} {call}", flush=True)
            with stock_reception():
                call = await play(engine, pictures, case, seconds, codec)
            print(f"{'  stock':38} {call}", flush=True)
    finally:
        engine.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Overlays under a bad network.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--width", type=int, default=640, help="pixels; 1280 is a whole camera")
    parser.add_argument("--codec", choices=("VP8", "H264"), default="VP8")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.seconds, arguments.width, arguments.codec))
