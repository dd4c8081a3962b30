"""Addresses, in which ids stand that open sessions, are gone with their requests."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Any

import aiohttp
import pytest
from yarl import URL

from signaling.addresses import keep_no_addresses
from tests.conftest import Serve

SECRET = "0.of_this_one_guest"


def caches() -> list[Any]:
    return [
        thing
        for name in ("yarl._url", "yarl._parse")
        for thing in vars(import_module(name)).values()
        if hasattr(thing, "cache_clear")
    ]


@pytest.fixture(autouse=True)
def as_they_came(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """yarl's caches, the whole process's, which has them again afterwards."""
    for name in ("yarl._url", "yarl._parse"):
        module = import_module(name)
        for each, thing in list(vars(module).items()):
            if hasattr(thing, "cache_clear"):
                monkeypatch.setattr(module, each, thing)
    return caches()


def hold(caches: list[Any], secret: str) -> bool:
    """Whether it stands in anything that is not further than some steps from them."""
    found = list(caches)
    for _ in range(4):
        found = [each for each in gc.get_referents(*found) if not isinstance(each, type)]
        if any(secret in each for each in found if isinstance(each, str)):
            return True
        found = [each for each in found if isinstance(each, dict | tuple | list | URL)]
    return False


async def test_no_address_of_a_request_is_kept(
    serve: Serve, as_they_came: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve()
    address = f"{server.url}/api/sessions/{SECRET}?session_id={SECRET}"
    async with aiohttp.ClientSession() as http:
        assert (await http.delete(address)).status == 404
        kept_before = hold(as_they_came, SECRET)
        keep_no_addresses()
        assert (await http.delete(address)).status == 404
        kept_after = hold(as_they_came, SECRET) or hold(caches(), SECRET)
    # The first shows that these caches are what is to be looked at.
    assert (kept_before, kept_after) == (True, False)
    assert "yarl" not in caplog.text


def test_another_yarl_is_left_as_it_is_and_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("signaling.addresses._MODULES", ("yarl.no_such_part",))
    before = caches()
    for _ in range(2):
        keep_no_addresses()
    assert caches() == before
    (told,) = caplog.records
    assert "yarl has changed" in told.getMessage()
