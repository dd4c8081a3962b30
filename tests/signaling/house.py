"""Several workers of one server within the test's own loop, each with an address of its own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from core.http import METRICS, SERVER_OPTIONS
from core.settings import load_settings
from server import make_app
from signaling.assignment import Post, new_label_key
from signaling.board import Board
from signaling.colleagues import socket_path
from signaling.keeping.deletions import Deletions
from signaling.keys import REGISTRY
from tests.conftest import RunningServer
from tests.fakes import FakeEngine


@dataclass
class House:
    """Two workers side by side; they share one port where a supervisor stands before them."""

    workers: list[RunningServer]
    board: Board
    runners: list[web.AppRunner]

    def owner(self, session_id: str) -> tuple[RunningServer, RunningServer]:
        """Who owns it, and who does not."""
        own = int(session_id.split(".")[-2])
        return self.workers[own], self.workers[1 - own]


async def _start(
    post: Post,
    arguments: tuple[str, ...],
    routes: Sequence[web.AbstractRouteDef],
) -> web.AppRunner:
    def build() -> web.Application:
        settings = load_settings(["--port", "0", *arguments])
        app = make_app(settings, FakeEngine(capture_at=4), post)
        app.add_routes(routes)
        return app

    runner = web.AppRunner(await asyncio.to_thread(build), access_log=None, **SERVER_OPTIONS)
    await runner.setup()
    assert post.folder is not None
    await web.UnixSite(runner, socket_path(post.folder, post.worker)).start()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


def _address(runner: web.AppRunner) -> str:
    (public,) = [address for address in runner.addresses if not isinstance(address, str)]
    return f"http://127.0.0.1:{public[1]}"


@asynccontextmanager
async def house(
    *arguments: str, routes: Sequence[web.AbstractRouteDef] = ()
) -> AsyncIterator[House]:
    """``routes`` are doors besides the server's own."""
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory)
    board = await asyncio.to_thread(Board.create, 2)
    shared = board, Path(folder.name), Deletions(), new_label_key()
    posts = [Post(number, *shared) for number in range(2)]
    runners = [await _start(post, arguments, routes) for post in posts]
    running = [
        RunningServer(_address(runner), runner.app[REGISTRY], runner.app[METRICS])
        for runner in runners
    ]
    try:
        async with asyncio.timeout(5):
            while not all(row.accepting for row in board.rows()):
                await asyncio.sleep(0.02)
        yield House(running, board, runners)
    finally:
        for runner in runners:
            await runner.cleanup()
        await asyncio.to_thread(board.close)
        await asyncio.to_thread(folder.cleanup)
