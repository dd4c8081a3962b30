"""Streams beside several workers: a body that names another's session goes on to it."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from signaling.shards import Shard
from tests.conftest import RunningServer
from tests.signaling.house import House, house
from tests.signaling.pictures import base64_of, grey

Http = aiohttp.ClientSession


@pytest.fixture
async def two() -> AsyncIterator[House]:
    async with house() as workers:
        yield workers


async def begin(http: Http, two: House) -> tuple[str, RunningServer, RunningServer]:
    """A session, who owns it, and who does not."""
    async with http.post(f"{two.workers[0].url}/api/stream/session") as answer:
        assert answer.status == 200
        session_id = str((await answer.json())["session_id"])
    return session_id, *two.owner(session_id)


async def post(http: Http, url: str, **how: Any) -> tuple[int, Any]:
    async with http.post(url, **how) as answer:
        return answer.status, await answer.json()


async def test_streams_begin_where_there_is_most_room(two: House) -> None:
    async with Http() as http:
        owners = [(await begin(http, two))[1] for _ in range(2)]
        assert owners[0] is not owners[1]
        async with http.get(f"{two.workers[0].url}/api/status") as answer:
            assert (await answer.json())["sessions"]["active"] == 2


async def test_a_stream_by_http_works_through_either_worker(two: House) -> None:
    async with Http() as http:
        own, owner, other = await begin(http, two)
        stream, named = f"{other.url}/api/stream", {"session_id": own}
        picture = grey()
        shown = {**named, "image": base64_of(picture)}
        status, seen = await post(http, f"{stream}/frame", json=shown)
        assert (status, seen["session_id"], seen["frame"]) == (200, own, 0)
        packed = gzip.compress(json.dumps(shown).encode())
        said = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        status, seen = await post(http, f"{stream}/frame", data=packed, headers=said)
        assert (status, seen["frame"]) == (200, 1)
        jpeg = {"Content-Type": "image/jpeg"}
        bare = await post(http, f"{stream}/frame", params=named, data=picture, headers=jpeg)
        assert (bare[0], bare[1]["frame"]) == (200, 2)
        form = aiohttp.FormData(named)
        form.add_field("fps", "5")
        for _ in range(2):
            form.add_field("frames", picture, filename="a.jpg", content_type="image/jpeg")
        status, told = await post(http, f"{stream}/video/frames", data=form)
        assert (status, told["frames_processed"]) == (200, 2)
        status, told = await post(http, f"{stream}/capture", json=named)
        assert status == 200 and told["data"]["surname"] == "ERIKSSON", told
        assert other.metric("lobbylens_requests_passed_on_total") >= 5
        assert owner.metric("lobbylens_requests_passed_on_total") <= 1, "only to begin"


async def test_cards_are_made_and_fetched_through_either_worker(two: House) -> None:
    async with Http() as http:
        own, owner, other = await begin(http, two)
        named = {"session_id": own}
        shown = {**named, "image": base64_of(grey())}
        assert (await post(http, f"{owner.url}/api/stream/frame", json=shown))[0] == 200
        assert (await post(http, f"{owner.url}/api/stream/capture", json=named))[0] == 200
        reviewed = {**named, "guest_data": json.dumps({"surname": "ERIKSSON"})}
        form = aiohttp.FormData(reviewed, default_to_multipart=True)
        status, told = await post(http, f"{other.url}/api/mrz/update", data=form)
        assert (status, told["is_edited"]) == (200, False)
        preview = {**named, "guest_data": {"surname": "ERIKSEN"}}
        async with http.post(f"{other.url}/api/document/preview", json=preview) as answer:
            assert answer.status == 200 and 'class="edited"' in await answer.text()
        for worker in two.workers:
            async with http.get(worker.url + told["filled_document"]) as answer:
                assert (await answer.read()).startswith(b"%PDF")
        async with http.delete(f"{other.url}/api/stream/session/{own}") as answer:
            assert answer.status == 200
        # What is remembered of a closed session is with its worker too.
        body = {**named, "guest_data": {"surname": "ERIKSSON"}}
        status, told = await post(http, f"{other.url}/api/mrz/update", json=body)
        assert (status, told["original"]) == (200, None)


async def test_nothing_goes_on_to_nobody(two: House) -> None:
    async with Http() as http:
        for shard, word in ((Shard("", 1), "session"), (Shard("east", 1), "balancer")):
            body = {"session_id": shard.new_secret()}
            url = f"{two.workers[0].url}/api/stream/capture"
            status, told = await post(http, url, json=body)
            assert (status, told["error_code"]) == (404, "INVALID_SESSION")
            assert word in told["error"]
    assert two.workers[1].metric("lobbylens_requests_passed_on_total") == 0
