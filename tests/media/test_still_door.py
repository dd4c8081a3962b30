"""The full-resolution still: it leads when it comes in time, and is never waited for longer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from core.errors import Overloaded
from examples.client import CaptureClient
from media import stills
from media.stills import AwaitedStill
from media.surroundings import Surroundings
from pipeline.types import Capture
from signaling import tls
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack

JPEG = b"\xff\xd8\xff" + bytes(5000)


async def post(
    server: RunningServer,
    session_id: str,
    body: bytes | AsyncIterator[bytes] = JPEG,
    kind: str = "image/jpeg",
    picture: str | None = None,
) -> tuple[int, str | bool]:
    """Status, and error code or whether it was taken."""
    named = "" if picture is None else f"?picture={picture}"
    address = f"{server.url}/api/sessions/{session_id}/still{named}"
    async with (
        aiohttp.ClientSession() as http,
        http.post(address, data=body, headers={"Content-Type": kind}) as answer,
    ):
        told = await answer.json()
        return answer.status, told["taken"] if answer.status == 200 else told["error_code"]


class Visit:
    """A client whose picture is taken on demand."""

    def __init__(self, server: RunningServer, engine: FakeEngine) -> None:
        self.server = server
        self.engine = engine
        self.client = CaptureClient(server.url, DrawnTrack())
        self.asked_s = 0.0

    async def take(self, still: bytes | None = None, *, after_s: float = 0.0) -> float:
        """Seconds from the capture to its result."""
        self.asked_s = time.monotonic()
        self.client.send({"type": "capture"})
        await self.client.wait_for("capture")
        began_s = time.monotonic()
        sent = None
        if still is not None:
            await asyncio.sleep(after_s)
            sent = asyncio.create_task(self.client.send_still(still))
        await self.client.wait_for("result")
        took_s = time.monotonic() - began_s
        if sent is not None:
            assert await sent
        return took_s

    def outcome(self, name: str) -> float:
        return self.server.metric("lobbylens_stills_total", outcome=name)


async def begin(serve: Serve, wait_ms: int, *arguments: str, stills: bool = True) -> Visit:
    engine = FakeEngine()
    server = await serve(engine, "--media.still-wait-ms", str(wait_ms), *arguments)
    visit = Visit(server, engine)
    await visit.client.open(stills=stills)
    await visit.client.wait_for("overlay")
    return visit


@pytest.fixture
async def visit(serve: Serve) -> AsyncIterator[Visit]:
    """Its captures wait for a still for two seconds."""
    made = await begin(serve, 2000, "--media.max-still-bytes", "300000")
    yield made
    await made.client.close()


async def test_a_still_that_comes_in_time_leads_the_burst(visit: Visit) -> None:
    took_s = await visit.take(JPEG)
    assert visit.engine.stills == [JPEG] and visit.engine.pages_read == [2]
    assert took_s < 1.5, "read as soon as the still was there"
    assert visit.outcome("used") == 1


async def test_without_a_still_the_burst_is_read_after_the_wait(serve: Serve) -> None:
    visit = await begin(serve, 300)
    assert await visit.take() < 1.3
    # Since the shutter: word of the capture may come late, and the wait has begun by then.
    assert time.monotonic() - visit.asked_s >= 0.3
    assert visit.engine.pages_read == [1] and visit.outcome("late") == 1
    await visit.client.close()


async def test_a_still_that_comes_too_late_is_not_kept_for_the_next_picture(serve: Serve) -> None:
    visit = await begin(serve, 200)
    await visit.take()
    assert await post(visit.server, visit.client.session_id) == (200, False)
    await visit.take()
    assert visit.engine.pages_read == [1, 1] and visit.engine.stills == []
    await visit.client.close()


class SlowLink:
    """A still whose last byte comes when ``free`` is set."""

    def __init__(self, jpeg: bytes) -> None:
        self.begun, self.free = asyncio.Event(), asyncio.Event()
        self._jpeg = jpeg

    async def body(self) -> AsyncIterator[bytes]:
        yield self._jpeg[:1000]
        self.begun.set()
        await self.free.wait()
        yield self._jpeg[1000:]


@pytest.mark.parametrize("reset", [False, True], ids=["next_picture", "after_a_reset"])
async def test_a_still_still_on_its_way_is_not_the_next_picture_s(
    serve: Serve, reset: bool
) -> None:
    visit = await begin(serve, 1500)
    link, own = SlowLink(JPEG), b"\xff\xd8\xff" + bytes(6000)
    visit.client.send({"type": "capture"})
    await visit.client.wait_for("capture")
    late = asyncio.create_task(post(visit.server, visit.client.session_id, link.body()))
    await link.begun.wait()
    if reset:
        visit.client.send({"type": "reset"})
    else:
        await visit.client.wait_for("result")
    visit.client.send({"type": "capture"})
    await visit.client.wait_for("capture")
    link.free.set()
    assert await late == (200, False), "it shows what was held up before"
    assert await post(visit.server, visit.client.session_id, own) == (200, True)
    await visit.client.wait_for("result")
    assert visit.engine.stills == [own] and visit.engine.pages_read[-1] == 2
    await visit.client.close()


async def test_a_still_of_another_picture_is_not_taken_whenever_it_comes(visit: Visit) -> None:
    """Whatever held it up, its upload may begin when the next picture is taken."""
    own, names = visit.client.session_id, list[str]()
    for number in range(2):
        visit.client.send({"type": "capture"})
        told = await visit.client.wait_for("state", capture="captured")
        names.append(told["picture"])
        if number == 0:
            assert await post(visit.server, own, picture=names[0]) == (200, True)
            await visit.client.wait_for("result")
    for name in (names[0], "", "elsewhere"):
        assert await post(visit.server, own, picture=name) == (200, False)
    assert await post(visit.server, own, picture=names[1]) == (200, True)
    done = await visit.client.wait_for("state", capture="done")
    assert done["picture"] is None and names[0] != names[1]
    assert visit.engine.stills == [JPEG, JPEG] and visit.engine.pages_read == [2, 2]


async def test_stills_that_are_on_their_way_are_few(serve: Serve) -> None:
    visit = await begin(serve, 5000)
    own, links = visit.client.session_id, [SlowLink(JPEG) for _ in range(2)]
    sent = []
    for link in links:
        visit.client.send({"type": "capture"})
        await visit.client.wait_for("capture")
        sent.append(asyncio.create_task(post(visit.server, own, link.body())))
        await link.begun.wait()
        # One for each picture, and two for a session.
        assert await post(visit.server, own) == (429, "RATE_LIMITED")
        visit.client.send({"type": "reset"})
        await visit.client.wait_for("state", capture="searching")
    visit.client.send({"type": "capture"})
    await visit.client.wait_for("capture")
    assert await post(visit.server, own) == (429, "RATE_LIMITED")
    links[0].free.set()
    assert await sent[0] == (200, False)
    assert await post(visit.server, own) == (200, True)
    links[1].free.set()
    assert await sent[1] == (200, False)
    await visit.client.close()


async def test_what_has_come_is_forgotten_with_its_picture(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[AwaitedStill] = []

    class Noted(AwaitedStill):
        def __init__(self, around: Surroundings) -> None:
            super().__init__(around)
            made.append(self)

    monkeypatch.setattr(stills, "AwaitedStill", Noted)
    visit = await begin(serve, 5000)
    visit.engine.read_s = 0.5
    for ends in ("reset", "read"):
        visit.client.send({"type": "capture"})
        await visit.client.wait_for("capture")
        assert await post(visit.server, visit.client.session_id) == (200, True)
        if ends == "reset":
            visit.client.send({"type": "reset"})
            await visit.client.wait_for("state", capture="searching")
        else:
            await visit.client.wait_for("result")
        assert [still._came.result() for still in made] == [None] * len(made)
    await visit.client.close()


async def test_who_comes_back_says_anew_whether_stills_are_sent(serve: Serve) -> None:
    visit = await begin(serve, 5000, stills=False)
    back = CaptureClient(visit.server.url, DrawnTrack())
    await back.open(
        resumed=visit.client.session_id, resume_token=visit.client.resume_token, stills=True
    )
    await back.wait_for("overlay")
    back.send({"type": "capture"})
    told = await back.wait_for("state", capture="captured")
    assert await back.send_still(JPEG, told["picture"])
    await visit.client.close()
    await back.close()


async def test_an_upload_that_is_broken_off_leaves_room_for_another(visit: Visit) -> None:
    """A page gives up on a link that is too slow."""
    link = SlowLink(JPEG)
    visit.client.send({"type": "capture"})
    await visit.client.wait_for("capture")
    sent = asyncio.create_task(post(visit.server, visit.client.session_id, link.body()))
    await link.begun.wait()
    sent.cancel()
    async with asyncio.timeout(1.5):
        while await post(visit.server, visit.client.session_id) != (200, True):
            await asyncio.sleep(0.02)
    await visit.client.wait_for("result")
    assert visit.engine.stills == [JPEG] and visit.engine.pages_read == [2]


async def test_a_still_slow_to_decode_holds_nothing_up(serve: Serve) -> None:
    visit = await begin(serve, 300)
    visit.engine.still_s = 1.5
    assert await visit.take(JPEG) < 1.2
    assert visit.engine.pages_read == [1] and visit.outcome("late") == 1
    await visit.client.close()


async def test_what_is_no_picture_leaves_the_burst_as_it_is(visit: Visit) -> None:
    assert await visit.take(b"GIF89a" + bytes(100)) < 1.5
    assert visit.engine.pages_read == [1] and visit.outcome("invalid") == 1


async def test_who_announces_no_stills_is_not_made_to_wait(serve: Serve) -> None:
    visit = await begin(serve, 5000, stills=False)
    assert await visit.take() < 2
    assert visit.engine.pages_read == [1]
    visit.client.send({"type": "capture"})
    assert (await visit.client.wait_for("state", capture="captured"))["picture"] is None
    await visit.client.close()


async def test_a_picture_that_breaks_awaits_no_still(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(made: Capture) -> Capture:
        raise Overloaded("no room for the page", 1)

    visit = await begin(serve, 5000)
    monkeypatch.setattr(visit.engine, "develop", broken)
    visit.client.send({"type": "capture"})
    await visit.client.wait_for("error", code="OVERLOADED")
    assert await post(visit.server, visit.client.session_id) == (200, False)
    await visit.client.close()


async def test_the_example_sends_a_guest_s_picture_to_nobody_unverified() -> None:
    came: list[int] = []

    async def take(request: web.Request) -> web.Response:
        came.append(len(await request.read()))
        return web.json_response({"taken": True})

    app = web.Application()
    app.router.add_post("/api/sessions/s7/still", take)
    runner = web.AppRunner(app)
    await runner.setup()
    context = await asyncio.to_thread(tls.self_signed, "127.0.0.1")
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        for insecure in (False, True):
            client = CaptureClient(url, None, insecure=insecure)
            client.session_id = "s7"
            if insecure:
                assert await client.send_still(JPEG)
            else:
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await client.send_still(JPEG)
            assert came == [len(JPEG)] * insecure
            await client.close()
    finally:
        await runner.cleanup()


async def test_the_door_refuses_what_it_must(visit: Visit) -> None:
    own = visit.client.session_id
    assert await post(visit.server, "no-such-session") == (404, "INVALID_SESSION")
    assert await post(visit.server, own, kind="image/png") == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert await post(visit.server, own) == (200, False), "no picture is being taken"
    visit.client.send({"type": "capture"})
    await visit.client.wait_for("capture")
    assert await post(visit.server, own, bytes(300_001)) == (413, "TOO_LARGE")
    await visit.client.wait_for("result")
