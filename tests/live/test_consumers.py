"""The examples that read JSON from the data channel, in Python and in Node, as their users run
them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from examples.demo import start_server
from models.training.specimen_scene import Phases, SpecimenScene

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


@pytest.fixture(autouse=True)
def no_blocking_call() -> None:
    """Takes the place of the guard of that name: our loop runs in processes of their own here."""


@pytest.fixture
async def server_url() -> AsyncIterator[str]:
    process, url = await start_server()
    yield url.rstrip("/")
    process.terminate()
    assert await process.wait() == 0


async def messages(process: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    """Every line that a consumer prints, until it ends by itself."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        found = [json.loads(line) async for line in process.stdout]
        assert await process.wait() == 0
    return found


def assert_a_whole_session(told: list[dict[str, Any]]) -> None:
    kinds = [message["type"] for message in told]
    assert kinds[0] == "ready"
    assert {"guidance", "state", "capture"} <= set(kinds)
    [result] = [message for message in told if message["type"] == "result"]
    assert result["status"] == "complete"
    assert result["fields"]["document_number"]["value"] == "L898902C3"
    numbers = [message["seq"] for message in told]
    assert numbers == sorted(numbers)


async def test_the_consumer_in_python(server_url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.consumer", "--url", server_url, "--specimen"),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert_a_whole_session(await messages(process))


def play(port: int, stopped: list[bool]) -> None:
    """The specimen as RTP (VP8) to a port, as ffmpeg would send a camera's picture."""
    scene = SpecimenScene(phases=Phases(empty=0.5, held=PATIENCE_S))
    output = av.open(f"rtp://127.0.0.1:{port}?pkt_size=1200", "w", format="rtp")
    stream = output.add_stream("libvpx", rate=12)
    stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
    stream.bit_rate = 3_000_000
    stream.options = {"deadline": "realtime", "cpu-used": "8", "g": "12", "lag-in-frames": "0"}
    last = scene.frame_count - 1
    for number in range(12 * PATIENCE_S):
        if stopped:
            break
        frame = av.VideoFrame.from_ndarray(scene.frame(min(2 * number, last)).bgr, format="bgr24")
        frame.pts, frame.time_base = number, Fraction(1, 12)
        output.mux(stream.encode(frame))
    output.close()


async def test_the_consumer_in_node(server_url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *("node", "examples/consumer.mjs", server_url, "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    stopped: list[bool] = []
    try:
        assert process.stderr is not None
        line = (await asyncio.wait_for(process.stderr.readline(), 20)).decode()
        assert line.startswith("RTP port "), line
        playing = asyncio.create_task(asyncio.to_thread(play, int(line.split()[-1]), stopped))
        try:
            told = await messages(process)
        finally:
            stopped.append(True)
            await playing
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    assert_a_whole_session(told)
