"""``make demo`` as a new user runs it, and what it says where it cannot go on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from benchmarks import load, load_peers
from benchmarks.films import Shape, write_film
from benchmarks.surroundings import own_settings
from examples.client import CaptureClient
from examples.demo import CARD, in_time
from tests.conftest import Serve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_blocking_call() -> None:
    """Takes the place of the guard of that name: our loop runs in processes of their own here."""


class SilentServer:
    """Tells nothing; ``ends``: and closes the connection."""

    def __init__(self, ends: bool) -> None:
        self._ends = ends

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        yield {"type": "ready"}
        if not self._ends:
            await asyncio.Event().wait()


@pytest.mark.parametrize(("ends", "said"), [(True, "connection ended"), (False, "no card within")])
async def test_where_the_machine_is_too_busy_it_says_so(ends: bool, said: str) -> None:
    client = cast(CaptureClient, SilentServer(ends))
    with pytest.raises(SystemExit, match=f"{said}.*run this again when it is quieter"):
        await in_time(client, 0.2)


OPERATORS = {
    "LOBBYLENS_API_TOKEN": "s3cret",
    "LOBBYLENS_HOST": "0.0.0.0",
    "LOBBYLENS_WEBHOOKS__URLS": "http://127.0.0.1:9/hook",
    "LOBBYLENS_MEDIA__GIVE_BACK_MEMORY_S": "15",
}
"""What a shell has in which a real server is started."""


@pytest.fixture
def operators_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("LOBBYLENS_PORT=1\n")
    for name, value in OPERATORS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("operators_shell")
def test_what_is_measured_is_no_operator_s_server() -> None:
    settings = own_settings("--access.audit", "off")
    assert (settings.api_token, settings.host, settings.port) == (None, "127.0.0.1", 8080)
    assert settings.access.audit == "off" and not settings.webhooks.urls
    # A benchmark may be told other values of what it measures.
    assert settings.media.give_back_memory_s == 15
    assert os.environ["LOBBYLENS_API_TOKEN"] == "s3cret"


@pytest.mark.usefixtures("operators_shell")
async def test_benchmarks_are_let_in_by_the_servers_that_they_start() -> None:
    server = await load.start_server("blind", "")
    try:
        url = (await load.line_of(server)).split()[-1]
        async with aiohttp.ClientSession() as http, http.get(f"{url}metrics") as answer:
            assert answer.status == 200
    finally:
        await load.end(server)


async def test_a_benchmark_that_is_refused_says_why(serve: Serve, tmp_path: Path) -> None:
    server = await serve(None, "--api-token", "s3cret")
    film = tmp_path / "film"
    await asyncio.to_thread(write_film, film, Shape(320, 180, 12, 200), "VP8", "empty")
    with pytest.raises(SystemExit, match="the server refuses a session: 401 UNAUTHORIZED"):
        await load_peers.main(server.url, film, 1, 1.0, "VP8", 12)


@pytest.mark.timeout(300)
def test_it_prints_every_message_and_leaves_the_card() -> None:
    CARD.unlink(missing_ok=True)
    ran = subprocess.run(
        [sys.executable, "-m", "examples.demo"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=ROOT,
        env={**os.environ, **OPERATORS},
    )
    assert ran.returncode == 0, ran.stderr[-800:]
    kinds = [json.loads(line)["type"] for line in ran.stdout.splitlines()]
    assert kinds[0] == "ready" and kinds[-1] == "confirmed"
    assert "card: out/registration-card.pdf" in ran.stderr
    assert CARD.read_bytes().startswith(b"%PDF-")
