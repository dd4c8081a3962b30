"""What libraries would say of requests, and keep of what they said."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import aiohttp
import pytest
from aiohttp import multipart

from core.log import _QUIET, setup_logging
from tests.conftest import Serve

TOKEN = "st_0.of_this_one_guest"
GUEST = "ERIKSSON"


@contextmanager
def standard_error() -> Iterator[io.StringIO]:
    """What a server would write there."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        with redirect_stderr(io.StringIO()) as told, warnings.catch_warnings():
            warnings.resetwarnings()
            setup_logging("debug", "text")
            yield told
    finally:
        root.handlers[:], root.level = handlers, level
        for name in ("aiohttp", *_QUIET):
            logging.getLogger(name).setLevel(logging.NOTSET)


async def test_sub_protocols_of_websockets_are_not_logged(serve: Serve) -> None:
    """Browsers' scripts set no header, and send their token as one."""
    server = await serve(None, "--access.audit", "off")
    with standard_error() as told:
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{server.url}/api/stream/ws", protocols=["bearer", TOKEN]) as socket,
        ):
            await socket.send_json({"action": "init"})
            assert (await socket.receive_json())["success"] is True
    assert " session opened " in told.getvalue()
    assert TOKEN not in told.getvalue() and "127.0.0.1" not in told.getvalue()


@pytest.mark.parametrize(
    "disposition",
    [
        f'form-data; name="image"; filename="{GUEST}; Anna; passport.png"',
        f"form-data; name=image; filename=passport {GUEST}.png",
        f"form-data; name*=utf-8'{GUEST}",
    ],
)
async def test_names_of_files_are_neither_logged_nor_kept(serve: Serve, disposition: str) -> None:
    server = await serve(None, "--access.audit", "off")
    head = {"Content-Type": "multipart/form-data; boundary=BB"}
    body = f"--BB\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--BB--\r\n"
    with standard_error() as told:
        async with aiohttp.ClientSession() as http:
            for _ in range(2):
                answer = await http.post(f"{server.url}/api/detect", data=body, headers=head)
                assert answer.status < 500
    assert GUEST not in told.getvalue() and "form-data" not in told.getvalue()
    assert told.getvalue().count("x warning category=BadContentDisposition") == 1
    assert " at=multipart.py:" in told.getvalue()
    assert GUEST not in str(vars(multipart).get("__warningregistry__"))
