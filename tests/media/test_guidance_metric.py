"""How long guests were held by each piece of guidance is counted."""

from __future__ import annotations

import asyncio
import re

import aiohttp

from examples.client import CaptureClient
from tests.conftest import Serve
from tests.peer import DrawnTrack


async def test_time_under_guidance_is_on_the_metrics_page(serve: Serve) -> None:
    server = await serve()
    async with aiohttp.ClientSession() as http:
        client = CaptureClient(server.url, DrawnTrack())
        await client.open()
        assert (await client.wait_for("ready"))["sides"] == 1
        client.send({"type": "configure", "sides": 2})
        said = await client.wait_for("guidance")
        client.send({"type": "close"})
        async with asyncio.timeout(10):
            while True:
                page = await (await http.get(f"{server.url}/metrics")).text()
                code = re.escape(said["code"])
                held = re.search(rf'guidance_seconds_sum{{code="{code}"}} (\S+)', page)
                if held:
                    break
                await asyncio.sleep(0.05)
        await client.close()
    assert float(held[1]) > 0
    # And how soon it was said after its frame: the figure that is meant to be 250 ms at most.
    latency = dict(re.findall(r"guidance_latency_seconds_(count|sum) (\S+)", page))
    assert float(latency["count"]) >= 1
    assert 0 < float(latency["sum"]) < 10 * float(latency["count"])
    assert re.search(r'guidance_latency_seconds_bucket{le="0.25"}', page)
    assert "d1" not in page
