"""A WebSocket reaches its session whichever worker it arrives at."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from core.http import is_internal
from signaling import colleagues, passage
from signaling.api import stream_ws
from signaling.api.stream_ws import Conversation
from signaling.shards import Shard
from tests.conftest import RunningServer
from tests.signaling.house import House, house
from tests.signaling.pictures import grey
from tests.signaling.test_access_pages import HOLDER, HOTEL, TOKEN

Socket = aiohttp.ClientWebSocketResponse
Told = dict[str, Any]
_CLOSING = aiohttp.ClientWSTimeout(ws_close=1)
CHAIN = "https://chain.example"


@pytest.fixture
async def two() -> AsyncIterator[House]:
    async with house() as workers:
        yield workers


@asynccontextmanager
async def talk(worker: RunningServer, **headers: str) -> AsyncIterator[Socket]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{worker.url}/api/stream/ws", headers=headers, timeout=_CLOSING) as socket,
    ):
        yield socket


async def said(socket: Socket, **command: object) -> Told:
    await socket.send_json(command)
    told: Told = await socket.receive_json(timeout=10)
    return told


def passed_on(worker: RunningServer) -> float:
    return worker.metric("lobbylens_requests_passed_on_total")


async def test_a_session_is_gone_on_with_through_the_other_worker(two: House) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(talk(two.workers[0]))
        own = (await said(first, action="init"))["session_id"]
        owner, other = two.owner(own)
        assert owner is two.workers[0] and passed_on(owner) == 0, "where there is room is here"
        again = await stack.enter_async_context(talk(other))
        told = await said(again, action="init", session_id=own)
        assert (told["action"], told["resumed"], told["session_id"]) == ("init_ok", True, own)
        assert (await first.receive_json(timeout=10))["reason"] == "replaced"
        for number in range(3):
            await again.send_bytes(grey())
            seen = await again.receive_json(timeout=10)
            assert (seen["session_id"], seen["frame"]) == (own, number)
        assert (await said(again, action="ping"))["action"] == "pong"
        assert (await said(again, action="nonsense"))["error_code"] == "INVALID_MESSAGE"
        read = await said(again, action="capture")
        assert read["data"]["surname"] == "ERIKSSON", read
        assert (await said(again, action="close"))["reason"] == "client"
        assert (await again.receive(timeout=10)).type is WSMsgType.CLOSE
        assert again.close_code == 1000
        await owner.settle(0)
        assert passed_on(other) == 1 and passed_on(owner) == 0


async def test_who_goes_away_leaves_the_session_to_be_gone_on_with(two: House) -> None:
    async with talk(two.workers[0]) as first:
        own = (await said(first, action="init"))["session_id"]
    owner, other = two.owner(own)
    for _ in range(2):
        async with talk(other) as socket:
            assert (await said(socket, action="init", session_id=own))["resumed"] is True
        session = owner.registry.get(own)
        async with asyncio.timeout(5):
            while session.state.value != "disconnected":
                await asyncio.sleep(0.02)


async def test_a_larger_frame_than_may_be_ends_it_through_another_worker_too() -> None:
    closed = []
    async with house("--doors.max-frame-bytes", "100000") as two, talk(two.workers[0]) as first:
        own = (await said(first, action="init"))["session_id"]
        for worker in two.owner(own):
            async with talk(worker) as socket:
                assert (await said(socket, action="init", session_id=own))["resumed"] is True
                await socket.send_bytes(bytes(100_001))
                while (await socket.receive(timeout=10)).type is not WSMsgType.CLOSE:
                    pass
                closed.append(socket.close_code)
    assert closed == [1009, 1009]


async def test_a_session_that_is_over_begins_anew_and_one_of_elsewhere_is_named(
    two: House,
) -> None:
    gone, elsewhere = Shard("", 1).new_secret(), Shard("east", 1).new_secret()
    async with talk(two.workers[0]) as socket:
        told = await said(socket, action="init", session_id=gone)
        assert (told["action"], told["resumed"]) == ("init_ok", False)
    async with talk(two.workers[0]) as socket:
        told = await said(socket, action="init", session_id=elsewhere)
        assert told["error_code"] == "INVALID_SESSION" and "balancer" in told["error"]


async def test_a_session_whose_worker_is_gone_begins_anew(two: House) -> None:
    async with talk(two.workers[1]) as first:
        own = (await said(first, action="init"))["session_id"]
    await two.runners[1].cleanup()
    async with talk(two.workers[0]) as socket:
        told = await said(socket, action="init", session_id=own)
        assert (told["action"], told["resumed"]) == ("init_ok", False)
        assert two.owner(told["session_id"])[0] is two.workers[0]


async def test_a_worker_that_ends_says_so_through_the_other(two: House) -> None:
    async with talk(two.workers[1]) as first:
        own = (await said(first, action="init"))["session_id"]
        async with talk(two.workers[0]) as socket:
            assert (await said(socket, action="init", session_id=own))["resumed"] is True
            ending = asyncio.create_task(two.runners[1].cleanup())
            told = await socket.receive_json(timeout=10)
            assert (told["action"], told["reason"]) == ("closed", "shutdown")
            await ending


async def test_a_worker_that_dies_is_told_of_by_the_other(two: House) -> None:
    async with talk(two.workers[1]) as first:
        own = (await said(first, action="init"))["session_id"]
    async with talk(two.workers[0]) as socket:
        assert (await said(socket, action="init", session_id=own))["resumed"] is True
        for inner in inner_transports(two):
            inner.abort()
        told = await socket.receive_json(timeout=10)
        assert told["error_code"] == "OVERLOADED" and "once more" in told["error"]
        assert (await socket.receive(timeout=10)).type is WSMsgType.CLOSE
    async with talk(two.workers[0]) as socket:
        assert (await said(socket, action="init", session_id=own))["resumed"] is True


async def test_the_worker_between_ends_and_the_session_waits(two: House) -> None:
    async with talk(two.workers[1]) as first:
        own = (await said(first, action="init"))["session_id"]
    async with talk(two.workers[0]) as socket:
        assert (await said(socket, action="init", session_id=own))["resumed"] is True
        ending = asyncio.create_task(two.runners[0].cleanup())
        assert (await socket.receive(timeout=10)).type is WSMsgType.CLOSE
        assert socket.close_code == 1001
        await ending
    async with talk(two.workers[1]) as socket:
        assert (await said(socket, action="init", session_id=own))["resumed"] is True


async def test_a_new_session_begins_with_another_worker_where_this_one_takes_none(
    two: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(two.workers[0].registry, "_draining", True)
    async with talk(two.workers[0]) as socket:
        told = await said(socket, action="init")
        assert (told["action"], told["resumed"]) == ("init_ok", False)
        assert two.owner(told["session_id"])[0] is two.workers[1]
        await socket.send_bytes(grey())
        assert (await socket.receive_json(timeout=10))["session_id"] == told["session_id"]
    monkeypatch.setattr(two.workers[1].registry, "_draining", True)
    for worker in two.workers:
        async with talk(worker) as socket:
            assert (await said(socket, action="init"))["error_code"] == "OVERLOADED"


async def test_a_worker_that_takes_none_leaves_who_comes_back_too_late_to_the_other(
    two: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(two.workers[1].registry, "_draining", True)
    async with talk(two.workers[0]) as socket:
        told = await said(socket, action="init", session_id=Shard("", 1).new_secret())
        assert (told["action"], told["resumed"]) == ("init_ok", False)
        assert two.owner(told["session_id"])[0] is two.workers[0]


async def test_a_session_of_a_silent_worker_is_not_given_up(
    two: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be as it was when that worker's loop turns again."""
    async with talk(two.workers[1]) as first:
        own = (await said(first, action="init"))["session_id"]
    begin = Conversation._init

    async def hang(self: Conversation, *given: Any) -> Any:
        if is_internal(self._request):
            await asyncio.sleep(5)
        return await begin(self, *given)

    with monkeypatch.context() as silent:
        silent.setattr(Conversation, "_init", hang)
        silent.setattr(colleagues, "_LOOK_EVERY_S", 0.01)
        silent.setattr(two.board, "row", lambda worker: SimpleNamespace(beat_s=0.0))
        async with talk(two.workers[0]) as socket:
            told = await said(socket, action="init", session_id=own)
            assert told["error_code"] == "OVERLOADED" and "try again" in told["error"]
    async with talk(two.workers[0]) as socket:
        assert (await said(socket, action="init", session_id=own))["resumed"] is True


