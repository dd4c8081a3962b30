"""``make demo`` as a new user runs it, and what it says where it cannot go on."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from examples.client import CaptureClient
from examples.demo import CARD, in_time

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
    )
    assert ran.returncode == 0, ran.stderr[-800:]
    kinds = [json.loads(line)["type"] for line in ran.stdout.splitlines()]
    assert kinds[0] == "ready" and kinds[-1] == "confirmed"
    assert "card: out/registration-card.pdf" in ran.stderr
    assert CARD.read_bytes().startswith(b"%PDF-")
