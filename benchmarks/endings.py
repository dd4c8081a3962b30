"""How sessions end: a peer that crashes, and one that is closed with work in hand.

Both are measured on this server and on a bare aiortc peer connection, in this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from benchmarks.films import FilmTrack
from benchmarks.load import end, line_of, start
from benchmarks.soak import vanish
from benchmarks.surroundings import own_settings
from core.http import SERVER_OPTIONS
from examples.client import CaptureClient
from media.state import CloseReason
from media.surroundings import Reading
from server import make_app
from signaling.keys import REGISTRY

PATIENCE_S = 60.0
_FLOOD_FPS = 240


@contextlib.asynccontextmanager
async def serving(engine: Reading) -> AsyncIterator[tuple[str, Any]]:
    """The whole server in this process, and its registry of sessions."""
    settings = own_settings("--access.audit", "off", "--load.max-cpu-share", "9")
    app = await asyncio.to_thread(make_app, settings, engine)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(**SERVER_OPTIONS)
    try:
        yield str(server.make_url("")), app[REGISTRY]
    finally:
        await server.close()


class StockPeers:
    """Answers offers with bare peer connections whose tracks are drained."""

    def __init__(self) -> None:
        self.peers: list[RTCPeerConnection] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self, client: CaptureClient) -> RTCPeerConnection:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peers.append(pc)
        pc.on("track", self._drain)
        await pc.setRemoteDescription(RTCSessionDescription(await client.offer(), "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        answer = RTCSessionDescription(pc.localDescription.sdp, "answer")
        await client.pc.setRemoteDescription(answer)
        return pc

    def _drain(self, track: Any) -> None:
        async def drain() -> None:
            with contextlib.suppress(MediaStreamError):
                while True:
                    await track.recv()

        task = asyncio.create_task(drain())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def crash_noticed_s(engine: Reading, frames: list[bytes], fps: float) -> float:
    """From a peer's last packet to the moment in which its connection here is let go."""
    async with serving(engine) as (url, registry):
        client = CaptureClient(url, FilmTrack(frames, fps), codec="VP8")
        await client.open()
        await client.wait_for("overlay")
        session = registry.get(client.session_id)
        vanish(client)
        began_s = time.monotonic()
        while session.peer is not None and time.monotonic() - began_s < PATIENCE_S:
            await asyncio.sleep(0.05)
        took_s = time.monotonic() - began_s
        await client.close()
        return took_s


async def stock_crash_noticed_s(frames: list[bytes], fps: float) -> float:
    """The same of a bare aiortc connection: until it says that it has failed."""
    client = CaptureClient("http://unused", FilmTrack(frames, fps), codec="VP8")
    pc = await StockPeers().connect(client)
    async with asyncio.timeout(15):
        while pc.connectionState != "connected":
            await asyncio.sleep(0.02)
    await asyncio.sleep(1)
    vanish(client)
    began_s = time.monotonic()
    while pc.connectionState == "connected" and time.monotonic() - began_s < PATIENCE_S:
        await asyncio.sleep(0.05)
    took_s = time.monotonic() - began_s
    await pc.close()
    await client.close()
    return took_s


class Ticking:
    """The longest time for which the event loop stood still, in seconds."""

    def __init__(self) -> None:
        self.stall_s = 0.0
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            before_s = time.monotonic()
            await asyncio.sleep(0.005)
            self.stall_s = max(self.stall_s, time.monotonic() - before_s - 0.005)

    def forget(self) -> None:
        self.stall_s = 0.0

    async def stop(self) -> float:
        await asyncio.sleep(0.5)
        self._task.cancel()
        await asyncio.wait([self._task])
        return self.stall_s


async def close_stall_s(engine: Reading, film: Path, seconds: float = 5) -> float:
    """How long the loop stands still when a session is closed whose decoder is far behind.

    Another process sends ten times as many 720p frames as a camera does.
    """
    async with serving(engine) as (url, registry):
        flood = await start(
            "benchmarks.load_peers", url, str(film), "1", str(seconds), "VP8", str(_FLOOD_FPS)
        )
        await line_of(flood)
        ticking = Ticking()
        await asyncio.sleep(seconds / 2)
        ticking.forget()
        (session_id,) = list(registry._sessions)
        await registry.close(session_id, CloseReason.CLIENT)
        stall_s = await ticking.stop()
        await end(flood)
        return stall_s


async def stock_close_stall_s(film: Path, seconds: float = 5) -> float:
    """The same of a bare aiortc connection behind the same door."""
    from aiohttp import web

    from benchmarks.load_servers import Stock

    stock, app = Stock(), web.Application()
    app.router.add_post("/api/webrtc/offer", stock.offer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    flood = await start(
        *("benchmarks.load_peers", str(server.make_url("")), str(film), "1", str(seconds)),
        *("VP8", str(_FLOOD_FPS)),
    )
    await line_of(flood)
    ticking = Ticking()
    await asyncio.sleep(seconds / 2)
    ticking.forget()
    for pc in stock.peers:
        await pc.close()
    stall_s = await ticking.stop()
    await end(flood)
    await server.close()
    return stall_s
