"""How many passwords may be tried from one address, one after another or all at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import aiohttp
import pytest

from core.auth import AccessSettings
from core.errors import RateLimited
from signaling.access import credentials
from signaling.access.credentials import hash_password
from signaling.access.limits import Limits
from tests.conftest import RunningServer, Serve

RIGHT = "s3cret-right"
USERS = [
    "--access.basic-users",
    f"clerk:reader:{hash_password(RIGHT)},pms:kiosk:{hash_password('x')}",
]


async def ask(http: aiohttp.ClientSession, server: RunningServer, name: str, password: str) -> int:
    given = {"Authorization": aiohttp.encode_basic_auth(name, password)}
    async with http.get(f"{server.url}/metrics", headers=given) as answer:
        return answer.status


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each password that was tried."""
    tried: list[str] = []
    fits: Callable[[str, str], bool] = credentials._fits

    def told(password: str, kept: str) -> bool:
        tried.append(password)
        return fits(password, kept)

    monkeypatch.setattr(credentials, "_fits", told)
    return tried


async def test_no_more_passwords_are_tried_at_once_than_one_after_another(
    serve: Serve, hashed: list[str]
) -> None:
    server = await serve(None, *USERS, "--access.failures-per-min", "3")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        guesses = [*(f"wrong{number}" for number in range(30)), RIGHT]
        told = await asyncio.gather(*(ask(http, server, "clerk", each) for each in guesses))
        assert told[-1] == 429
        assert Counter(told) == {401: 3, 429: 28} and len(hashed) == 3
        # An address that waits is not heard with the right one either.
        assert await ask(http, server, "clerk", RIGHT) == 429


async def test_who_knows_the_password_is_let_in_at_once_and_as_often_as_they_like(
    serve: Serve, hashed: list[str]
) -> None:
    # No more are tried side by side than two.
    server = await serve(None, *USERS, "--access.failures-per-min", "3")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        told = await asyncio.gather(*(ask(http, server, "clerk", RIGHT) for _ in range(20)))
        assert set(told) == {200} and 1 <= len(hashed) <= 2
        # Nothing of it is held against them.
        told = [await ask(http, server, "clerk", f"wrong{number}") for number in range(4)]
        assert told == [401, 401, 401, 429]


async def test_a_known_user_without_the_scope_counts_once(serve: Serve) -> None:
    server = await serve(None, *USERS, "--access.failures-per-min", "2")
    async with aiohttp.ClientSession() as http:
        told = [await ask(http, server, "pms", "x") for _ in range(3)]
    assert told == [403, 403, 429]


def test_what_is_forgiven_is_room_for_another() -> None:
    limits = Limits(AccessSettings(failures_per_min=2), clock=lambda: 1000.0)
    limits.forgive("192.0.2.1")
    for _ in range(5):
        limits.fail("192.0.2.1")
        limits.forgive("192.0.2.1")
    limits.fail("192.0.2.1")
    limits.check_failures("192.0.2.1")
    limits.fail("192.0.2.1")
    with pytest.raises(RateLimited):
        limits.check_failures("192.0.2.1")
