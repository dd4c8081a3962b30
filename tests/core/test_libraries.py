"""What libraries would say of requests, and keep of what they said."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import aiohttp
import pytest

from core.log import _QUIET, setup_logging
from tests.conftest import Serve

TOKEN = "st_0.of_this_one_guest"


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """Standard error, to which everything is logged as a server does."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    setup_logging("debug", "text")
    yield capsys
    root.handlers[:], root.level = handlers, level
    for name in ("aiohttp", *_QUIET):
        logging.getLogger(name).setLevel(logging.NOTSET)


async def test_sub_protocols_of_websockets_are_not_logged(
    serve: Serve, log: pytest.CaptureFixture[str]
) -> None:
    """Browsers' scripts set no header, and send their token as one."""
    server = await serve()
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{server.url}/api/stream/ws", protocols=["bearer", TOKEN]) as socket,
    ):
        await socket.send_json({"action": "init"})
        assert (await socket.receive_json())["success"] is True
    told = log.readouterr().err
    assert "session opened" in told
    assert TOKEN not in told and "127.0.0.1" not in told