async def test_who_reads_nothing_is_left_and_no_socket_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, name in (
        *((passage, "_SEND_S"), (passage, "_LAST_WORDS_S")),
        *((stream_ws, "_SEND_S"), (stream_ws, "_CLOSE_S")),
    ):
        monkeypatch.setattr(module, name, 0.2)
    long = {"session_id": "", "filling": "x" * 200_000}
    monkeypatch.setattr(stream_ws, "greeting", lambda *_: long)
    async with house("--media.messages-per-s", "1000") as two:
        async with talk(two.workers[1]) as first:
            assert (await said(first, action="init"))["action"] == "init_ok"
        (session,) = two.workers[1].registry
        before = await asyncio.to_thread(open_files)
        async with talk(two.workers[0]) as deaf:
            told = await said(deaf, action="init", session_id=session.id)
            assert told["resumed"] is True
            assert await asyncio.to_thread(open_files) == before + 4, "two connections"
            stop_reading(deaf)
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(5):
                    for _ in range(300):
                        await deaf.send_json({"action": "init"})
            async with asyncio.timeout(5):
                while await asyncio.to_thread(open_files) > before + 2:
                    await asyncio.sleep(0.05)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_a_way_that_is_clogged_is_cut(two: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits to be sent through it would keep it open for as long as the worker lives."""
    monkeypatch.setattr(passage, "_SEND_S", 0.2)
    async with talk(two.workers[1]) as first:
        own = (await said(first, action="init"))["session_id"]
    before = await asyncio.to_thread(open_files)
    async with talk(two.workers[0]) as socket:
        assert (await said(socket, action="init", session_id=own))["resumed"] is True
        (inner,) = inner_transports(two)
        inner.pause_reading()
        for _ in range(30):
            await socket.send_bytes(bytes(100_000))
        assert (await socket.receive_json(timeout=10))["error_code"] == "OVERLOADED"
    async with asyncio.timeout(5):
        while await asyncio.to_thread(open_files) > before + 1:
            await asyncio.sleep(0.05)
    inner.resume_reading()


def inner_transports(two: House) -> list[asyncio.Transport]:
    """Connections that the second worker has from the first."""
    server = two.runners[1].server
    assert server is not None
    transports = [connection.transport for connection in server.connections]
    return [
        each
        for each in transports
        if isinstance(each, asyncio.Transport) and isinstance(each.get_extra_info("sockname"), str)
    ]


def stop_reading(socket: Socket) -> None:
    connection = socket._conn
    assert connection is not None and isinstance(connection.transport, asyncio.Transport)
    connection.transport.pause_reading()


@pytest.mark.parametrize("where", ["header", "init"])
async def test_a_session_token_is_good_once_at_whichever_worker(where: str, tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    allowed = ("--access.allowed-origins", f"{HOTEL},{CHAIN}")
    noted = ("--access.audit", "file", "--access.audit-file", str(log))
    async with house(*TOKEN, *allowed, *noted) as two:
        for issuer, used in ((0, 1), (1, 0), (0, 0)):
            token = await token_of(two.workers[issuer])
            shown = {"Authorization": f"Bearer {token}"} if where == "header" else {}
            init = {"action": "init"} if where == "header" else {"action": "init", "token": token}
            worker = two.workers[used]
            async with talk(worker, Origin=CHAIN, **shown) as socket:
                assert (await said(socket, **init))["error_code"] == "FORBIDDEN"
            async with talk(worker, Origin=HOTEL, **shown) as socket:
                told = await said(socket, **init)
                assert told["action"] == "init_ok"
                assert two.owner(told["session_id"])[0] is two.workers[issuer]
            for again in two.workers:
                async with talk(again, Origin=HOTEL, **shown) as socket:
                    assert (await said(socket, **init))["error_code"] == "UNAUTHORIZED"
    begun = [
        line
        for line in (await asyncio.to_thread(log.read_text)).splitlines()
        if "session.open" in line
    ]
    assert sum('"page:' in line for line in begun) == 3


async def test_a_page_whose_session_lives_here_spends_no_token_elsewhere() -> None:
    async with house(*TOKEN, "--access.allowed-origins", HOTEL) as two:
        tokens = [await token_of(worker) for worker in two.workers for _ in range(2)]
        async with talk(two.workers[0], Origin=HOTEL) as first:
            own = (await said(first, action="init", token=tokens[0]))["session_id"]
        for worker in two.workers:
            async with talk(worker, Origin=HOTEL) as socket:
                told = await said(socket, action="init", session_id=own, token=tokens[2])
                assert (told["resumed"], told["session_id"]) == (True, own)
        async with talk(two.workers[0], Origin=HOTEL) as socket:
            assert (await said(socket, action="init", token=tokens[2]))["action"] == "init_ok"


@pytest.mark.parametrize("keeper", [0, 1])
@pytest.mark.parametrize("asked", [0, 1])
async def test_a_session_that_is_over_begins_anew_where_the_token_is_good(
    keeper: int, asked: int
) -> None:
    async with house(*TOKEN, "--access.allowed-origins", HOTEL) as two:
        for gone in (0, 1):
            token = await token_of(two.workers[keeper])
            async with talk(two.workers[asked], Origin=HOTEL) as socket:
                over = Shard("", gone).new_secret()
                told = await said(socket, action="init", session_id=over, token=token)
                assert (told["action"], told.get("resumed")) == ("init_ok", False), told
                assert two.owner(told["session_id"])[0] is two.workers[keeper]


async def test_a_token_that_is_no_header_is_refused_like_any_other() -> None:
    async with house(*TOKEN) as two:
        for session_id in (None, Shard("", 1).new_secret()):
            async with talk(two.workers[0]) as socket:
                init = {"session_id": session_id, "token": "a\r\nX-A: b"}
                told = await said(socket, action="init", **init)
                assert told["error_code"] == "UNAUTHORIZED"


async def test_each_begin_is_noted_once_with_who_it_was(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    noted = ("--access.audit", "file", "--access.audit-file", str(log))
    async with house(*TOKEN, "--access.allowed-origins", HOTEL, *noted) as two:

        def begins() -> list[str]:
            told = (
                [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
            )
            return [each["who"].split(":")[0] for each in told if each["audit"] == "session.open"]

        async def who(worker: int, init: Told, **headers: str) -> list[str]:
            before = len(await asyncio.to_thread(begins))
            async with talk(two.workers[worker], **headers) as socket:
                await said(socket, action="init", **init)
            async with asyncio.timeout(10):
                while len(new := (await asyncio.to_thread(begins))[before:]) < 1:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.2)  # for a second one
            assert len(await asyncio.to_thread(begins)) == before + 1
            return new

        for worker in (0, 1):
            token = await token_of(two.workers[1])
            assert await who(worker, {"token": token}, Origin=HOTEL) == ["page"]
            token = await token_of(two.workers[1])
            beside = {"Origin": HOTEL, "X-API-Key": "something"}
            assert await who(worker, {"token": token}, **beside) == ["page"]
            over = {"session_id": Shard("", 1).new_secret()}
            assert await who(worker, {**over, "token": "t0ken"}) == ["token"]
            assert await who(worker, over, Authorization="Bearer t0ken") == ["token"]


async def token_of(worker: RunningServer) -> str:
    """A session token that this worker gives."""
    url = f"{worker.url}/api/session-tokens"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, json={"origin": HOTEL}, headers=HOLDER) as answer,
    ):
        return str((await answer.json())["token"])
