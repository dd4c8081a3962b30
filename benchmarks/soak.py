"""Guests come and go for hours; does anything grow?

``python -m benchmarks.soak --minutes 120 --sessions 6`` starts the whole server and keeps so many
peers with it. Each stays for some seconds, then says goodbye, loses its network without a word,
or comes back with its resume token first. At intervals a line tells what the server holds; the
end tells how fast each figure grew after the warm-up, a quarter of the time, by a straight line
through the medians of its thirds (so that the guests of the moment count little). Beside all
memory (RSS) stands what is in use of it: bytes of the C library's heaps, and pieces that Python's
objects take. A leak grows there too; where RSS alone grows, heaps are torn. Now and then nobody is
let in until all have left: what is held then belongs to no guest.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np

from benchmarks.films import SHAPES, FilmTrack, read_film, write_film
from benchmarks.load import end, line_of, start
from benchmarks.process_usage import usage
from benchmarks.surroundings import own_settings
from examples.client import CaptureClient, Refused
from media.adaptations import ice_connections

STAY_S = (4.0, 20.0)
ENDINGS = ("goodbye", "goodbye", "vanished", "resumed")
_SHAPE = SHAPES["tracking"]
_LEAVE_S = 180.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server held at a moment, ``at_s`` from the start."""

    at_s: float
    rss_mb: float
    threads: float
    sockets: float
    tasks: float
    sessions: float
    heap_mb: float
    kilo_blocks: float


FIGURES = ("rss_mb", "heap_mb", "kilo_blocks", "threads", "sockets", "tasks")
_GAUGES = (
    *("lobbylens_tasks", "lobbylens_sessions"),
    *("lobbylens_heap_used_bytes", "lobbylens_python_blocks"),
)


def growth_per_hour(samples: Sequence[Sample], name: str) -> float:
    """How fast a figure grew: a line through the medians of the first and the last third."""
    third = len(samples) // 3
    if third < 1:
        return float("nan")
    early, late = samples[:third], samples[-third:]
    rise = np.median([getattr(s, name) for s in late]) - np.median(
        [getattr(s, name) for s in early]
    )
    time_s = np.median([s.at_s for s in late]) - np.median([s.at_s for s in early])
    return float(rise / time_s * 3600)


