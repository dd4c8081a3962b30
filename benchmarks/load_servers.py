"""The servers that ``benchmarks/load.py`` compares, each a process: ``… KIND``.

- ``lobbylens``: the whole server, with its detector.
- ``resting``: the same with a reader that sees nothing, so that what is measured is media alone:
  with no document in view, every other frame is decoded.
- ``blind``: the same with each frame decoded, as aiortc does.
- ``slow``: the same with a reader that takes 80 ms for each frame.
- ``stock``: aiortc as its own examples use it: ``recv()`` in a loop, a line of JSON a frame.
- ``stock-slow``: the same with 80 ms of work on a thread for each frame.
- ``stock-numbered``: the same with the number that each picture of ``benchmarks.latency`` bears.

Each prints its address; the stock ones have a page that sends a camera's picture. None sheds
load: what is measured is the full work. At their end the slow ones print how many frames they have
held, at most, beside the one that was worked on.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import av
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

import server
from benchmarks.frame_numbers import luma_of, read_number
from benchmarks.surroundings import own_settings
from core.settings import PipelineSettings
from media.lanes import take_short_turns
from pipeline.engine import Engine, load_parts
from pipeline.types import Detection, Detector, Frame

UNBOUNDED = (
    *("--port", "0", "--log-level", "warning", "--signaling.max-sessions", "1000"),
    *("--load.max-cpu-share", "9", "--load.max-lag-ms", "100000"),
    *("--access.openings-per-min", "100000", "--access.audit", "off"),
)


SLOW_S = 0.08
STOCK_PAGE = Path(__file__).with_name("stock_page.html").read_text()


class BlindDetector:
    """Sees nothing, for nothing."""

    def detect(self, frame: Frame) -> Detection | None:
        return None

    def follow(self, frame: Frame, known: Detection) -> Detection | None:
        return None


COUNTED_EVERY = 12
"""Counting holds up everybody else for some milliseconds."""


class SlowDetector(BlindDetector):
    """Sees nothing, slowly."""

    def __init__(self) -> None:
        self._looks = 0
        self.held = 0
        """Frames that were there beside the one looked at, at most."""

    def detect(self, frame: Frame) -> Detection | None:
        until_s = time.monotonic() + SLOW_S
        self._looks += 1
        if self._looks % COUNTED_EVERY == 0:
            there = sum(type(each) is Frame for each in gc.get_objects())
            self.held = max(self.held, there - 1)
        time.sleep(max(0.0, until_s - time.monotonic()))
        return None


def ours(kind: str) -> int:
    take_short_turns()
    parts = load_parts(PipelineSettings())
    blind, slow = BlindDetector(), SlowDetector()
    others: dict[str, Detector] = {"blind": blind, "resting": blind, "slow": slow}
    other = others.get(kind)
    if other is not None:
        parts = dataclasses.replace(parts, detector=other)
    settings = own_settings(*UNBOUNDED, "--no-media.rest" if kind == "blind" else "--media.rest")
    app = server.make_app(settings, Engine(settings.pipeline, parts))
    asyncio.run(server.serve(settings, app, None, None))
    if kind == "slow":
        print(slow.held)
    return 0


class Stock:
    """A server as aiortc's examples are: no more than the documentation shows."""

    def __init__(self, work_s: float = 0.0, numbered: bool = False) -> None:
        self._work_s = work_s
        self._numbered = numbered
        self.peers: set[RTCPeerConnection] = set()
        self.held = 0
        """Pictures that waited in a track, at most."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def offer(self, request: web.Request) -> web.Response:
        body = await request.json()
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peers.add(pc)
        channels: list[Any] = []
        pc.on("datachannel", channels.append)
        pc.on("track", lambda track: self._begin(self._watch(track, channels)))
        await pc.setRemoteDescription(RTCSessionDescription(body["sdp"], "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        sdp = pc.localDescription.sdp
        return web.json_response(
            {"sdp": sdp, "type": "answer", "session_id": "", "resume_token": ""}
        )

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self, track: MediaStreamTrack, channels: list[Any]) -> None:
        index = 0
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, av.VideoFrame)
            if self._work_s:
                await asyncio.to_thread(time.sleep, self._work_s)
                waiting: Any = track
                self.held = max(self.held, waiting._queue.qsize())
            size = {"width": frame.width, "height": frame.height}
            stamp = {"index": index, "pts": frame.pts, "rtp_timestamp": frame.pts, **size}
            if self._numbered:
                stamp["number"] = read_number(luma_of(frame))
            index += 1
            if channels and channels[0].readyState == "open":
                channels[0].send(json.dumps({"type": "overlay", "frame": stamp}))


async def page(request: web.Request) -> web.Response:
    return web.Response(text=STOCK_PAGE, content_type="text/html")


async def stock(kind: str) -> None:
    app = web.Application()
    app.router.add_get("/", page)
    served = Stock(SLOW_S if kind == "stock-slow" else 0.0, kind == "stock-numbered")
    app.router.add_post("/api/webrtc/offer", served.offer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"stock aiortc serves http://{host}:{port}/", flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    if kind == "stock-slow":
        print(served.held, flush=True)
    os._exit(0)


if __name__ == "__main__":
    kind = sys.argv[1]
    if kind.startswith("stock"):
        asyncio.run(stock(kind))
    sys.exit(ours(kind))
