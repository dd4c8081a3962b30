"""Is a guest served where a new aiortc or aioice has no longer what we have from its modules?

``python -m tests.media.without_parts``, in a process of its own, as all of ours is imported anew
for each: a line of JSON for each module that something is taken from by ``from_module``, and one
for all of them, with the warnings that were logged while guests came, were seen, and left.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import sys
from typing import Any

from aiohttp.test_utils import TestServer

from media import relied_on

OURS = ("core", "examples", "media", "pipeline", "server", "signaling", "tests")
_real = relied_on.from_module
_asked: set[str] = set()
_gone: set[str] = set()


def from_module(module: str, *names: str) -> list[Any]:
    """In the place of the real one: of modules that are ``_gone`` everything is missing."""
    _asked.add(module)
    if module in _gone:
        return [type(name, (relied_on.Missing,), {}) for name in names]
    return _real(module, *names)


class Told(logging.Handler):
    """Keeps warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(record.getMessage())


async def visit() -> None:
    """Two guests, one after the other: each is seen."""
    new: Any = importlib.import_module
    engine = new("tests.fakes").FakeEngine()
    settings = new("core.settings").load_settings(["--port", "0"])
    app = await asyncio.to_thread(new("server").make_app, settings, engine)
    http = new("core.http")
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(**http.SERVER_OPTIONS)
    for _ in range(2):
        track = new("tests.peer").DrawnTrack()
        client = new("examples.client").CaptureClient(str(server.make_url("")), track)
        await client.open()
        async with asyncio.timeout(20):
            await client.wait_for("overlay")
        await client.close()
    await server.close()


def warnings_without(*modules: str) -> list[str]:
    """What is logged in a process that lacks these."""
    _gone.clear()
    _gone.update(modules)
    for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
        if name != "media.relied_on":
            del sys.modules[name]
    relied_on.forget_told()
    told = Told()
    logging.getLogger().addHandler(told)
    asyncio.run(visit())
    logging.getLogger().removeHandler(told)
    return told.sentences


if __name__ == "__main__":
    relied_on.from_module = from_module
    assert warnings_without() == []
    for gone in [[each] for each in sorted(_asked)] + [sorted(_asked)]:
        print(json.dumps({"without": gone, "told": warnings_without(*gone)}), flush=True)