async def gauge(url: str, *names: str) -> list[float]:
    """Values of the server's own metrics."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}metrics") as answer:
        lines = (await answer.text()).splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return [float(found[name]) for name in names]


def vanish(client: CaptureClient) -> None:
    """Lose the network: sockets close, nothing is said."""
    for connection in ice_connections(client.pc):
        for protocol in connection._protocols:
            if protocol.transport is not None:
                protocol.transport.abort()


def film_client(url: str, frames: list[bytes]) -> CaptureClient:
    """A peer that sends the film, and begins it anew where a key frame is asked for."""
    track = FilmTrack(frames, _SHAPE.fps)
    client = CaptureClient(url, track, codec="VP8")
    track.heeds(client.pc.getSenders()[0])
    return client


async def visit(url: str, frames: list[bytes], ending: str, stay_s: float) -> None:
    """One guest, from coming to leaving."""
    client = film_client(url, frames)
    try:
        await client.open()
        await client.wait_for("overlay")
        await asyncio.sleep(stay_s)
        if ending == "resumed":
            vanish(client)
            second = film_client(url, frames)
            try:
                await second.open(resume_token=client.resume_token)
                await second.wait_for("overlay")
                await asyncio.sleep(stay_s / 2)
                second.send({"type": "close"})
            finally:
                await second.close()
        elif ending == "vanished":
            vanish(client)
        else:
            client.send({"type": "close"})
    finally:
        with contextlib.suppress(OSError):
            await client.close()


async def guests(
    url: str,
    frames: list[bytes],
    seed: int,
    told: Counter[str],
    stay_s: tuple[float, float],
    let_in: asyncio.Event,
) -> None:
    """One place at the desk: a guest after the other while they are let in, until cancelled."""
    draw = random.Random(seed)
    while True:
        await let_in.wait()
        ending = draw.choice(ENDINGS)
        try:
            await visit(url, frames, ending, draw.uniform(*stay_s))
            told[ending] += 1
        except (Refused, ConnectionError, TimeoutError) as error:
            told[type(error).__name__] += 1
            await asyncio.sleep(1)


async def look(server: asyncio.subprocess.Process, url: str, began_s: float) -> Sample:
    """What the server holds now, printed."""
    held = usage(server.pid)
    on_loop, open_now, heap, blocks = await gauge(url, *_GAUGES)
    at_s = time.monotonic() - began_s
    print(
        f"{at_s / 60:7.1f} {open_now:9.0f} {held.rss_mb:8.1f} {heap / 1e6:8.1f} "
        f"{blocks / 1e3:8.1f} {held.threads:8d} {held.sockets:8d} {on_loop:6.0f}",
        flush=True,
    )
    return Sample(
        *(at_s, held.rss_mb, held.threads, held.sockets),
        *(on_loop, open_now, heap / 1e6, blocks / 1e3),
    )


async def empty(url: str) -> None:
    """Wait until the last guest has left, and what they left has been given back.

    Raises TimeoutError when somebody stays: a session that never ends.
    """
    async with asyncio.timeout(_LEAVE_S):
        while (await gauge(url, "lobbylens_sessions"))[0]:
            await asyncio.sleep(1)
    # The server is started with the same surroundings, and has the same settings.
    settings = await asyncio.to_thread(own_settings)
    await asyncio.sleep(settings.media.give_back_memory_s + 10)


async def soak(
    minutes: float,
    sessions: int,
    every_s: float,
    kind: str = "lobbylens",
    stay_s: tuple[float, float] = STAY_S,
    rest_every_min: float = 0,
) -> tuple[list[Sample], list[Sample], Counter[str]]:
    """The samples, one each ``every_s``; those of an empty house; and how visits ended."""
    told: Counter[str] = Counter()
    samples: list[Sample] = []
    rests: list[Sample] = []
    let_in = asyncio.Event()
    let_in.set()
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film"
        await asyncio.to_thread(write_film, film, _SHAPE, "VP8", "held")
        frames = await asyncio.to_thread(read_film, film)
    server = await start("benchmarks.load_servers", kind)
    tasks: list[asyncio.Task[None]] = []
    try:
        url = (await line_of(server)).split()[-1]
        tasks = [
            asyncio.create_task(guests(url, frames, number, told, stay_s, let_in))
            for number in range(sessions)
        ]
        began_s = rested_s = time.monotonic()
        while time.monotonic() - began_s < minutes * 60:
            await asyncio.sleep(every_s)
            samples.append(await look(server, url, began_s))
            if rest_every_min and time.monotonic() - rested_s >= rest_every_min * 60:
                let_in.clear()
                await empty(url)
                rests.append(await look(server, url, began_s))
                let_in.set()
                rested_s = time.monotonic()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await end(server)
    return samples, rests, told


def span(text: str) -> tuple[float, float]:
    """Two numbers of seconds, as ``4,20``."""
    shortest, longest = (float(word) for word in text.split(","))
    return shortest, longest


async def main(
    minutes: float, sessions: int, every_s: float, stay_s: tuple[float, float], rest_every: float
) -> None:
    print(f"{platform.machine()}, {os.cpu_count()} processors, {sessions} guests at a time")
    print(
        f"{'minutes':>7} {'sessions':>9} {'RSS MB':>8} {'heap MB':>8} {'k blocks':>8} "
        f"{'threads':>8} {'sockets':>8} {'tasks':>6}"
    )
    samples, rests, told = await soak(
        minutes, sessions, every_s, stay_s=stay_s, rest_every_min=rest_every
    )
    print("visits:", ", ".join(f"{count} {name}" for name, count in sorted(told.items())))
    for name in FIGURES:
        busy, empty_house = (
            growth_per_hour(them[len(them) // 4 :], name) for them in (samples, rests)
        )
        print(
            f"growth of {name} after the warm-up: {busy:+.1f} an hour, "
            f"of the empty house {empty_house:+.1f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Guests come and go; does anything grow?")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--sessions", type=int, default=6)
    parser.add_argument("--every", type=float, default=30, help="seconds between two lines")
    parser.add_argument(
        "--stay", type=span, default=STAY_S, help="seconds that guests stay, as 4,20"
    )
    parser.add_argument(
        "--rest-every", type=float, default=15, help="minutes between two looks without guests"
    )
    given = parser.parse_args()
    asyncio.run(main(given.minutes, given.sessions, given.every, given.stay, given.rest_every))
