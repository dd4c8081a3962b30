"""What was read for certain while the document was held is the result; nobody waits for it."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import MrzNotFound, Overloaded
from media.load import LoadProbe
from pipeline.types import (
    Capture,
    CaptureState,
    Document,
    Exposure,
    Frame,
    Observation,
    Trigger,
)
from pipeline.visual.words import Print
from tests.conftest import Serve
from tests.fakes import QUALITY, FakeEngine, FakeReader, specimen_document
from tests.media.test_session import Clients, clients  # noqa: F401  the fixture
from tests.media.test_still_door import JPEG

LATE = 100
"""The reading comes first, however busy the machine."""


class HeldReader(FakeReader):
    """Offers its third frame to be read ahead; takes the picture as soon as that was read for
    certain, or when its engine has it taken."""

    def __init__(self, engine: AheadEngine) -> None:
        super().__init__(engine)
        self._ahead = engine
        self._known: Document | None = None

    def see(self, frame: Frame) -> Observation:
        if self.state is CaptureState.SEARCHING:
            self.state = CaptureState.HOLDING
        if self._known is not None and self.state is CaptureState.HOLDING:
            self._asked = True
        seen = super().see(frame)
        if seen.capture is not None and self._known is not None:
            known = replace(self._known, id=seen.capture.id)
            seen = replace(seen, capture=replace(seen.capture, known=known))
            self._known = None
        if self._count != 3:
            return seen
        page = np.zeros((8, 8, 3), np.uint8)
        made = Capture("run 1", (page,), QUALITY, Trigger.AUTO)
        return replace(seen, ahead=Exposure(made.id, QUALITY, made.trigger, 1, lambda: made))

    def read_ahead(self, reading_id: str, document: Document | None) -> None:
        self._ahead.told.append((reading_id, document is not None))
        self._known = document


class AheadEngine(FakeEngine):
    """``certain``: what reading ahead gives; an error is raised. ``capture_at``: the frame at which
    the picture is taken, whatever was read."""

    def __init__(self, certain: bool | Exception = True, capture_at: int = 10) -> None:
        super().__init__(capture_at=capture_at)
        self.certain = certain
        self.told: list[tuple[str, bool]] = []
        self.ahead_threads: list[str] = []
        self.ahead_s = 0.0

    def live_reader(self) -> HeldReader:
        return HeldReader(self)

    def read_ahead(self, capture: Capture) -> Document | None:
        self.ahead_threads.append(threading.current_thread().name)
        time.sleep(self.ahead_s)
        if isinstance(self.certain, Exception):
            raise self.certain
        return specimen_document(capture.id) if self.certain else None


async def test_a_certain_reading_is_told_without_another(serve: Serve, clients: Clients) -> None:  # noqa: F811
    engine = AheadEngine(capture_at=LATE)
    server = await serve(engine)
    client = clients.make(server)
    await client.open()
    assert await client.wait_for("state", capture="captured"), "though one frame made it"
    capture = await client.wait_for("capture")
    result = await client.wait_for("result")
    assert result["document_id"] == capture["document_id"] != "run 1"
    assert result["status"] == "complete"
    assert engine.pages_read == []
    assert engine.told == [("run 1", True)]
    assert engine.ahead_threads[0].startswith("second-looks")
    assert server.metric("lobbylens_read_ahead_total", outcome="certain") == 1


async def looked_at(engine: AheadEngine) -> list[int]:
    """How many pages the second look had."""
    async with asyncio.timeout(5):
        while not engine.pages_looked_at:
            await asyncio.sleep(0.01)
    return engine.pages_looked_at


async def test_what_is_beyond_doubt_waits_for_no_still_but_the_second_look_does(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    engine = AheadEngine(capture_at=LATE)
    server = await serve(engine, "--media.still-wait-ms", "4000")
    client = clients.make(server)
    await client.open(stills=True)
    await client.wait_for("result")
    await client.wait_for("state", capture="done")
    assert engine.stills == [] and engine.pages_looked_at == []
    assert await client.send_still(JPEG), "its picture is read, and still awaits it"
    assert await looked_at(engine) == [2]
    assert engine.stills == [JPEG] and engine.pages_read == []
    assert server.metric("lobbylens_stills_total", outcome="used") == 1
    assert not await client.send_still(JPEG), "one a picture"


async def test_a_second_look_goes_on_without_the_still_that_was_announced(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    engine = AheadEngine(capture_at=LATE)
    server = await serve(engine, "--media.still-wait-ms", "200")
    client = clients.make(server)
    await client.open(stills=True)
    await client.wait_for("result")
    assert await looked_at(engine) == [1]
    assert engine.stills == [] and engine.pages_read == []
    assert server.metric("lobbylens_stills_total", outcome="late") == 1
    assert not await client.send_still(JPEG), "its time is over"


async def test_a_reset_ends_the_wait_for_a_still(serve: Serve, clients: Clients) -> None:  # noqa: F811
    """Nor is the page looked at that the guest wants forgotten."""
    engine = AheadEngine(capture_at=LATE)
    server = await serve(engine, "--media.still-wait-ms", "5000")
    client = clients.make(server)
    await client.open(stills=True)
    await client.wait_for("result")
    engine.certain, engine.capture_at = False, -1
    client.send({"type": "reset"})
    await client.wait_for("state", capture="searching")
    assert not await client.send_still(JPEG)
    await asyncio.sleep(0.2)
    assert engine.stills == [] and engine.pages_looked_at == []
    client.send({"type": "capture"})
    await client.wait_for("capture")
    assert await client.send_still(JPEG), "the next picture waits for its own"
    await client.wait_for("result")
    assert engine.pages_read == [2]


class SameSide(HeldReader):
    """Takes what was shown before: nothing new is told of it."""

    def reading_finished(self, document: Document) -> Document | None:
        super().reading_finished(document)
        return None


async def test_what_is_not_told_awaits_no_still(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    engine = AheadEngine(capture_at=LATE)
    engine.live_reader = lambda: SameSide(engine)  # type: ignore[method-assign]
    server = await serve(engine, "--media.still-wait-ms", "5000")
    client = clients.make(server)
    await client.open(stills=True)
    await client.wait_for("state", capture="done")
    assert not await client.send_still(JPEG)
    await asyncio.sleep(0.2)
    assert engine.stills == [] and engine.pages_looked_at == []


async def test_pages_that_were_looked_at_leave_the_memory(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    """Those that were read ahead, and those of the second look, with a reset."""
    pages: list[weakref.ref[Any]] = []

    class Kept(AheadEngine):
        def read_ahead(self, capture: Capture) -> Document | None:
            pages.append(weakref.ref(capture.page))
            return super().read_ahead(capture)

        def read_print(self, capture: Capture, document: Document) -> Print | None:
            pages.append(weakref.ref(capture.page))
            return super().read_print(capture, document)

    engine = Kept(capture_at=LATE)
    client = clients.make(await serve(engine))
    await client.open()
    await client.wait_for("result")
    await looked_at(engine)
    engine.certain, engine.capture_at = False, -1
    client.send({"type": "reset"})
    await client.wait_for("state", capture="searching")
    async with asyncio.timeout(5):
        while any(page() is not None for page in pages):
            await asyncio.sleep(0.05)
            gc.collect()
    assert len(pages) >= 2


async def test_a_doubtful_or_broken_reading_leaves_the_burst_as_it_is(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    for outcome in (False, Overloaded("the server is shutting down", 1), MrzNotFound("none")):
        engine = AheadEngine(outcome)
        server = await serve(engine)
        client = clients.make(server)
        await client.open()
        await client.wait_for("result")
        assert engine.told == [("run 1", False)] and engine.pages_read == [1]
        assert server.metric("lobbylens_read_ahead_total", outcome="doubtful") == 1


async def test_nothing_is_read_ahead_while_the_server_is_busy(
    serve: Serve,
    clients: Clients,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = AheadEngine()
    server = await serve(engine)
    client = clients.make(server)
    monkeypatch.setattr(LoadProbe, "analyse_every", property(lambda probe: 2))
    await client.open()
    await client.wait_for("result")
    assert engine.ahead_threads == [] and engine.told == [("run 1", False)]


async def test_one_that_takes_long_holds_up_neither_the_picture_nor_the_outline(
    serve: Serve,
    clients: Clients,  # noqa: F811
) -> None:
    engine = AheadEngine()
    engine.ahead_s = 2.0
    server = await serve(engine)
    client = clients.make(server)
    await client.open()
    began_s = asyncio.get_running_loop().time()
    await client.wait_for("result")
    assert engine.pages_read == [1], "read by itself"
    assert engine.told == [], "the other one was still under way"
    assert asyncio.get_running_loop().time() - began_s < 2.0
