"""How soon the guest is told: from a frame's arrival to the guidance message that speaks of it.

    python -m benchmarks.guidance_latency [--visits 5] [--sessions 1]

Starts the server, and for each visit one or more WebRTC clients whose camera plays the specimen
scene (1280×720, 24 frames a second): a document comes in, is held and taken away. Two figures,
each with p50 and p95:

- *server*: from the decoded frame to the guidance message, by the overlay of the same frame
  (``latency_ms``), which is sent with it;
- *client*: from the camera's frame to the message's arrival, with encoding, network and decoding.

Guidance that stands for its ``min_ms`` waits for a later frame, and counts from that one: the time
measured is the server's, not the words'. The server's own histogram
(``lobbylens_guidance_latency_seconds``) is printed beside them. The clients encode video on the
same machine: each takes about a processor.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import time

import aiohttp
import av
import numpy as np

from examples.client import CaptureClient
from examples.demo import start_server
from examples.scene_track import SceneTrack
from models.training.specimen_scene import Phases, SpecimenScene

GOAL_MS = 250
_PHASES = Phases(empty=0.5, moving_in=1.5, held=3.0, leaving=1.0, empty_after=1.0)
_LATE_S = 1.0
_CLOCK_RATE_HZ = 90_000


class TimedTrack(SceneTrack):
    """Remembers when the camera gave each picture, by its media time in seconds."""

    def __init__(self, scene: SpecimenScene) -> None:
        super().__init__(scene)
        self.given: dict[int, float] = {}

    async def recv(self) -> av.VideoFrame:
        frame = await super().recv()
        assert frame.pts is not None
        self.given[frame.pts] = time.monotonic()
        return frame


class Visit:
    """One guest: server and client latencies of each guidance message, in ms."""

    def __init__(self, url: str, seed: int) -> None:
        self.track = TimedTrack(SpecimenScene(seed=seed, phases=_PHASES))
        self.client = CaptureClient(url, self.track)
        self.overlays: dict[int, float] = {}
        self.said: list[tuple[int, int, float]] = []
        self.stamps: list[int] = []

    async def run(self) -> None:
        await self.client.open()
        try:
            async with asyncio.timeout(_PHASES.total + _LATE_S):
                async for message in self.client.messages():
                    self._take(message, time.monotonic())
        except TimeoutError:
            pass
        finally:
            await self.client.close()

    def _take(self, message: dict[str, object], now_s: float) -> None:
        frame = message.get("frame")
        if not isinstance(frame, dict):
            return
        index, stamp = int(frame["index"]), int(frame["rtp_timestamp"])
        self.stamps.append(stamp)
        if message["type"] == "overlay":
            self.overlays[index] = float(str(message["latency_ms"]))
        elif message["type"] == "guidance":
            self.said.append((index, stamp, now_s))

    def server_ms(self) -> list[float]:
        return [self.overlays[index] for index, _, _ in self.said if index in self.overlays]

    def client_ms(self) -> list[float]:
        """By the RTP timestamp, whose start is random: the sender's statistics tell it."""
        start = self._start()
        if start is None:
            return []
        given = self.track.given
        found = [(at, given.get((stamp - start) % 2**32)) for _, stamp, at in self.said]
        return [(at - since) * 1000 for at, since in found if since is not None]

    def _start(self) -> int | None:
        """The start for which every stamp belongs to a picture that was given; None if several."""
        known = set(self.track.given)
        starts = {(self.stamps[-1] - pts) % 2**32 for pts in known} if self.stamps else set()
        fitting = [s for s in starts if all((stamp - s) % 2**32 in known for stamp in self.stamps)]
        return fitting[0] if len(fitting) == 1 else None


def _line(name: str, values: list[float]) -> str:
    if not values:
        return f"{name}: nothing measured"
    p50, p95 = np.percentile(values, [50, 95])
    within = sum(value <= GOAL_MS for value in values)
    return (
        f"{name}: {len(values)} messages, p50 {p50:.0f} ms, p95 {p95:.0f} ms, "
        f"{within} within {GOAL_MS} ms"
    )


async def _metric(url: str) -> str:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as answer:
        text = await answer.text()
    name = "lobbylens_guidance_latency_seconds"
    within = re.search(rf'{name}_bucket{{le="{GOAL_MS / 1000}"}} (\S+)', text)
    count = re.search(rf"{name}_count (\S+)", text)
    if within is None or count is None:
        return "metric: not found"
    return f"metric: {float(within[1]):.0f} of {float(count[1]):.0f} within {GOAL_MS} ms"


async def measure(visits: int, sessions: int) -> None:
    process, url = await start_server()
    server_ms: list[float] = []
    client_ms: list[float] = []
    try:
        for number in range(visits):
            guests = [Visit(url, number * sessions + place) for place in range(sessions)]
            await asyncio.gather(*(guest.run() for guest in guests))
            for guest in guests:
                server_ms += guest.server_ms()
                client_ms += guest.client_ms()
        load = os.getloadavg()[0]
        print(
            f"{visits} visits of {sessions} at once, {os.cpu_count()} processors, load {load:.1f}"
        )
        print(_line("server", server_ms))
        print(_line("client", client_ms))
        print(await _metric(url))
    finally:
        process.terminate()
        await process.wait()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=1)
    options = parser.parse_args()
    asyncio.run(measure(options.visits, options.sessions))


if __name__ == "__main__":
    main()
