"""Two workers of one server: whatever reaches the wrong one comes to the right one."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiortc import RTCSessionDescription
from prometheus_client.parser import text_string_to_metric_families

from core.http import INTERNAL_CLIENT, SERVER_OPTIONS, client_address, public
from core.metrics import Metrics, merge
from examples.client import CaptureClient, Refused
from signaling import colleagues
from signaling.board import Board, Row
from signaling.shards import Shard, shard_of
from tests.peer import DrawnTrack
from tests.signaling.house import House, house
from tests.signaling.test_whip import FRAGMENT, SDP, candidates_of


@pytest.fixture
async def two() -> AsyncIterator[House]:
    async with house("--signaling.max-sessions", "3") as workers:
        yield workers


async def opened(url: str, **session: Any) -> CaptureClient:
    client = CaptureClient(url, DrawnTrack())
    await client.open(**session)
    return client


async def code(answer: aiohttp.ClientResponse) -> tuple[int, str]:
    return answer.status, str((await answer.json())["error_code"])


async def test_offers_go_where_there_is_most_room_and_the_cap_is_everybody_s(two: House) -> None:
    clients = []
    for _ in range(3):
        clients.append(await opened(two.workers[0].url))
        await asyncio.sleep(0.3)
    assert sorted(len(worker.registry) for worker in two.workers) == [1, 2]
    for worker in two.workers:
        refused = CaptureClient(worker.url, DrawnTrack())
        with pytest.raises(Refused, match="503 OVERLOADED"):
            await refused.open()
        await refused.close()
        async with aiohttp.ClientSession() as http, http.get(f"{worker.url}/health") as answer:
            told = await answer.json()
        assert (told["sessions"], told["accepting"], told["workers"]) == (3, False, 2)
    assert two.board.sessions == 3
    for client in clients:
        await client.close()


async def test_doors_of_a_session_work_through_either_worker(two: House) -> None:
    client = await opened(two.workers[0].url, stills=True)
    owner, other = two.owner(client.session_id)
    result = await client.wait_for("result")
    session = f"{other.url}/api/sessions/{client.session_id}"
    document = f"{session}/documents/{result['document_id']}"
    async with aiohttp.ClientSession() as http:
        still = {"Content-Type": "image/jpeg"}
        answer = await http.post(f"{session}/still", data=b"\xff\xd8" * 500_000, headers=still)
        assert (answer.status, await answer.json()) == (200, {"taken": False})
        body = {"fields": {"room": "217"}}
        assert (await http.post(f"{document}/confirm", json=body)).status == 200
        card = await http.get(f"{document}/card.pdf")
        assert card.content_type == "application/pdf" and (await card.read()).startswith(b"%PDF")
        assert card.headers["Content-Length"] and card.headers["X-Content-Type-Options"]
        assert (await http.head(f"{document}/card.pdf")).status == 200
        assert await code(await http.get(f"{session}/documents/none/card.pdf")) == (
            404,
            "NOT_FOUND",
        )
        assert (await http.post(f"{session}/close")).status == 204
        assert await code(await http.post(f"{session}/close")) == (404, "INVALID_SESSION")
    await owner.settle()
    assert other.metric("lobbylens_requests_passed_on_total") >= 6
    await client.close()


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("size", [1_200_000, 9_000_000])
async def test_what_is_too_long_is_refused_on_the_way(
    two: House, declared: bool, size: int
) -> None:
    client = await opened(two.workers[0].url)
    _, other = two.owner(client.session_id)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(size // 60_000):
            yield bytes(60_000)

    async with aiohttp.ClientSession() as http:
        answer = await http.post(
            f"{other.url}/api/sessions/{client.session_id}/documents/d4/confirm",
            data=io.BytesIO(bytes(size)) if declared else endless(),
        )
        assert await code(answer) == (413, "TOO_LARGE")
    await client.close()


async def test_a_session_resumes_through_the_wrong_worker(two: House) -> None:
    client = await opened(two.workers[0].url)
    _, other = two.owner(client.session_id)
    result = await client.wait_for("result")
    await client.close()
    again = await opened(other.url, resume_token=client.resume_token)
    assert again.session_id == client.session_id
    assert (await again.wait_for("result"))["document_id"] == result["document_id"]
    await again.close()


async def test_a_publisher_is_served_through_either_worker(two: House) -> None:
    guest = await opened(two.workers[0].url)
    busy, _ = two.owner(guest.session_id)
    await asyncio.sleep(0.3)
    client = CaptureClient(busy.url, DrawnTrack())
    bare, fragment = candidates_of(await client.offer())
    async with aiohttp.ClientSession() as http:
        answer = await http.post(f"{busy.url}/whip", data=bare, headers=SDP)
        assert answer.status == 201 and answer.headers["ETag"]
        place = answer.headers["Location"]
        owner, _ = two.owner(place.removeprefix("/whip/"))
        assert owner is not busy
        await client.pc.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
        patched = await http.patch(busy.url + place, data=fragment, headers=FRAGMENT)
        assert patched.status == 204
        await client.wait_for("overlay")
        assert (await http.delete(busy.url + place)).status == 200
    await owner.settle()
    await client.close()
    await guest.close()


async def test_long_answers_are_passed_on_as_they_are_made() -> None:
    more = asyncio.Event()

    @public
    async def long_answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(client_address(request).encode())
        await more.wait()
        await response.write(b" and more")
        return response

    async with house(routes=[web.get("/api/sessions/{session_id}/long", long_answer)]) as two:
        path = f"{two.workers[0].url}/api/sessions/{Shard('', 1).new_secret()}/long"
        forged = {INTERNAL_CLIENT: "203.0.113.9", "X-Forwarded-For": "203.0.113.9"}
        async with aiohttp.ClientSession() as http, http.get(path, headers=forged) as answer:
            async with asyncio.timeout(10):
                # Nothing more is made before this has come.
                assert await answer.content.readany() == b"127.0.0.1"
                more.set()
                assert await answer.content.read() == b" and more"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker hangs that has been silent for half a second."""
    monkeypatch.setattr(colleagues, "_LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(colleagues, "_SILENT_LOOKS", 5)
    monkeypatch.setattr("server._BEAT_S", 0.05)
    # And aiohttp does not wait ten seconds for the rest of a body.
    monkeypatch.setitem(SERVER_OPTIONS, "lingering_time", 0.1)


@pytest.mark.parametrize("size", [0, 5_000_000])
async def test_whoever_waits_for_a_worker_that_hangs_is_told_to_try_again(
    impatient: None, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    ended = asyncio.Event()

    @public
    async def hanging(request: web.Request) -> web.Response:
        await ended.wait()
        return web.Response()

    async with house(routes=[web.post("/api/sessions/{session_id}/hanging", hanging)]) as two:
        beat = two.board.beat

        def only_the_first(worker: int, **told: Any) -> None:
            if worker == 0:
                beat(worker, **told)

        monkeypatch.setattr(two.board, "beat", only_the_first)
        path = f"{two.workers[0].url}/api/sessions/{Shard('', 1).new_secret()}/hanging"
        try:
            async with asyncio.timeout(10), aiohttp.ClientSession() as http:
                answer = await http.post(path, data=io.BytesIO(bytes(size)))
                assert await code(answer) == (503, "OVERLOADED")
                assert int(answer.headers["Retry-After"]) > 0
        finally:
            ended.set()


async def test_what_takes_long_at_a_worker_that_lives_is_waited_for(impatient: None) -> None:
    @public
    async def slow(request: web.Request) -> web.Response:
        length = len(await request.read())
        await asyncio.sleep(1)
        return web.json_response(length)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(1000)
            await asyncio.sleep(0.4)

    async with house(routes=[web.post("/api/sessions/{session_id}/slow", slow)]) as two:
        path = f"{two.workers[0].url}/api/sessions/{Shard('', 1).new_secret()}/slow"
        async with aiohttp.ClientSession() as http, http.post(path, data=pieces()) as answer:
            assert (answer.status, await answer.json()) == (200, 3000)


async def test_a_session_is_not_called_over_because_its_worker_is_silent(
    two: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.asynccontextmanager
    async def request(*_: object, **__: object) -> AsyncIterator[None]:
        raise aiohttp.ConnectionTimeoutError
        yield

    class Silent:
        def __init__(self) -> None:
            self.request = request

    monkeypatch.setattr(colleagues.Colleagues, "_client", lambda *_: Silent())
    async with aiohttp.ClientSession() as http:
        answer = await http.delete(f"{two.workers[0].url}/api/sessions/{Shard('', 1).new_secret()}")
        assert await code(answer) == (503, "OVERLOADED")
    monkeypatch.undo()


async def test_a_worker_that_dies_in_the_middle_of_its_answer_is_left_out(
    two: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying:
        status = 200

        async def read(self) -> bytes:
            raise aiohttp.ClientPayloadError

    @contextlib.asynccontextmanager
    async def ask(*_: object) -> AsyncIterator[Dying]:
        yield Dying()

    monkeypatch.setattr(colleagues.Colleagues, "_ask", ask)
    async with aiohttp.ClientSession() as http:
        answer = await http.get(f"{two.workers[0].url}/metrics")
        assert answer.status == 200
        assert 'lobbylens_sessions{worker="0"}' in await answer.text()


async def test_nothing_is_passed_on_twice_nor_to_nobody(two: House) -> None:
    strange = Shard("", 1).new_secret()
    async with aiohttp.ClientSession() as http:
        # Nobody but a worker is believed to be one.
        forged = await http.delete(
            f"{two.workers[0].url}/api/sessions/{strange}", headers={INTERNAL_CLIENT: "x"}
        )
        assert await code(forged) == (404, "INVALID_SESSION")
        assert two.workers[0].metric("lobbylens_requests_passed_on_total") == 1
        for session_id in (Shard("", 7).new_secret(), "1.short", "junk", "..", "%2e%2e"):
            answer = await http.delete(f"{two.workers[0].url}/api/sessions/{session_id}")
            assert answer.status in (404, 405)
        elsewhere = await http.delete(
            f"{two.workers[0].url}/api/sessions/{Shard('east', 1).new_secret()}"
        )
        assert "balancer" in (await elsewhere.json())["error"]
    path = next(site for site in two.runners[1].addresses if isinstance(site, str))
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as inside:
        answer = await inside.delete(f"http://worker/api/sessions/{Shard('', 0).new_secret()}")
        assert await code(answer) == (404, "INVALID_SESSION")
    assert two.workers[1].metric("lobbylens_requests_passed_on_total") == 0
    assert two.workers[0].metric("lobbylens_requests_passed_on_total") == 1


async def test_the_sessions_of_a_worker_that_is_gone_are_over(two: House) -> None:
    client = await opened(two.workers[0].url)
    owner, other = two.owner(client.session_id)
    await client.close()
    await two.runners[two.workers.index(owner)].cleanup()
    async with aiohttp.ClientSession() as http:
        answer = await http.delete(f"{other.url}/api/sessions/{client.session_id}")
        assert await code(answer) == (404, "INVALID_SESSION")
    # The dead one's last word on the board is still fresh; offers find the living all the same.
    guest = await opened(other.url)
    assert two.owner(guest.session_id)[0] is other
    await guest.close()


async def test_who_gives_up_an_offer_begins_no_second_session(
    two: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is gone when the worker that was asked answers, which is no silence of that one."""
    ask = colleagues.Colleagues._ask

    @contextlib.asynccontextmanager
    async def slowly(*given: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        async with ask(*given) as answer:
            await asyncio.sleep(0.4)
            yield answer

    monkeypatch.setattr(colleagues.Colleagues, "_ask", slowly)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{two.workers[0].url}/api/stream/ws") as socket,
    ):
        await socket.send_json({"action": "init"})
        await socket.receive_json()
        with pytest.raises(TimeoutError):
            await http.post(
                f"{two.workers[0].url}/api/stream/session", timeout=aiohttp.ClientTimeout(0.2)
            )
        await asyncio.sleep(0.6)
        assert [len(worker.registry) for worker in two.workers] == [1, 1]


async def test_metrics_are_of_all_workers(two: House) -> None:
    client = await opened(two.workers[0].url)
    own = client.session_id.split(".")[0]
    for worker in two.workers:
        async with aiohttp.ClientSession() as http, http.get(f"{worker.url}/metrics") as answer:
            text = await answer.text()
        found = {
            sample.labels["worker"]: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "lobbylens_sessions"
        }
        assert found == {"0": float(own == "0"), "1": float(own == "1")}
        assert text.count("# TYPE lobbylens_sessions gauge") == 1
    await client.close()


def test_merged_metrics_keep_every_sample() -> None:
    one, two = Metrics(), Metrics()
    one.errors.labels("X").inc(2)
    two.errors.labels("X").inc(3)
    one.overlay_seconds.observe(0.02)
    text = merge({"0": one.render(), "1": two.render()}).decode()
    assert 'lobbylens_errors_total{code="X",worker="0"} 2.0' in text
    assert 'lobbylens_errors_total{code="X",worker="1"} 3.0' in text
    assert 'lobbylens_overlay_seconds_bucket{le="0.02",worker="0"} 1.0' in text
    assert 'lobbylens_overlay_seconds_count{worker="1"} 0.0' in text


def test_ids_name_their_owner_and_nothing_else_is_one() -> None:
    for shard in (Shard(), Shard("", 12), Shard("east-2", 3)):
        secret = shard.new_secret()
        assert shard_of(secret) == shard
        assert len(secret.rsplit(".", 1)[1]) == 24
    for junk in ("", "0", "0.", "0.x", "../0." + "a" * 24, "0." + "a" * 25, "E.0." + "a" * 24):
        assert shard_of(junk) is None


def test_the_board_counts_places_once_and_forgets_the_dead() -> None:
    board = Board.create(3)
    try:
        twin = Board(board.fd, 3)
        assert [board.take_place(number, 2) for number in (0, 1, 2)] == [True, True, False]
        twin.clear(0, restarts=1)
        assert board.row(0) == Row(restarts=1)
        assert board.take_place(2, 2) and board.sessions == twin.sessions == 2
        for number, cores in ((1, 0.75), (2, 0.5)):
            board.beat(number, accepting=True, level=number, cores=cores)
        assert twin.by_load() == [1, 2]
        assert twin.cores_beside(1) == 0.5
        board.give_place(2)
        board.give_place(2)
        assert board.row(2).sessions == 0
    finally:
        board.close()
