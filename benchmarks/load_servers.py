"""The servers that ``benchmarks/load.py`` compares, each a process: ``… KIND``.

- ``lobbylens``: the whole server, with its detector.
- ``blind``: the same with a reader that sees nothing, so that what is measured is media alone.
- ``stock``: aiortc as its own examples use it: ``recv()`` in a loop, a line of JSON a frame.

Each prints its address. None sheds load: what is measured is the full work.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from typing import Any

import av
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

import server
from core.settings import PipelineSettings, load_settings
from media.lanes import take_short_turns
from pipeline.engine import Engine, load_parts
from pipeline.types import Detection, Frame

UNBOUNDED = (
    *("--port", "0", "--log-level", "warning", "--signaling.max-sessions", "1000"),
    *("--load.max-cpu-share", "9", "--load.max-lag-ms", "100000"),
)


class BlindDetector:
    """Sees nothing, for nothing."""

    def detect(self, frame: Frame) -> Detection | None:
        return None


def ours(blind: bool) -> int:
    take_short_turns()
    parts = load_parts(PipelineSettings())
    if blind:
        parts = dataclasses.replace(parts, detector=BlindDetector())
    settings = load_settings(list(UNBOUNDED))
    app = server.make_app(settings, Engine(settings.pipeline, parts))
    asyncio.run(server.serve(settings, app, None))
    return 0


class Stock:
    """A server as aiortc's examples are: no more than the documentation shows."""

    def __init__(self) -> None:
        self._peers: set[RTCPeerConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def offer(self, request: web.Request) -> web.Response:
        body = await request.json()
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peers.add(pc)
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
            size = {"width": frame.width, "height": frame.height}
            stamp = {"index": index, "pts": frame.pts, "rtp_timestamp": None, **size}
            index += 1
            if channels and channels[0].readyState == "open":
                channels[0].send(json.dumps({"type": "overlay", "frame": stamp}))


async def stock() -> None:
    app = web.Application()
    app.router.add_post("/api/webrtc/offer", Stock().offer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"stock aiortc serves http://{host}:{port}/", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    kind = sys.argv[1]
    if kind == "stock":
        asyncio.run(stock())
    sys.exit(ours(blind=kind == "blind"))
