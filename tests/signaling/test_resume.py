"""Coming back into a session: once, in time, from the same origin."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from core.errors import Forbidden, InvalidSession
from examples.client import CaptureClient
from media.adaptations import ice_connections
from media.peer import Peer
from media.session import Session
from signaling.resume import ResumeTokens
from signaling.shards import Shard
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack
from tests.signaling.test_bad_offers import offer_of

HERE = "https://kiosk.hotel.example"


def fake_session() -> Session:
    return cast(Session, SimpleNamespace(connections=1))


def test_a_token_is_spent_when_its_peer_is_connected_and_not_before() -> None:
    session, tokens = fake_session(), ResumeTokens(Shard("", 3), 100)
    first = tokens.issue(session, HERE, 0)
    assert first.startswith("3.")
    for now_s in (1, 2):
        # The answer was lost on its way: nobody has seen the token that came with it.
        assert tokens.redeem(first, HERE, now_s) is session
        second = tokens.issue(session, HERE, now_s)
    session.connections += 1
    with pytest.raises(InvalidSession, match="used already"):
        tokens.redeem(first, HERE, 3)
    assert tokens.redeem(second, HERE, 3) is session


def test_tokens_expire_are_bound_and_do_not_pile_up() -> None:
    session, tokens = fake_session(), ResumeTokens(Shard(), 100)
    token = tokens.issue(session, HERE, 0)
    for origin in (None, "null", HERE + ":8443", "http://kiosk.hotel.example"):
        with pytest.raises(Forbidden, match="another origin"):
            tokens.redeem(token, origin, 1)
    with pytest.raises(InvalidSession, match="expired"):
        tokens.redeem(token, HERE, 101)
    for _ in range(20):
        tokens.redeem(token, HERE, 1)
        session.connections += 1
        token = tokens.issue(session, HERE, 1)
    assert len(tokens) <= 4
    tokens.forget(session)
    assert len(tokens) == 0
    with pytest.raises(InvalidSession, match="unknown"):
        tokens.redeem(token, HERE, 1)


def test_an_offer_that_comes_late_takes_no_token_from_the_page() -> None:
    session, tokens = fake_session(), ResumeTokens(Shard(), 100)
    first = tokens.issue(session, HERE, 0)
    tokens.redeem(first, HERE, 1)
    held = tokens.issue(session, HERE, 1)
    # The offer that was given up before arrives now; nobody waits for its answer.
    tokens.redeem(first, HERE, 2)
    unseen = tokens.issue(session, HERE, 2)
    assert tokens.redeem(held, HERE, 3) is session
    last = tokens.issue(session, HERE, 3)
    session.connections += 1
    for spent in (first, held, unseen):
        with pytest.raises(InvalidSession, match="used already"):
            tokens.redeem(spent, HERE, 4)
    assert tokens.redeem(last, HERE, 4) is session


def test_a_peer_that_is_connected_while_another_is_answered_spends_none_of_their_tokens() -> None:
    session, tokens = fake_session(), ResumeTokens(Shard(), 100)
    first = tokens.issue(session, HERE, 0)
    tokens.redeem(first, HERE, 1)
    held = tokens.issue(session, HERE, 1)
    tokens.redeem(first, HERE, 2)
    session.connections += 1
    unseen = tokens.issue(session, HERE, 2)
    with pytest.raises(InvalidSession, match="used already"):
        tokens.redeem(first, HERE, 3)
    # Whichever of the two peers is there in the end, its page comes back.
    assert tokens.redeem(held, HERE, 3) is tokens.redeem(unseen, HERE, 3) is session


def test_a_spent_token_stays_spent_and_few_are_kept() -> None:
    session, tokens = fake_session(), ResumeTokens(Shard(), 100)
    given = [tokens.issue(session, HERE, 0)]
    for _ in range(3):
        tokens.redeem(given[0], HERE, 1)
        given.append(tokens.issue(session, HERE, 1))
    session.connections += 1
    live = given[-1]
    for _ in range(12):
        tokens.redeem(live, HERE, 2)
        # Of two answers one is lost.
        tokens.issue(session, HERE, 2)
        live = tokens.issue(session, HERE, 2)
        assert len(tokens) <= 6
        for spent in given[:-1]:
            with pytest.raises(InvalidSession, match=r"used already|unknown"):
                tokens.redeem(spent, HERE, 2)
    assert tokens.redeem(live, HERE, 2) is session


async def ask(
    server: RunningServer,
    path: str,
    token: str | None,
    origin: str | None = None,
    **options: object,
) -> tuple[int, dict[str, Any]]:
    """The answer to a good offer with this token."""
    session = options if token is None else {"resume_token": token, **options}
    body = {"sdp": await offer_of("video"), "type": "offer", "session": session}
    headers = {} if origin is None else {"Origin": origin}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{server.url}{path}", json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


DOOR = "/api/webrtc/offer"


async def test_foreign_and_expired_tokens_are_refused_with_the_reason(serve: Serve) -> None:
    server = await serve(None, "--signaling.resume-token-ttl-s", "0.5")
    status, begun = await ask(server, DOOR, None, HERE)
    assert status == 200
    status, told = await ask(server, DOOR, begun["resume_token"], "https://elsewhere.example")
    assert (status, told["error_code"]) == (403, "FORBIDDEN") and "origin" in told["error"]
    await asyncio.sleep(0.6)
    status, told = await ask(server, DOOR, begun["resume_token"], HERE)
    assert (status, told["error_code"]) == (404, "INVALID_SESSION") and "expired" in told["error"]


async def test_a_session_s_own_address_takes_its_own_token_only(serve: Serve) -> None:
    server = await serve()
    begun = [(await ask(server, DOOR, None))[1] for _ in range(2)]
    door = f"/api/sessions/{begun[0]['session_id']}/offer"
    status, told = await ask(server, door, None)
    assert (status, told["field"]) == (400, "session.resume_token")
    status, told = await ask(server, door, begun[1]["resume_token"])
    assert (status, told["error_code"]) == (404, "INVALID_SESSION")
    status, told = await ask(server, door, begun[0]["resume_token"])
    assert (status, told["session_id"]) == (200, begun[0]["session_id"])


async def test_a_page_that_was_answered_comes_back_though_its_first_offer_came_late(
    serve: Serve,
) -> None:
    server = await serve()
    begun = (await ask(server, DOOR, None, HERE))[1]
    answered = (await ask(server, DOOR, begun["resume_token"], HERE))[1]
    assert (await ask(server, DOOR, begun["resume_token"], HERE))[0] == 200
    status, told = await ask(server, DOOR, answered["resume_token"], HERE)
    assert (status, told["session_id"]) == (200, begun["session_id"])


async def test_an_offer_that_a_newer_one_has_overtaken_takes_no_place(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, answered, answer = await serve(), list[Peer](), Peer.answer

    async def counted(peer: Peer, offer_sdp: str) -> str:
        answered.append(peer)
        return await answer(peer, offer_sdp)

    monkeypatch.setattr(Peer, "answer", counted)
    begun = (await ask(server, DOOR, None, attempt=1))[1]
    (session,) = server.registry
    for attempt, allowed in ((3, True), (2, False), (3, True), (0, False), (None, True)):
        before = session.peer
        status, told = await ask(server, DOOR, begun["resume_token"], attempt=attempt)
        assert status == (200 if allowed else 412), told
        assert (session.peer is before) is not allowed
        assert allowed or told["error_code"] == "PRECONDITION_FAILED"
    assert server.metric("lobbylens_offers_refused_total", code="PRECONDITION_FAILED") == 2
    assert len(answered) == 4, "nor is it worth an answer"


async def test_an_offer_that_is_overtaken_while_it_is_answered_takes_no_place(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, answered, go_on = await serve(), asyncio.Event(), asyncio.Event()
    begun = (await ask(server, DOOR, None, attempt=1))[1]
    (session,) = server.registry
    answer = Peer.answer

    async def slow(peer: Peer, offer_sdp: str) -> str:
        monkeypatch.setattr(Peer, "answer", answer)
        told = await answer(peer, offer_sdp)
        answered.set()
        await go_on.wait()
        return told

    monkeypatch.setattr(Peer, "answer", slow)
    late = asyncio.create_task(ask(server, DOOR, begun["resume_token"], attempt=2))
    await answered.wait()
    assert (await ask(server, DOOR, begun["resume_token"], attempt=3))[0] == 200
    newest = session.peer
    go_on.set()
    assert (await late)[0] == 412
    assert session.peer is newest is not None


@pytest.mark.parametrize("attempt", [-1, 1.5, "1", True])
async def test_a_count_that_is_none_is_refused(serve: Serve, attempt: object) -> None:
    status, told = await ask(await serve(), DOOR, None, attempt=attempt)
    assert (status, told["field"]) == (400, "session.attempt")


async def test_an_offer_says_how_many_sides_are_read_and_coming_back_changes_nothing(
    serve: Serve,
) -> None:
    server = await serve()
    for sides in (0, 3, "2", 1.5):
        status, told = await ask(server, DOOR, None, sides=sides)
        assert (status, told["field"]) == (400, "session.sides")
    assert len(server.registry) == 0
    lost, back = (CaptureClient(server.url, DrawnTrack()) for _ in range(2))
    await lost.open(sides=2)
    assert (await lost.wait_for("ready"))["sides"] == 2
    await lost.close()
    # A side may be awaited: naming the sides anew must not lose it.
    await back.open(resume_token=lost.resume_token, sides=1)
    assert (await back.wait_for("ready"))["sides"] == 2
    await back.close()


def cut(client: CaptureClient) -> None:
    """The network is gone: whatever is sent vanishes, and nobody is told."""
    for connection in ice_connections(client.pc):
        for protocol in connection._protocols:
            setattr(protocol.transport, "sendto", lambda *_: None)  # noqa: B010


async def test_a_guest_whose_network_vanished_is_back_within_five_seconds(serve: Serve) -> None:
    server = await serve(FakeEngine(capture_at=4))
    lost, back = (CaptureClient(server.url, DrawnTrack()) for _ in range(2))
    await lost.open()
    result = await lost.wait_for("result")
    cut(lost)
    # The page notices after three seconds of silence; what is bounded here is the server's part.
    async with asyncio.timeout(2):
        await back.open(resumed=lost.session_id, resume_token=lost.resume_token)
        assert back.session_id == lost.session_id
        assert (await back.wait_for("result"))["document_id"] == result["document_id"]
        await back.wait_for("overlay")
    status, told = await ask(server, DOOR, lost.resume_token)
    assert (status, told["error_code"]) == (404, "INVALID_SESSION") and "used" in told["error"]
    assert len(server.registry) == 1
    await lost.close()
    await back.close()
