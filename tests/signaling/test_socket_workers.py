"""A WebSocket reaches its session whichever worker it arrives at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from signaling.shards import Shard
from tests.conftest import RunningServer
from tests.signaling.house import House, house
from tests.signaling.pictures import grey
from tests.signaling.test_access_pages import HOLDER, HOTEL, TOKEN

Socket = aiohttp.ClientWebSocketResponse
Told = dict[str, Any]
CHAIN = "https://chain.example"


@pytest.fixture
async def two() -> AsyncIterator[House]:
    async with house() as workers:
        yield workers


@asynccontextmanager
async def talk(worker: RunningServer, **headers: str) -> AsyncIterator[Socket]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{worker.url}/api/stream/ws", headers=headers) as socket,
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
        server = two.runners[1].server
        assert server is not None
        for connection in list(server.connections):
            transport = connection.transport
            if transport is not None and isinstance(transport.get_extra_info("sockname"), str):
                transport.abort()
        told = await socket.receive_json(timeout=10)
        assert told["error_code"] == "INVALID_SESSION" and "worker" in told["error"]
        assert (await socket.receive(timeout=10)).type is WSMsgType.CLOSE


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


@pytest.mark.parametrize("where", ["header", "init"])
async def test_a_session_token_is_good_once_at_whichever_worker(where: str, tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    allowed = ("--access.allowed-origins", f"{HOTEL},{CHAIN}")
    noted = ("--access.audit", "file", "--access.audit-file", str(log))
    async with house(*TOKEN, *allowed, *noted) as two, aiohttp.ClientSession() as http:
        for issuer, used in ((0, 1), (1, 0), (0, 0)):
            url = f"{two.workers[issuer].url}/api/session-tokens"
            asked = await http.post(url, json={"origin": HOTEL}, headers=HOLDER)
            token = (await asked.json())["token"]
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
