"""Fixtures for every layer, and the guards: no blocking call, no task, no thread left."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from blockbuster import BlockBuster

from core.http import METRICS, SERVER_OPTIONS
from core.metrics import Metrics
from core.settings import load_settings
from media.relied_on import forget_told
from media.surroundings import Reading
from server import make_app
from signaling.keys import REGISTRY
from signaling.sessions import SessionRegistry
from tests.fakes import FakeEngine

_OURS = ("core/", "media/", "signaling/", "pipeline/", "server.py")


@pytest.fixture(autouse=True)
def no_blocking_call() -> Iterator[None]:
    """Any blocking call on an event loop fails the test that made it."""
    guard = BlockBuster()
    guard.activate()
    yield
    guard.deactivate()


@pytest.fixture(autouse=True)
def warnings_anew() -> None:
    """What is told once a process is told once a test."""
    forget_told()


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Decoders, pools and readers must be gone when a test ends."""
    before = set(threading.enumerate())
    yield
    deadline_s = time.monotonic() + 5
    while left := [
        thread
        for thread in set(threading.enumerate()) - before
        if thread.is_alive() and not thread.name.startswith("asyncio_")
    ]:
        assert time.monotonic() < deadline_s, f"threads left: {[t.name for t in left]}"
        time.sleep(0.02)


@dataclass
class RunningServer:
    """A server on loopback, within the test's own loop."""

    url: str
    registry: SessionRegistry
    metrics: Metrics

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def settle(self, sessions: int = 0, timeout_s: float = 10) -> None:
        """Wait until that many sessions are open."""
        async with asyncio.timeout(timeout_s):
            while len(self.registry) != sessions:
                await asyncio.sleep(0.02)


Serve = Callable[..., Awaitable[RunningServer]]


@pytest.fixture
def lane() -> Iterator[ThreadPoolExecutor]:
    """One thread for what blocks."""
    with ThreadPoolExecutor(1) as threads:
        yield threads


def _build(engine: Reading, arguments: tuple[str, ...]) -> web.Application:
    return make_app(load_settings(["--port", "0", *arguments]), engine)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers: ``await serve(engine, "--signaling.max-sessions", "1")``.

    When the test ends each is drained, and no task of ours may remain.
    """
    async with AsyncExitStack() as stack:

        async def start(engine: Reading | None = None, *arguments: str) -> RunningServer:
            app = await asyncio.to_thread(_build, engine or FakeEngine(), arguments)
            server = TestServer(app, host="127.0.0.1")
            await server.start_server(**SERVER_OPTIONS)
            stack.push_async_callback(server.close)
            return RunningServer(str(server.make_url("")), app[REGISTRY], app[METRICS])

        yield start
    await _no_task_left()


async def _no_task_left() -> None:
    deadline_s = time.monotonic() + 5
    current = asyncio.current_task()
    while left := [task for task in asyncio.all_tasks() if task is not current and _ours(task)]:
        assert time.monotonic() < deadline_s, f"tasks left: {left}"
        await asyncio.sleep(0.02)


def _ours(task: asyncio.Task[object]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    name = getattr(code, "co_filename", "")
    return any(part in name for part in _OURS) or "aiortc" in name or "aioice" in name
