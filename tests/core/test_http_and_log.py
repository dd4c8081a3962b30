"""Error bodies, headers and logs: nothing of a guest in any of them."""

from __future__ import annotations

import json
import logging

import aiohttp
import pytest
from pydantic import SecretStr

from core import errors
from core.auth import AccessSettings
from core.errors import LobbyLensError, Overloaded, Unauthorized
from core.http import error_response
from core.log import JsonFormatter, Log, TextFormatter, session_label
from signaling.access.credentials import Credentials
from signaling.access.session_tokens import SessionTokens
from tests.conftest import Serve

GUEST = "ERIKSSON ANNA MARIA"


def every_error() -> list[type[LobbyLensError]]:
    found = [LobbyLensError]
    for kind in found:
        found += kind.__subclasses__()
    return found


def test_the_tree_is_drawn_whole_and_codes_are_unique() -> None:
    kinds = every_error()
    codes = [kind.code for kind in kinds if "code" in vars(kind)]
    assert len(codes) == len(set(codes)) == len(kinds)
    for kind in kinds:
        assert kind.__name__ in (errors.__doc__ or "")
        assert 400 <= kind.status < 600 and kind.category


def test_an_error_body_has_the_contract_s_keys() -> None:
    response = error_response(Overloaded("full", retry_after_s=7), "r1")
    assert response.status == 503 and response.headers["Retry-After"] == "7"
    assert json.loads(response.text or "") == {
        "success": False,
        "error": "full",
        "error_code": "OVERLOADED",
        "request_id": "r1",
    }


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", "Basic s3cret", "s3cret"])
async def test_wrong_tokens(given: str | None) -> None:
    def door(token: SecretStr | None) -> Credentials:
        return Credentials(AccessSettings(), token, SessionTokens(60))

    guarded = door(SecretStr("s3cret"))
    with pytest.raises(Unauthorized):
        await guarded.principal(given)
    assert (await guarded.principal("bearer s3cret")).name == "token"
    assert (await door(None).principal(given)).name == "anonymous"


async def test_headers_of_every_answer(serve: Serve) -> None:
    server = await serve()
    async with aiohttp.ClientSession() as http:
        for path in ("/", "/health", "/nothing-here", "/static/index.html"):
            answer = await http.get(f"{server.url}{path}")
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy and "unsafe-inline" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert (await http.get(f"{server.url}/nothing-here")).status == 404
        body = await (await http.get(f"{server.url}/nothing-here")).json()
        assert body["error_code"] == "NOT_FOUND"
        health = await (await http.get(f"{server.url}/health")).json()
        assert health["status"] == "ok" and health["sessions"] == 0
        metrics = await (await http.get(f"{server.url}/metrics")).text()
        assert "lobbylens_sessions 0.0" in metrics and "process_resident_memory" in metrics


def test_a_crash_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    try:
        raise ValueError(GUEST)
    except ValueError as error:
        Log("test").crash("it failed", error, step=3)
    (record,) = caplog.records
    session_label.set("ab12")
    text, line = TextFormatter().format(record), JsonFormatter().format(record)
    assert GUEST not in text and GUEST not in line
    assert "session=ab12" in text and "error=ValueError" in text
    assert json.loads(line)["at"].startswith("test_http_and_log.py:")
