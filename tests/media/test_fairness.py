"""Six guests and a detector that is too slow for them: each gets its share, and the newest."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from examples.client import CaptureClient
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack

pytestmark = pytest.mark.quiet

SEE_S = 0.05
SHORT_SEE_S = 0.017
"""Short enough to be done by the threads that decode."""
THREADS = 2
SECONDS = 5


async def overlays_of(client: CaptureClient, latencies_ms: list[float]) -> int:
    """Overlays that come within SECONDS."""
    count = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            async for message in client.messages():
                if message["type"] == "overlay":
                    count += 1
                    latencies_ms.append(message["latency_ms"])
    return count


async def test_a_thread_begins_with_the_newest_frame_however_long_it_was_waited_for(
    serve: Serve,
) -> None:
    server = await serve(
        FakeEngine(see_s=0.1),
        *("--media.analysis-threads", "1", "--load.max-cpu-share", "9"),
        *("--load.max-lag-ms", "10000"),
    )
    clients = [CaptureClient(server.url, DrawnTrack((160, 120), 24)) for _ in range(6)]
    for client in clients:
        await client.open()
    for client in clients:
        await client.wait_for("overlay")
    latencies_ms: list[float] = []
    await asyncio.gather(*(overlays_of(client, latencies_ms) for client in clients))
    for client in clients:
        await client.close()
    # Each turn takes 600 ms: a frame that had waited for it would be that old.
    assert sorted(latencies_ms)[len(latencies_ms) // 2] < 300


@pytest.mark.parametrize(("see_s", "threads"), [(SEE_S, THREADS), (SHORT_SEE_S, 1)])
async def test_no_session_starves_and_a_fast_camera_gains_nothing(
    serve: Serve, see_s: float, threads: int
) -> None:
    # Of 165 frames a second 40 can be looked at, or 110 where they were decoded or on one thread.
    server = await serve(
        FakeEngine(see_s=see_s),
        *("--media.analysis-threads", str(threads), "--load.max-cpu-share", "9"),
        *("--load.max-lag-ms", "10000"),
    )
    clients = [
        CaptureClient(server.url, DrawnTrack((160, 120), fps)) for fps in (21, 21, 21, 21, 21, 60)
    ]
    for client in clients:
        await client.open()
    for client in clients:
        await client.wait_for("overlay")
    await asyncio.sleep(0.5)
    # What came while the others connected is no part of the measurement.
    for client in clients:
        while not client._received.empty():
            client._received.get_nowait()
    latencies_ms: list[float] = []
    counts = await asyncio.gather(*(overlays_of(client, latencies_ms) for client in clients))
    for client in clients:
        await client.close()
    mean = sum(counts) / len(counts)
    assert mean > 0.5 * SECONDS * threads / see_s / len(clients), counts
    assert all(abs(count - mean) <= 0.2 * mean for count in counts), counts
    # A turn of all the others, at most one frame time, and the machine's own business.
    turn_ms = len(clients) * see_s / threads * 1000
    assert sorted(latencies_ms)[len(latencies_ms) // 2] < 2.5 * turn_ms
