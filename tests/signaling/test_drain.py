"""The end of a server, as whoever comes meanwhile meets it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from typing import Any

import aiohttp
import pytest

from core.settings import load_settings
from examples.client import CaptureClient
from server import make_app, serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack
from tests.signaling.test_bad_offers import offer_of


async def test_offers_meet_a_draining_server_and_captures_are_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = await asyncio.to_thread(load_settings, ["--port", "0"])
    app = await asyncio.to_thread(make_app, settings, FakeEngine(capture_at=4, read_s=2))
    serving = asyncio.create_task(serve(settings, app, None, None))
    told = ""
    async with asyncio.timeout(10):
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", told)):
            await asyncio.sleep(0.05)
            told += capsys.readouterr().out
    client = CaptureClient(found[0], DrawnTrack())
    await client.open()
    await client.wait_for("capture")
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.3)

    sessions: tuple[dict[str, Any], ...] = ({}, {"resume_token": client.resume_token})
    for session in sessions:
        body = {"sdp": await offer_of("video"), "type": "offer", "session": session}
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{found[0]}/api/webrtc/offer", json=body) as answer,
        ):
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
            assert (await answer.json())["error_code"] == "OVERLOADED"
    async with aiohttp.ClientSession() as http, http.get(f"{found[0]}/health") as answer:
        assert not (await answer.json())["accepting"]
    assert (await client.wait_for("result"))["status"] == "complete"
    async with asyncio.timeout(10):
        await serving
    await client.close()
