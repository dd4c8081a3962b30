"""Pages of elsewhere, session tokens, quotas and the audit log."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.auth import ANONYMOUS, AccessSettings, Principal, SessionUse
from core.errors import Forbidden, RateLimited, Unauthorized
from signaling.access.audit import Audit
from signaling.access.limits import Limits, Rate, network
from signaling.access.session_tokens import SessionTokens
from tests.conftest import Serve
from tests.signaling.house import house

HOTEL, EVIL = "https://hotel.example", "https://evil.example"
TOKEN = ["--api-token", "t0ken"]
HOLDER = {"Authorization": "Bearer t0ken"}
NAMES = ["--access.allowed-origins", HOTEL]


async def test_a_session_token_begins_one_session_from_one_origin(serve: Serve) -> None:
    server = await serve(None, *TOKEN, *NAMES)
    async with aiohttp.ClientSession() as http:
        url = server.url.rstrip("/")
        asked = await http.post(f"{url}/api/session-tokens", json={"origin": HOTEL}, headers=HOLDER)
        told = await asked.json()
        assert asked.status == 200 and told["expires_in"] == 300
        page = {"Authorization": f"Bearer {told['token']}"}

        async def begin(origin: str | None) -> tuple[int, str]:
            headers = page if origin is None else {**page, "Origin": origin}
            async with http.post(f"{url}/api/stream/session", headers=headers) as answer:
                return answer.status, (await answer.json()).get("error_code", "")

        # Other doors are not open to it, whatever their scope.
        assert (await http.get(f"{url}/metrics", headers=page)).status == 401
        assert (await http.post(f"{url}/api/extract", headers=page, data=b"x")).status == 401
        more = await http.post(f"{url}/api/session-tokens", json={"origin": HOTEL}, headers=page)
        assert more.status == 401
        # Looking at the ICE servers does not use it up.
        assert (await http.get(f"{url}/api/webrtc/config", headers=page)).status == 200
        assert await begin(EVIL) == (403, "FORBIDDEN")
        assert await begin(None) == (403, "FORBIDDEN")
        assert await begin(HOTEL) == (200, "")
        assert await begin(HOTEL) == (401, "UNAUTHORIZED")
        await server.settle(1)


async def test_a_session_that_could_not_begin_uses_no_token_up(serve: Serve) -> None:
    server = await serve(None, *TOKEN, *NAMES, "--signaling.max-sessions", "1")
    async with aiohttp.ClientSession() as http:
        url = server.url.rstrip("/")
        first = await (await http.post(f"{url}/api/stream/session", headers=HOLDER)).json()
        asked = await http.post(f"{url}/api/session-tokens", json={"origin": HOTEL}, headers=HOLDER)
        told = (await asked.json())["token"]
        page = {"Authorization": f"Bearer {told}", "Origin": HOTEL}
        assert (await http.post(f"{url}/api/stream/session", headers=page)).status == 503
        async with http.ws_connect(f"{url}/api/stream/ws", headers=page) as socket:
            await socket.send_json({"action": "init"})
            assert (await socket.receive_json(timeout=10))["error_code"] == "OVERLOADED"
        await http.delete(f"{url}/api/stream/session/{first['session_id']}")
        async with http.ws_connect(f"{url}/api/stream/ws", headers={"Origin": HOTEL}) as socket:
            await socket.send_json({"action": "init", "token": told})
            assert (await socket.receive_json(timeout=10))["action"] == "init_ok"
        assert (await http.post(f"{url}/api/stream/session", headers=page)).status == 401


async def test_a_session_token_is_good_once_at_whichever_worker() -> None:
    async with house(*TOKEN, *NAMES) as two, aiohttp.ClientSession() as http:
        urls = [worker.url for worker in two.workers]
        for issuer in (0, 1, 0, 1):
            issued = f"{urls[issuer]}/api/session-tokens"
            asked = await http.post(issued, json={"origin": HOTEL}, headers=HOLDER)
            page = {"Authorization": f"Bearer {(await asked.json())['token']}", "Origin": HOTEL}
            for url in urls:
                assert (await http.get(f"{url}/api/webrtc/config", headers=page)).status == 200
                wrong = await http.post(f"{url}/api/webrtc/offer", headers=page, json={"sdp": 1})
                assert wrong.status == 400
                evil = {**page, "Origin": EVIL}
                refused = await http.post(f"{url}/api/stream/session", headers=evil)
                assert refused.status == 403
            begun = await http.post(f"{urls[1]}/api/stream/session", headers=page)
            assert begun.status == 200 and begun.headers.getall("Vary") == ["Origin"]
            for url in urls:
                again = await http.post(f"{url}/api/stream/session", headers=page)
                assert again.status == 401
            # The session itself asks for its own secrets only.
            session_id = (await begun.json())["session_id"]
            for url in urls:
                form = await http.get(f"{url}/api/sessions/{session_id}/card-form", headers=page)
                assert form.status == 200
            # A used token does not keep a page from coming back: the resume token is asked for.
            resumed = {"sdp": "v=0", "type": "offer", "session": {"resume_token": "none"}}
            for url in urls:
                back = await http.post(
                    f"{url}/api/sessions/{session_id}/offer", json=resumed, headers=page
                )
                assert (back.status, (await back.json())["error_code"]) == (404, "INVALID_SESSION")
            closed = await http.post(f"{urls[0]}/api/sessions/{session_id}/close", headers=page)
            assert closed.status == 204


async def test_sessions_of_one_worker_s_tokens_go_where_there_is_most_room() -> None:
    """All of them went to the worker that had given the tokens, however busy it was."""
    async with house(*TOKEN, *NAMES) as two, aiohttp.ClientSession() as http:
        first, second = (worker.url for worker in two.workers)
        begun_by = []
        for url in (second, second, second, first):
            issued = f"{first}/api/session-tokens"
            asked = await http.post(issued, json={"origin": HOTEL}, headers=HOLDER)
            page = {"Authorization": f"Bearer {(await asked.json())['token']}", "Origin": HOTEL}
            begun = await http.post(f"{url}/api/stream/session", headers=page)
            assert begun.status == 200
            begun_by.append((await begun.json())["session_id"].split(".")[0])
            again = await http.post(f"{url}/api/stream/session", headers=page)
            assert again.status == 401
        assert sorted(begun_by) == ["0", "0", "1", "1"]


def test_session_tokens_expire() -> None:
    now_s = [0.0]
    tokens = SessionTokens(10, clock=lambda: now_s[0])
    first = tokens.issue(HOTEL)
    now_s[0] = 10.0
    with pytest.raises(Unauthorized):
        tokens.redeem(first, HOTEL, SessionUse.SPEND)
    second = tokens.issue(HOTEL)
    with pytest.raises(Forbidden):
        tokens.redeem(second, EVIL, SessionUse.PEEK)
    principal = tokens.redeem(second, HOTEL, SessionUse.SPEND)
    assert second not in principal.name


@pytest.mark.parametrize("origin", ["http://hotel.example", "https://a/b", "*", "null", 5])
async def test_a_session_token_wants_an_origin(serve: Serve, origin: Any) -> None:
    server = await serve()
    async with aiohttp.ClientSession() as http:
        asked = await http.post(f"{server.url}/api/session-tokens", json={"origin": origin})
        assert (asked.status, (await asked.json())["field"]) == (400, "origin")


async def test_pages_of_allowed_origins_may_ask_and_no_others(serve: Serve) -> None:
    server = await serve(None, *TOKEN, *NAMES)
    async with aiohttp.ClientSession() as http:
        url = f"{server.url}/api/stream/session"
        wanted = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        before = await http.options(url, headers={**wanted, "Origin": HOTEL})
        assert before.status == 204
        assert before.headers["Access-Control-Allow-Origin"] == HOTEL
        assert "Authorization" in before.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in before.headers
        other = await http.options(url, headers={**wanted, "Origin": EVIL})
        assert other.status == 405 and "Access-Control-Allow-Origin" not in other.headers
        asked = await http.post(url, headers={**HOLDER, "Origin": HOTEL})
        assert asked.status == 200 and asked.headers["Vary"] == "Origin"
        assert asked.headers["Access-Control-Allow-Origin"] == HOTEL
        asked = await http.post(url, headers={**HOLDER, "Origin": EVIL})
        assert asked.status == 403 and "Access-Control-Allow-Origin" not in asked.headers
        # A refusal can be read by the page that was refused.
        asked = await http.post(url, headers={"Origin": HOTEL})
        assert asked.status == 401 and asked.headers["Access-Control-Allow-Origin"] == HOTEL


@pytest.mark.parametrize("given", [[], ["--page.frame-ancestors", HOTEL]])
async def test_who_may_frame_the_page(serve: Serve, given: list[str]) -> None:
    server = await serve(None, *given)
    async with aiohttp.ClientSession() as http:
        page = await http.get(server.url)
        (rule,) = (
            part.strip()
            for part in page.headers["Content-Security-Policy"].split(";")
            if "frame-ancestors" in part
        )
        assert rule == " ".join(["frame-ancestors 'self'", *given[1:]])


async def test_quotas_are_told_and_kept(serve: Serve) -> None:
    server = await serve(None, "--access.openings-per-min", "2")
    async with aiohttp.ClientSession() as http:
        url = f"{server.url}/api/stream/session"
        lefts = []
        for _ in range(2):
            async with http.post(url) as answer:
                assert answer.headers["RateLimit-Policy"] == '"openings";q=2;w=60'
                lefts.append(answer.headers["RateLimit"])
        assert lefts == ['"openings";r=1;t=30', '"openings";r=0;t=60']
        async with http.post(url) as answer:
            assert (answer.status, (await answer.json())["error_code"]) == (429, "RATE_LIMITED")
            assert 28 <= int(answer.headers["Retry-After"]) <= 30
        assert (await http.get(f"{server.url}/health")).status == 200


async def test_whatever_begins_a_session_is_counted_once_and_together(serve: Serve) -> None:
    server = await serve(None, "--access.openings-per-min", "4")
    async with aiohttp.ClientSession(server.url) as http:
        # A WebSocket counts by the sessions that are begun on it, not by its connection.
        async with http.ws_connect("/api/stream/ws") as socket:
            pass
        for _ in range(2):
            async with http.ws_connect("/api/stream/ws") as socket:
                await socket.send_json({"action": "init"})
                assert (await socket.receive_json(timeout=10))["action"] == "init_ok"
        async with http.post("/api/stream/session") as answer:
            assert answer.headers["RateLimit"].startswith('"openings";r=1;')
        offer = {"sdp": "junk", "type": "offer"}
        async with http.post("/api/webrtc/offer", json=offer) as answer:
            assert answer.status == 422 and answer.headers["RateLimit"].startswith(
                '"openings";r=0;'
            )
        for path, body in (("/api/webrtc/offer", offer), ("/api/stream/session", None)):
            async with http.post(path, json=body) as answer:
                assert answer.status == 429 and int(answer.headers["Retry-After"]) > 0
        async with http.ws_connect("/api/stream/ws") as socket:
            await socket.send_json({"action": "init"})
            assert (await socket.receive_json(timeout=10))["error_code"] == "RATE_LIMITED"


async def test_guessing_is_slowed_down_even_with_the_right_token(serve: Serve) -> None:
    server = await serve(None, *TOKEN, "--access.failures-per-min", "3")
    async with aiohttp.ClientSession() as http:
        told = []
        for attempt in range(6):
            given = HOLDER if attempt == 5 else {"Authorization": f"Bearer guess{attempt}"}
            async with http.get(f"{server.url}/metrics", headers=given) as answer:
                told.append(answer.status)
        assert told == [401, 401, 401, 429, 429, 429]
        # Whoever needs no token is served all the same.
        assert (await http.get(f"{server.url}/health")).status == 200


def test_quotas_by_principal_and_address_and_their_bounds() -> None:
    now_s = [1000.0]
    limits = Limits(AccessSettings(requests_per_min=2), clock=lambda: now_s[0])
    someone, other = Principal("key:a"), Principal("key:b")
    assert limits.take(Rate.REQUESTS, someone, "192.0.2.1").left == 1
    assert limits.take(Rate.REQUESTS, someone, "192.0.2.2").left == 0
    with pytest.raises(RateLimited) as refused:
        limits.take(Rate.REQUESTS, someone, "192.0.2.3")
    assert refused.value.retry_after_s == 30
    assert limits.take(Rate.REQUESTS, other, "192.0.2.4").left == 1
    # One principal whom everybody is has no quota beside the address's.
    for number in range(10):
        limits.take(Rate.REQUESTS, ANONYMOUS, f"198.51.100.{number}")
    now_s[0] += 31
    assert limits.take(Rate.REQUESTS, someone, "192.0.2.5").left == 0
    for number in range(20_000):
        limits.take(Rate.FRAMES, ANONYMOUS, str(number))
    assert len(limits._whole_at_s) <= 8192


def test_an_address_is_forgotten_once_its_quota_is_whole_again() -> None:
    now_s = [1000.0]
    limits = Limits(AccessSettings(failures_per_min=2), clock=lambda: now_s[0])
    limits.take(Rate.REQUESTS, ANONYMOUS, "192.0.2.1")
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        limits.fail(address)
    now_s[0] += 31
    limits.sweep()
    assert [name for _, name in limits._whole_at_s] == ["192.0.2.1"]
    limits.check_failures("192.0.2.1")
    limits.fail("192.0.2.1")
    with pytest.raises(RateLimited):
        limits.check_failures("192.0.2.1")
    now_s[0] += 60
    limits.sweep()
    assert not limits._whole_at_s


async def test_a_server_forgets_addresses_by_itself(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = asyncio.Event()
    monkeypatch.setattr("signaling.access.limits._WINDOW_S", 0.01)
    monkeypatch.setattr(Limits, "sweep", lambda limits: swept.set())
    await serve()
    await asyncio.wait_for(swept.wait(), 5)
    assert network("2001:db8::1") == network("2001:db8::2") != network("2001:db8:0:1::1")


async def test_the_audit_log_tells_who_did_what_and_never_the_data(
    serve: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "audit.jsonl"
    told = ["--access.audit", "file", "--access.audit-file", str(path)]
    server = await serve(None, *TOKEN, *told)
    async with aiohttp.ClientSession() as http:
        url = server.url.rstrip("/")
        await http.get(f"{url}/metrics", headers={"Authorization": "Bearer wr0ng"})
        begun = await (await http.post(f"{url}/api/stream/session", headers=HOLDER)).json()
        body = {"guest_data": {"surname": "ERIKSEN"}}
        card = await http.post(f"{url}/api/mrz/update", json=body, headers=HOLDER)
        address = (await card.json())["filled_document"]
        await http.get(url + address)
        await http.delete(f"{url}/api/stream/session/{begun['session_id']}")
    lines: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while len(lines) < 6:
            await asyncio.sleep(0.02)
            text = await asyncio.to_thread(read, path)
            lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["who"], line["audit"]) for line in lines] == [
        ("nobody", "refused"),
        ("token", "session.open"),
        ("api", "document.confirmed"),
        ("token", "document.confirm"),
        ("nobody", "card.read"),
        ("nobody", "session.close"),
    ]
    assert all(line["at"] > 1.7e9 for line in lines)
    for secret in ("ERIKS", "wr0ng", "t0ken", "127.0.0.1", begun["session_id"], address[-20:]):
        assert secret not in text
    assert await asyncio.to_thread(lambda: path.stat().st_mode & 0o777) == 0o600


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def test_lines_wait_for_a_disk_that_is_full(tmp_path: Path) -> None:
    folder = tmp_path / "not-yet"
    audit = Audit(AccessSettings(audit="file", audit_file=folder / "audit.jsonl"))
    audit.note("token", "session.open")
    await audit.close()
    await asyncio.to_thread(folder.mkdir)
    audit.note("token", "session.close")
    await audit.close()
    text = await asyncio.to_thread(read, folder / "audit.jsonl")
    assert [json.loads(line)["audit"] for line in text.splitlines()] == [
        "session.open",
        "session.close",
    ]
