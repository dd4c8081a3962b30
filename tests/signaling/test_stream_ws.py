"""``/api/stream/ws``: the table of its messages, newest-only answers, resuming, hostile clients."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidMessage
from media.load import LoadProbe
from signaling.api.stream_ws import parse_command
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine
from tests.signaling.pictures import grey

Socket = aiohttp.ClientWebSocketResponse


async def begin(http: aiohttp.ClientSession, server: RunningServer, **init: Any) -> Socket:
    """A socket after its init_ok."""
    socket = await http.ws_connect(f"{server.url}/api/stream/ws")
    await socket.send_json({"action": "init", **init})
    greeting = await socket.receive_json()
    assert greeting["action"] == "init_ok" and greeting["success"] is True
    socket.session_id = greeting["session_id"]  # type: ignore[attr-defined]
    return socket


def session_id(socket: Socket) -> str:
    return str(socket.session_id)  # type: ignore[attr-defined]


async def test_every_message_of_the_table(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with aiohttp.ClientSession() as http:
        socket = await begin(http, server)
        await socket.send_bytes(grey())
        seen = await socket.receive_json()
        assert seen["detected"] is True and seen["stable_count"] == 3
        assert "action" not in seen, "clients tell a detection by having none"
        assert seen["corners"][0] == [32.0, 24.0] and seen["corners_ratio"][0] == [0.1, 0.1]
        assert (seen["frame"], seen["dropped"], seen["analysed"]) == (0, 0, True)
        await socket.send_json({"action": "ping"})
        assert await socket.receive_json() == {"action": "pong"}
        await socket.send_json({"action": "capture"})
        told = await socket.receive_json()
        assert (told["action"], told["success"], told["status"]) == (
            "capture_result", True, "complete",
        )  # fmt: skip
        assert told["data"]["surname"] == "ERIKSSON" and told["quality"]["score"] == 90
        await socket.send_json({"action": "close"})
        closed = await socket.receive_json()
        assert closed == {"action": "closed", "session_id": session_id(socket), "reason": "client"}
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    await server.settle()
    assert server.metric("lobbylens_sessions_ended_total", reason="client") == 1


@pytest.mark.parametrize("ending", [".jpg", ".webp", ".png"])
async def test_frames_of_each_kind(serve: Serve, ending: str) -> None:
    seen: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    engine = FakeEngine(on_see=lambda f: seen.append((f.luma.shape, f.bgr(160).shape)))
    server = await serve(engine)
    async with aiohttp.ClientSession() as http:
        socket = await begin(http, server)
        await socket.send_bytes(grey(ending))
        assert (await socket.receive_json())["detected"] is True
        await socket.close()
    assert seen == [((240, 320), (120, 160, 3))]


async def test_a_client_that_outruns_the_server_is_told_what_was_dropped(serve: Serve) -> None:
    server = await serve(FakeEngine(see_s=0.15))
    async with aiohttp.ClientSession() as http:
        socket = await begin(http, server)
        for _ in range(12):
            await socket.send_bytes(grey())
        answers = [await socket.receive_json()]
        while answers[-1]["frame"] < 11:
            answers.append(await socket.receive_json())
        assert len(answers) < 12 and sum(a["dropped"] for a in answers) == 12 - len(answers)
        await socket.close()
    assert server.metric("lobbylens_frames_dropped_total") == 12 - len(answers)


async def test_an_overloaded_server_repeats_its_answer_and_nobody_waits_in_vain(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LoadProbe, "analyse_every", 3)
    server = await serve(FakeEngine())
    async with aiohttp.ClientSession() as http:
        socket = await begin(http, server)
        analysed = []
        for _ in range(7):
            await socket.send_bytes(grey())
            analysed.append((await socket.receive_json())["analysed"])
        await socket.close()
    assert analysed == [True, False, False, True, False, False, True]
    assert server.metric("lobbylens_frames_shed_total") == 4


async def test_a_lost_connection_comes_back_to_its_session_and_its_result(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with aiohttp.ClientSession() as http:
        socket = await begin(http, server)
        own = session_id(socket)
        await socket.send_bytes(grey())
        await socket.receive_json()
        await socket.send_json({"action": "capture"})
        first = await socket.receive_json()
        await socket.close()
        again = await http.ws_connect(f"{server.url}/api/stream/ws")
        await again.send_json({"action": "init", "session_id": own})
        greeting = await again.receive_json()
        assert (greeting["session_id"], greeting["resumed"]) == (own, True)
        await again.send_json({"action": "capture"})
        assert (await again.receive_json())["document_id"] == first["document_id"]
        await again.close()


async def test_an_unknown_session_id_is_never_taken_over(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with aiohttp.ClientSession() as http:
        for stale in ("../../etc/passwd", "chosen-by-a-stranger", "x" * 100):
            socket = await begin(http, server, session_id=stale)
            assert session_id(socket) != stale and "/" not in session_id(socket)
            await socket.send_json({"action": "close"})
            await socket.receive_json()
        await server.settle()


async def test_of_two_clients_on_one_session_the_newer_has_it(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with aiohttp.ClientSession() as http:
        first = await begin(http, server)
        second = await begin(http, server, session_id=session_id(first))
        closed = await first.receive_json()
        assert closed["action"] == "closed" and closed["reason"] == "replaced"
        await second.send_bytes(grey())
        assert (await second.receive_json())["detected"] is True
        assert len(server.registry) == 1
        await second.close()


async def test_a_session_left_alone_ends(serve: Serve) -> None:
    server = await serve(FakeEngine(), "--media.resume-timeout-s", "0.3")
    async with aiohttp.ClientSession() as http:
        socket = await begin(http, server)
        await socket.close()
        await server.settle(timeout_s=3)
    assert server.metric("lobbylens_sessions_ended_total", reason="peer_lost") == 1


async def test_a_silent_client_is_told_that_its_session_is_over(serve: Serve) -> None:
    server = await serve(FakeEngine(), "--media.idle-timeout-s", "0.3")
    async with aiohttp.ClientSession() as http:
        socket = await begin(http, server)
        closed = await asyncio.wait_for(socket.receive_json(), 3)
        assert (closed["action"], closed["reason"]) == ("closed", "idle")


async def test_capture_without_a_frame_fails_and_the_session_lives(serve: Serve) -> None:
    server = await serve(FakeEngine(sees_document=False))
    async with aiohttp.ClientSession() as http:
        socket = await begin(http, server)
        for sends_first in (False, True):
            if sends_first:
                await socket.send_bytes(grey())
                assert (await socket.receive_json())["detected"] is False
            await socket.send_json({"action": "capture"})
            told = await socket.receive_json()
            assert (told["action"], told["success"]) == ("capture_result", False)
            assert told["error_code"] == "CAPTURE_FAILED"
        await socket.close()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("{", "INVALID_MESSAGE"),
        ('{"action": "fly"}', "INVALID_MESSAGE"),
        ('{"action": "init", "session_id": 5}', "INVALID_MESSAGE"),
        ('{"action": "capture", "enhance": {"target_width": 1e9}}', "INVALID_MESSAGE"),
        (b"GIF89a" + bytes(50), "INVALID_IMAGE"),
        (b"\xff\xd8\xff" + os.urandom(300), "INVALID_IMAGE"),
        (b"", "INVALID_IMAGE"),
    ],
)
async def test_what_cannot_be_used_is_refused_and_the_stream_goes_on(
    serve: Serve, said: str | bytes, code: str
) -> None:
    server = await serve(FakeEngine())
    async with aiohttp.ClientSession() as http:
        socket = await begin(http, server)
        await (socket.send_str(said) if isinstance(said, str) else socket.send_bytes(said))
        told = await socket.receive_json()
        assert (told["success"], told["error_code"]) == (False, code)
        await socket.send_bytes(grey())
        assert (await socket.receive_json())["success"] is True
        await socket.close()


async def test_floods_and_giants_end_the_connection(serve: Serve) -> None:
    limits = ("--media.messages-per-s", "5", "--doors.max-frame-bytes", "20000")
    server = await serve(FakeEngine(), *limits)
    async with aiohttp.ClientSession() as http:
        socket = await begin(http, server)
        for _ in range(30):
            await socket.send_str('{"action": "ping"}')
        last: dict[str, Any] = {}
        async for message in socket:
            last = json.loads(message.data)
        assert last["error_code"] == "RATE_LIMITED"
        socket = await begin(http, server)
        await socket.send_bytes(bytes(20_001))
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_frames_before_an_init_are_refused(serve: Serve) -> None:
    server = await serve(FakeEngine())
    async with aiohttp.ClientSession() as http:
        for said in (grey(), b'{"action": "capture"}'.decode()):
            socket = await http.ws_connect(f"{server.url}/api/stream/ws")
            await (socket.send_str(said) if isinstance(said, str) else socket.send_bytes(said))
            assert (await socket.receive_json())["error_code"] == "INVALID_SESSION"
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    assert len(server.registry) == 0


async def test_the_token_is_asked_for_in_the_header_or_in_the_init(serve: Serve) -> None:
    server = await serve(FakeEngine(), "--api-token", "s3cret")
    address = f"{server.url}/api/stream/ws"
    async with aiohttp.ClientSession() as http:
        for wrong in ({}, {"token": "guess"}):
            socket = await http.ws_connect(address)
            await socket.send_json({"action": "init", **wrong})
            assert (await socket.receive_json())["error_code"] == "UNAUTHORIZED"
            await socket.close()
        first = await begin(http, server, **{"token": "s3cret"})
        # A session's id is a secret of its own.
        second = await begin(http, server, session_id=session_id(first))
        third = await http.ws_connect(address, headers={"Authorization": "Bearer s3cret"})
        await third.send_json({"action": "init"})
        assert (await third.receive_json())["action"] == "init_ok"
        for socket in (first, second, third):
            await socket.close()


async def test_pages_of_elsewhere_may_not_connect(serve: Serve) -> None:
    server = await serve(FakeEngine())
    address = f"{server.url}/api/stream/ws"
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(address, headers={"Origin": "https://elsewhere.example"})
        assert refused.value.status == 403
        own = server.url.rstrip("/")
        socket = await http.ws_connect(address, headers={"Origin": own})
        await socket.close()
        plain = await http.get(address)
        assert (plain.status, plain.headers["Upgrade"]) == (426, "websocket")


async def test_a_full_server_says_so(serve: Serve) -> None:
    server = await serve(FakeEngine(), "--signaling.max-sessions", "1")
    async with aiohttp.ClientSession() as http:
        first = await begin(http, server)
        second = await http.ws_connect(f"{server.url}/api/stream/ws")
        await second.send_json({"action": "init"})
        assert (await second.receive_json())["error_code"] == "OVERLOADED"
        await first.close()
        await second.close()


async def test_shutting_down_reads_the_capture_and_tells_the_reason(serve: Serve) -> None:
    server = await serve(FakeEngine(read_s=0.4))
    async with aiohttp.ClientSession() as http:
        socket = await begin(http, server)
        await socket.send_bytes(grey())
        await socket.receive_json()
        await socket.send_json({"action": "capture"})
        await asyncio.sleep(0.1)
        began_s = time.monotonic()
        draining = asyncio.create_task(server.registry.drain())
        assert (await socket.receive_json())["status"] == "complete"
        assert (await socket.receive_json())["reason"] == "shutdown"
        await draining
        assert time.monotonic() - began_s < 3


@given(st.text(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),  # noqa: E501
    max_leaves=10,
).map(json.dumps))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        parse_command(text)
    except InvalidMessage as error:
        assert len(error.message) < 120
