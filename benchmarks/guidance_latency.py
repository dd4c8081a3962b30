"""How soon the guest is told: from a frame's arrival to the guidance message that speaks of it.

    python -m benchmarks.guidance_latency [--visits 5] [--sessions 1]

Starts the server, and for each visit one or more WebRTC clients whose camera plays the specimen
scene (1280×720, 24 frames a second): a document comes in, is held and taken away. Printed are p50
and p95 of the time from the decoded frame to the guidance message, by the overlay of the same
frame (``latency_ms``), which is sent with it.

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

import aiohttp
import numpy as np

from examples.client import CaptureClient, Message
from examples.demo import start_server
from examples.scene_track import SceneTrack
from models.training.specimen_scene import Phases, SpecimenScene

GOAL_MS = 250
_PHASES = Phases(empty=0.5, moving_in=1.5, held=3.0, leaving=1.0, empty_after=1.0)
_LATE_S = 1.0


class Visit:
    """One guest."""

    def __init__(self, url: str, seed: int) -> None:
        self.client = CaptureClient(url, SceneTrack(SpecimenScene(seed=seed, phases=_PHASES)))
        self.overlays: dict[int, float] = {}
        self.said: list[int] = []

    async def run(self) -> None:
        await self.client.open()
        try:
            async with asyncio.timeout(_PHASES.total + _LATE_S):
                async for message in self.client.messages():
                    self._take(message)
        except TimeoutError:
            pass
        finally:
            await self.client.close()

    def _take(self, message: Message) -> None:
        if message["type"] == "overlay":
            self.overlays[message["frame"]["index"]] = message["latency_ms"]
        elif message["type"] == "guidance" and message["frame"]:
            self.said.append(message["frame"]["index"])

    def latencies_ms(self) -> list[float]:
        """Of each guidance message whose frame's overlay came; overlays may be lost."""
        return [self.overlays[index] for index in self.said if index in self.overlays]


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
    async with aiohttp.ClientSession() as http, http.get(f"{url.rstrip('/')}/metrics") as answer:
        text = await answer.text()
    name = "lobbylens_guidance_latency_seconds"
    within = re.search(rf'{name}_bucket{{[^}}]*le="{GOAL_MS / 1000}"[^}}]*}} (\S+)', text)
    count = re.search(rf"{name}_count\S* (\S+)", text)
    if within is None or count is None:
        return f"metric: not found ({answer.status})"
    return f"metric: {float(within[1]):.0f} of {float(count[1]):.0f} within {GOAL_MS} ms"


async def measure(visits: int, sessions: int) -> None:
    process, url = await start_server()
    found_ms: list[float] = []
    try:
        for number in range(visits):
            guests = [Visit(url, number * sessions + place) for place in range(sessions)]
            await asyncio.gather(*(guest.run() for guest in guests))
            for guest in guests:
                found_ms += guest.latencies_ms()
        load = os.getloadavg()[0]
        print(
            f"{visits} visits of {sessions} at once, {os.cpu_count()} processors, load {load:.1f}"
        )
        print(_line("guidance", found_ms))
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
