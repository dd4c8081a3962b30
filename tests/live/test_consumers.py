"""The examples that read JSON from the data channel, in Python and in Node, as their users run
them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from examples.demo import start_server
from examples.specimen_rtp import play

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
NOBODY = "http://127.0.0.1:9"
"""The port of the discard service (RFC 863), which nobody serves by HTTP."""


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


async def test_the_consumer_in_node(server_url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *("node", "examples/consumer.mjs", server_url, "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    stopped = threading.Event()
    try:
        assert process.stderr is not None
        line = (await asyncio.wait_for(process.stderr.readline(), 20)).decode()
        assert line.startswith("RTP port "), line
        playing = asyncio.create_task(asyncio.to_thread(play, int(line.split()[-1]), stopped))
        try:
            told = await messages(process)
        finally:
            stopped.set()
            await playing
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    assert_a_whole_session(told)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--camera", "/dev/no-such-camera"), "--specimen"),
        (("--specimen",), "make run"),
    ],
)
async def test_the_consumer_in_python_says_what_is_missing(
    arguments: tuple[str, ...], said: str
) -> None:
    """No traceback, but what to do: there is no server, or no camera."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.consumer", "--url", NOBODY, *arguments),
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    _, told = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 1
    assert said in told.decode() and "Traceback" not in told.decode()


async def test_the_consumer_in_node_says_that_there_is_no_server() -> None:
    process = await asyncio.create_subprocess_exec(
        *("node", "examples/consumer.mjs", NOBODY, "0"),
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    _, told = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 1
    assert NOBODY in told.decode() and "make run" in told.decode()


async def test_the_consumer_in_node_ends_with_the_server() -> None:
    """Nothing more would come, and it would wait for that for ever."""
    server, url = await start_server()
    process = await asyncio.create_subprocess_exec(
        *("node", "examples/consumer.mjs", url, "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    first = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
    assert json.loads(first)["type"] == "ready"
    server.terminate()
    _, told = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 1
    assert "the connection is over" in told.decode()
    assert await server.wait() == 0
