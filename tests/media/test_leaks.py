"""Sessions come and go, and nothing stays."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

from examples.client import CaptureClient
from media.peer import Peer
from media.session import Session
from media.state import CloseReason
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def alive(kind: type[object]) -> int:
    gc.collect()
    return sum(isinstance(item, kind) for item in gc.get_objects())


async def test_sockets_and_sessions_are_freed(serve: Serve) -> None:
    server = await serve(FakeEngine(capture_at=2))

    async def visit(ending: str) -> None:
        client = CaptureClient(server.url, DrawnTrack())
        await client.open()
        await client.wait_for("result")
        if ending == "told":
            client.send({"type": "close"})
        elif ending == "door":
            await server.registry.close(client.session_id, CloseReason.CLIENT)
        await client.close()
        if ending == "vanished":
            await server.registry.close(client.session_id, CloseReason.CLIENT)
        await server.settle()

    await visit("told")
    await asyncio.sleep(0.2)
    before = await asyncio.to_thread(open_files)
    for ending in ("told", "door", "vanished") * 3:
        await visit(ending)
    await asyncio.sleep(0.2)
    assert await asyncio.to_thread(open_files) <= before
    assert (alive(Session), alive(Peer)) == (0, 0)
