"""Sessions with a real aiortc peer; reading is a named fake."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import aiohttp
import pytest

from benchmarks.films import FilmTrack
from examples.client import CaptureClient, Refused
from media.state import CloseReason, SessionState
from pipeline.types import Frame
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack


class Clients:
    """Clients that are closed when the test ends."""

    def __init__(self) -> None:
        self._open: list[CaptureClient] = []

    def make(self, server: RunningServer, **options: object) -> CaptureClient:
        track = options.pop("track", None) or DrawnTrack()
        client = CaptureClient(server.url, track, **options)  # type: ignore[arg-type]
        self._open.append(client)
        return client

    async def close(self) -> None:
        for client in self._open:
            await client.close()


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    made = Clients()
    yield made
    await made.close()


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_overlays_come_for_each_codec(serve: Serve, clients: Clients, codec: str) -> None:
    server = await serve()
    client = clients.make(server, codec=codec)
    await client.open()
    overlay = await client.wait_for("overlay")
    assert overlay["frame"]["width"] == 320 and overlay["frame"]["height"] == 240
    assert overlay["corners"][0] == [0.1, 0.1]
    assert overlay["session_id"] == client.session_id
    later = await client.wait_for("overlay")
    assert later["seq"] > overlay["seq"]
    step = later["frame"]["rtp_timestamp"] - overlay["frame"]["rtp_timestamp"]
    assert step % 3750 == 0, "24 frames a second are 3750 ticks of 90 kHz apart"


async def test_ready_comes_first_and_tells_the_limits(serve: Serve, clients: Clients) -> None:
    server = await serve()
    client = clients.make(server)
    await client.open()
    async for message in client.messages():
        if message["type"] != "overlay":
            break
    assert message["type"] == "ready"
    assert message["stable_required"] == 8
    assert message["limits"]["max_message_bytes"] == 65536


async def test_one_channel_gets_everything(serve: Serve, clients: Clients) -> None:
    server = await serve()
    client = clients.make(server, channels=("anything",))
    await client.open()
    seen = set()
    async with asyncio.timeout(10):
        async for message in client.messages():
            seen.add(message["type"])
            if {"ready", "overlay", "guidance", "state"} <= seen:
                break


async def test_capture_result_confirm_and_card(serve: Serve, clients: Clients) -> None:
    engine = FakeEngine(capture_at=5)
    server = await serve(engine)
    client = clients.make(server)
    await client.open()
    capture = await client.wait_for("capture")
    result = await client.wait_for("result", document_id=capture["document_id"])
    assert result["fields"]["primary_identifier"]["value"] == "ERIKSSON"
    assert result["flat"]["surname"] == "ERIKSSON"
    assert result["status"] == "complete"
    with pytest.raises(Refused, match="404"):
        await client.fetch(
            f"/api/sessions/{client.session_id}/documents/{capture['document_id']}/card.pdf"
        )
    client.send(
        {
            "type": "confirm",
            "document_id": result["document_id"],
            "fields": {"primary_identifier": "ERIKSEN", "document_number": "L898902C3"},
        }
    )
    confirmed = await client.wait_for("confirmed")
    assert confirmed["edited"] == ["primary_identifier"]
    assert (await client.fetch(confirmed["card"])).startswith(b"%PDF")
    assert engine.threads and all(name.startswith("captures") for name in engine.threads)


@pytest.mark.parametrize("typed", [False, True], ids=["read", "typed"])
async def test_a_confirmation_that_comes_again_is_the_same_guest_s(
    serve: Serve, clients: Clients, typed: bool
) -> None:
    """Its answer was lost with the connection: the page sends it again."""
    server = await serve(FakeEngine(capture_at=5))
    client = clients.make(server)
    await client.open()
    read = (await client.wait_for("result"))["document_id"]
    message = {
        "type": "confirm",
        "document_id": None if typed else read,
        "entry": "one",
        "fields": {"primary_identifier": "ERIKSSON"},
    }
    for _ in range(2):
        client.send(message)
    first, again = [await client.wait_for("confirmed") for _ in range(2)]
    assert (first["document_id"], first["card"]) == (again["document_id"], again["card"])
    assert server.metric("lobbylens_cards_total") == 1, "told to nobody else"
    client.send({**message, "fields": {"primary_identifier": "ERIKSEN"}})
    assert (await client.wait_for("confirmed"))["document_id"] == first["document_id"]
    assert server.metric("lobbylens_cards_total") == 2, "put right, not a second one"
    client.send({**message, "document_id": None, "entry": "two"})
    assert (await client.wait_for("confirmed"))["document_id"] != first["document_id"]


async def test_a_glyph_that_is_missing_is_an_error_and_the_session_lives(
    serve: Serve, clients: Clients
) -> None:
    server = await serve()
    client = clients.make(server)
    await client.open()
    await client.wait_for("ready")
    client.send({"type": "confirm", "fields": {"primary_identifier": "漢"}})
    error = await client.wait_for("error")
    assert (error["code"], error["field"]) == ("MISSING_GLYPH", "primary_identifier")
    client.send({"type": "confirm", "fields": {"primary_identifier": "ERIKSSON"}})
    assert (await client.wait_for("confirmed"))["document_id"].startswith("h")


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("no JSON", "INVALID_MESSAGE", None),
        ("[1, 2]", "INVALID_MESSAGE", None),
        ("[" * 20_000, "INVALID_MESSAGE", None),
        ('{"type": "conjure"}', "INVALID_MESSAGE", "type"),
        ('{"id": 1}', "INVALID_MESSAGE", "type"),
        ('{"type": "configure", "language": 7}', "INVALID_MESSAGE", "language"),
        ('{"type": "configure", "stable_required": "8"}', "INVALID_MESSAGE", "stable_required"),
        ('{"type": "configure", "sides": 3}', "INVALID_MESSAGE", "sides"),
        ('{"type": "confirm", "fields": {"a": 1}}', "INVALID_MESSAGE", "fields"),
        ('{"type": "confirm", "fields": {"A b": "x"}}', "INVALID_MESSAGE", "fields"),
        ('{"type": "confirm", "document_id": "d9", "fields": {}}', "NOT_FOUND", None),
        ('{"type": "ping", "id": "' + "x" * 1_000_000 + '"}', "INVALID_MESSAGE", None),
    ],
)
async def test_bad_messages_get_an_error_and_the_session_lives(
    serve: Serve, clients: Clients, text: str, code: str, field: str | None
) -> None:
    server = await serve()
    client = clients.make(server)
    await client.open()
    await client.wait_for("ready")
    # A hostile client does not keep to the size that we announced (RFC 8841, section 6.1).
    setattr(client.pc.sctp, "_remote_max_message_size", 0)  # noqa: B010
    client.send(text)
    error = await client.wait_for("error", timeout_s=30)
    assert (error["code"], error["field"]) == (code, field)
    assert len(error["message"]) < 200
    client.send({"type": "ping", "id": 4})
    assert (await client.wait_for("pong"))["id"] == 4


async def test_a_client_that_floods_is_closed(serve: Serve, clients: Clients) -> None:
    server = await serve(None, "--media.messages-per-s", "5")
    client = clients.make(server)
    await client.open()
    await client.wait_for("ready")
    for number in range(30):
        client.send({"type": "ping", "id": number})
    assert (await client.wait_for("error"))["code"] == "RATE_LIMITED"
    await server.settle()
    assert server.metric("lobbylens_sessions_ended_total", reason=CloseReason.FLOOD.value) == 1


async def test_resolution_may_change_in_mid_call(serve: Serve, clients: Clients) -> None:
    server = await serve()
    track = DrawnTrack((320, 240))
    client = clients.make(server, track=track)
    await client.open()
    await client.wait_for("overlay")
    track.resize((640, 360))
    async with asyncio.timeout(15):
        while (await client.wait_for("overlay"))["frame"]["width"] != 640:
            pass


async def test_slow_analysis_takes_the_newest_frame(serve: Serve, clients: Clients) -> None:
    server = await serve(FakeEngine(see_s=0.2))
    client = clients.make(server)
    await client.open()
    for _ in range(6):
        overlay = await client.wait_for("overlay")
    # One analysis runs and at most one frame waits for it, whatever the speed of the camera.
    assert overlay["latency_ms"] < 450
    assert server.metric("lobbylens_frames_dropped_total") > 5


async def test_analysis_never_runs_on_the_event_loop(serve: Serve, clients: Clients) -> None:
    threads = set()

    def note(frame: Frame) -> None:
        threads.add(threading.current_thread().name)

    server = await serve(FakeEngine(on_see=note))
    client = clients.make(server)
    await client.open()
    await client.wait_for("overlay")
    assert threads and all(name.startswith("frames") for name in threads)


async def test_a_peer_that_vanishes_is_noticed_and_freed(serve: Serve, clients: Clients) -> None:
    server = await serve(None, "--media.stall-timeout-s", "1", "--media.resume-timeout-s", "1")
    client = clients.make(server, track=DrawnTrack(limit=12))
    await client.open()
    await client.wait_for("overlay")
    await server.settle(timeout_s=10)
    assert server.metric("lobbylens_sessions_ended_total", reason="peer_lost") == 1


async def test_a_peer_whose_pictures_cannot_be_decoded_is_still_there(
    serve: Serve, clients: Clients
) -> None:
    """One that makes no key frame when it is asked: packets come, and no picture is in them."""
    server = await serve(None, "--media.stall-timeout-s", "0.5")
    client = clients.make(server, track=FilmTrack([b"\x11" + bytes(50)], fps=24))
    await client.open()
    await client.wait_for("ready")
    await asyncio.sleep(1.5)
    assert server.metric("lobbylens_frames_received_total") == 0
    session = server.registry.get(client.session_id)
    assert session.state is SessionState.CONNECTED


async def test_a_peer_that_acknowledges_nothing_is_left(
    serve: Serve, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await serve()
    client = clients.make(server, track=DrawnTrack((160, 120), fps=5))
    await client.open()
    await client.wait_for("ready")

    async def silent(*_: object) -> None:
        pass

    sctp = client.pc.sctp
    assert hasattr(sctp, "_send_sack")
    monkeypatch.setattr(sctp, "_send_sack", silent)
    session = server.registry.get(client.session_id)
    for _ in range(3000):
        session.desk.hint(None, "x" * 2000)
        if session.state is SessionState.DISCONNECTED:
            break
        await asyncio.sleep(0)
    assert session.state is SessionState.DISCONNECTED
    assert server.registry.get(client.session_id) is session, "it may come back"


async def test_a_peer_that_never_connects_is_freed(serve: Serve, clients: Clients) -> None:
    server = await serve(None, "--media.connect-timeout-s", "0.5")
    client = clients.make(server)
    sdp = await client.offer()
    async with aiohttp.ClientSession() as http:
        # Nothing is listening behind these candidates, as the answer is thrown away.
        await http.post(f"{server.url}/api/webrtc/offer", json={"sdp": sdp, "type": "offer"})
    await server.settle()
    assert server.metric("lobbylens_sessions_ended_total", reason="not_connected") == 1


async def test_nobody_reads_on_for_peers_that_never_connected(
    serve: Serve,
    clients: Clients,
) -> None:
    """aiortc ends the track of a receiver that began, and of no other."""
    server = await serve(FakeEngine())
    first = clients.make(server)
    await first.open()
    await first.wait_for("overlay")
    session, token = server.registry.get(first.session_id), first.resume_token
    before = len(session._tasks)
    async with aiohttp.ClientSession() as http:
        for _ in range(4):
            body = {"sdp": await clients.make(server).offer(), "type": "offer"}
            answer = await http.post(
                f"{server.url}/api/webrtc/offer", json={**body, "session": {"resume_token": token}}
            )
            token = (await answer.json())["resume_token"]
    async with asyncio.timeout(10):
        while len(session._tasks) > before:
            await asyncio.sleep(0.05)
    again = clients.make(server)
    await again.open(resume_token=token)
    await again.wait_for("overlay")


async def test_idle_and_total_time_end_a_session(serve: Serve, clients: Clients) -> None:
    idle = await serve(FakeEngine(sees_document=False), "--media.idle-timeout-s", "1")
    await clients.make(idle).open()
    await idle.settle()
    assert idle.metric("lobbylens_sessions_ended_total", reason="idle") == 1
    total = await serve(None, "--media.total-timeout-s", "1")
    await clients.make(total).open()
    await total.settle()
    assert total.metric("lobbylens_sessions_ended_total", reason="too_long") == 1


async def test_a_lost_peer_resumes_its_session(serve: Serve, clients: Clients) -> None:
    server = await serve(FakeEngine(capture_at=4))
    first = clients.make(server)
    await first.open()
    result = await first.wait_for("result")
    await first.close()
    again = clients.make(server)
    await again.open(resume_token=first.resume_token)
    assert again.session_id == first.session_id
    assert (await again.wait_for("result"))["document_id"] == result["document_id"]
    assert again.resume_token != first.resume_token
    await again.wait_for("overlay")
    third = clients.make(server)
    with pytest.raises(Refused, match="404 INVALID_SESSION"):
        await third.open(resume_token=first.resume_token)


async def test_client_close_frees_everything(serve: Serve, clients: Clients) -> None:
    server = await serve()
    client = clients.make(server)
    await client.open()
    await client.wait_for("ready")
    client.send({"type": "close"})
    await server.settle()
    assert server.metric("lobbylens_sessions_ended_total", reason="client") == 1


async def test_reset_forgets_documents(serve: Serve, clients: Clients) -> None:
    server = await serve(FakeEngine(capture_at=3))
    client = clients.make(server)
    await client.open()
    result = await client.wait_for("result")
    client.send({"type": "reset"})
    await client.wait_for("state", capture="searching")
    client.send({"type": "confirm", "document_id": result["document_id"], "fields": {}})
    assert (await client.wait_for("error"))["code"] == "NOT_FOUND"


async def test_language_changes_the_words(serve: Serve, clients: Clients) -> None:
    server = await serve()
    client = clients.make(server)
    await client.open(language="en")
    english = await client.wait_for("guidance")
    client.send({"type": "configure", "language": "de-AT"})
    german = await client.wait_for("guidance")
    assert english["code"] == german["code"] == "HOLD_STILL"
    assert english["text"] and german["text"] and english["text"] != german["text"]


@pytest.mark.parametrize("size", [(16, 16), (4096, 2160)])
async def test_very_small_and_very_large_frames(
    serve: Serve, clients: Clients, size: tuple[int, int]
) -> None:
    # Where the machine is busy, a large frame is encoded for longer than a silence lasts.
    server = await serve(None, "--media.stall-timeout-s", "60")
    client = clients.make(server, track=DrawnTrack(size, fps=2))
    await client.open()
    overlay = await client.wait_for("overlay", timeout_s=40)
    assert (overlay["frame"]["width"], overlay["frame"]["height"]) == size


async def test_shutdown_lets_a_reading_finish(serve: Serve, clients: Clients) -> None:
    server = await serve(FakeEngine(capture_at=2, read_s=0.5))
    client = clients.make(server)
    await client.open()
    await client.wait_for("capture")
    drained = asyncio.create_task(server.registry.drain())
    assert (await client.wait_for("result"))["status"] == "complete"
    await drained
    assert len(server.registry) == 0
    with pytest.raises(Refused, match="503"):
        await clients.make(server).open()
