"""Two machines behind one nginx, configured as docs/deployment.md says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiortc import RTCSessionDescription
from yarl import URL

from core.http import METRICS, SERVER_OPTIONS, client_address, public
from core.settings import load_settings
from examples.client import CaptureClient, Refused
from server import make_app
from signaling.keys import REGISTRY
from tests.conftest import RunningServer
from tests.fakes import FakeEngine
from tests.live.nginx import nginx
from tests.peer import DrawnTrack
from tests.signaling.pictures import base64_of, grey
from tests.signaling.test_bad_offers import offer_of
from tests.signaling.test_whip import FRAGMENT, SDP, candidates_of

NAMES = ("east", "west")
JPEG = {"Content-Type": "image/jpeg"}


@dataclass
class Hotel:
    """``url`` is nginx's; ``more`` lets a long answer go on."""

    url: str
    machines: dict[str, RunningServer]
    more: asyncio.Event

    async def guest(self, **session: Any) -> CaptureClient:
        client = CaptureClient(self.url, DrawnTrack(), insecure=True)
        await client.open(**session)
        return client


def http(**options: Any) -> aiohttp.ClientSession:
    """A client that comes from another address than nginx, and minds no certificate."""
    connector = aiohttp.TCPConnector(ssl=False, local_addr=("127.0.0.2", 0))
    return aiohttp.ClientSession(connector=connector, **options)


def logs(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("*.log"))


def _add_long_answer(app: web.Application, more: asyncio.Event) -> None:
    @public
    async def long_answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(client_address(request).encode())
        await more.wait()
        await response.write(b" and more")
        return response

    app.router.add_get("/api/sessions/{session_id}/long", long_answer)


@pytest.fixture
async def hotel(tmp_path: Path) -> AsyncIterator[Hotel]:
    more = asyncio.Event()

    def build(name: str) -> web.Application:
        arguments = ["--signaling.machine", name, "--signaling.max-sessions", "2"]
        arguments += ["--signaling.trusted-proxies", "127.0.0.1"]
        return make_app(load_settings(arguments), FakeEngine(capture_at=4))

    machines, runners, places = {}, [], {}
    for name, documented in zip(NAMES, ("192.0.2.11:8080", "192.0.2.12:8080"), strict=True):
        app = await asyncio.to_thread(build, name)
        _add_long_answer(app, more)
        runners.append(web.AppRunner(app, access_log=None, **SERVER_OPTIONS))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0).start()
        places[documented] = "{}:{}".format(*runners[-1].addresses[0])
        machines[name] = RunningServer(f"http://{places[documented]}", app[REGISTRY], app[METRICS])
    try:
        async with nginx(tmp_path, places) as url:
            yield Hotel(url, machines, more)
    finally:
        for runner in runners:
            await runner.cleanup()


async def test_sessions_find_their_machine_by_their_address(hotel: Hotel, tmp_path: Path) -> None:
    guests = [await hotel.guest() for _ in range(4)]
    assert [len(machine.registry) for machine in hotel.machines.values()] == [2, 2]
    # Whichever machine is asked first: both are full, and nginx has asked both.
    refused = CaptureClient(hotel.url, DrawnTrack(), insecure=True)
    with pytest.raises(Refused, match="503 OVERLOADED"):
        await refused.open()
    await refused.close()
    for guest in guests:
        result = await guest.wait_for("result")
        session = f"{hotel.url}/api/sessions/{guest.session_id}"
        document = f"{session}/documents/{result['document_id']}"
        async with http() as client:
            still = b"\xff\xd8" * 400_000
            answer = await client.post(f"{session}/still", data=still, headers=JPEG)
            assert await answer.json() == {"taken": False}
            confirmed = await client.post(f"{document}/confirm", json={"fields": {"room": "1"}})
            assert confirmed.status == 200
            card = await client.get(f"{document}/card.pdf")
            assert card.content_type == "application/pdf"
            assert card.headers["Strict-Transport-Security"]
        await guest.close()
        # The door for everybody may reach either machine; the session's own always the right one.
        token = guest.resume_token
        back = await hotel.guest(resumed=guest.session_id, resume_token=token)
        assert back.session_id == guest.session_id
        await back.wait_for("overlay")
        async with http() as client:
            assert (await client.get(f"{document}/card.pdf")).status == 200
            assert (await client.delete(session)).status == 204
            assert (await client.delete(session)).status == 404
        await back.close()
    written = await asyncio.to_thread(logs, tmp_path)
    assert "/api/webrtc/offer" in written
    assert not any(guest.session_id in written for guest in guests)


async def test_a_session_token_finds_the_machine_that_gave_it(hotel: Hotel) -> None:
    origin = "https://hotel.example"
    given = set()
    for _ in range(4):
        async with http() as client:
            asked = await client.post(f"{hotel.url}/api/session-tokens", json={"origin": origin})
            token = (await asked.json())["token"]
            own = token.removeprefix("st_").partition(".")[0]
            given.add(own)
            headers = {"Origin": origin, "Authorization": f"Bearer {token}"}
            told = await client.get(f"{hotel.url}/api/webrtc/config", headers=headers)
            assert told.status == 200
            body = {"sdp": await offer_of("video"), "type": "offer"}
            door = f"{hotel.url}/api/webrtc/offer"
            begun = await client.post(door, json=body, headers=headers)
            session = (await begun.json())["session_id"]
            assert session.startswith(f"{own}.")
            assert (await client.post(door, json=body, headers=headers)).status == 401
            assert (await client.delete(f"{hotel.url}/api/sessions/{session}")).status == 204
    assert given == set(NAMES)


async def test_a_publisher_behind_nginx(hotel: Hotel) -> None:
    for _ in range(2):
        client = CaptureClient(hotel.url, DrawnTrack(), insecure=True)
        bare, fragment = candidates_of(await client.offer())
        async with http() as session:
            answer = await session.post(f"{hotel.url}/whip", data=bare, headers=SDP)
            assert answer.status == 201
            place = hotel.url + answer.headers["Location"]
            described = RTCSessionDescription(await answer.text(), "answer")
            await client.pc.setRemoteDescription(described)
            patched = await session.patch(place, data=fragment, headers=FRAGMENT)
            assert patched.status == 204
            await client.wait_for("overlay")
            assert (await session.delete(place)).status == 200
        await client.close()


async def test_programs_that_stream_pictures_stay_with_their_machine(
    hotel: Hotel, tmp_path: Path
) -> None:
    """Their session is named in the body, which nginx does not look into."""
    picture = base64_of(grey())
    async with http() as client:
        for _ in range(4):
            begun = await client.post(f"{hotel.url}/api/stream/session")
            own = (await begun.json())["session_id"]
            for _ in range(3):
                body = {"session_id": own, "image": picture}
                seen = await client.post(f"{hotel.url}/api/stream/frame", json=body)
                assert seen.status == 200 and (await seen.json())["detected"] is True
            taken = await client.post(f"{hotel.url}/api/stream/capture", json={"session_id": own})
            assert (await taken.json())["success"] is True
            place = f"{hotel.url}/api/stream/session/{own}"
            assert (await client.delete(place)).status == 200
            assert (await client.delete(place)).status == 404
    used = [name for name in NAMES if own.startswith(f"{name}.")]
    assert len(used) == 1
    written = await asyncio.to_thread(logs, tmp_path)
    assert "/api/stream/frame" in written and own not in written


@pytest.mark.parametrize("path", ["frame", "video", "video/frames", "capture"])
async def test_sessions_in_queries_are_not_logged(hotel: Hotel, tmp_path: Path, path: str) -> None:
    """A bare file's session stands there."""
    async with http() as client:
        begun = await client.post(f"{hotel.url}/api/stream/session")
        own = (await begun.json())["session_id"]
        for name in ("session_id", "session%5Fid"):
            door = URL(f"{hotel.url}/api/stream/{path}?{name}={own}", encoded=True)
            answer = await client.post(door, data=grey(), headers=JPEG)
            assert answer.status != 404
    written = await asyncio.to_thread(logs, tmp_path)
    assert "/api/stream/session" in written and own not in written


@pytest.mark.parametrize("name", NAMES)
async def test_a_card_is_fetched_from_the_machine_that_made_it(
    hotel: Hotel, name: str, tmp_path: Path
) -> None:
    """By whom nginx would send elsewhere: its address names the machine."""
    machine = hotel.machines[name]
    async with http() as client:
        typed = {"guest_data": {"surname": "ERIKSSON", "given_names": "ANNA MARIA"}}
        made = await client.post(f"{machine.url}/api/mrz/update", json=typed)
        link = (await made.json())["filled_document"]
        assert link.startswith(f"/api/document/pdf/{name}.")
        card = await client.get(hotel.url + link)
        assert (card.status, card.content_type) == (200, "application/pdf")
    assert link.rsplit("/", 1)[1] not in await asyncio.to_thread(logs, tmp_path)


async def test_the_front_desk_is_always_told_of_the_same_machine(hotel: Hotel) -> None:
    guests = [await hotel.guest() for _ in range(4)]
    assert [len(machine.registry) for machine in hotel.machines.values()] == [2, 2]
    lists = []
    async with http() as client:
        for _ in range(6):
            told = await client.get(f"{hotel.url}/api/staff/sessions")
            lists.append([each["label"] for each in (await told.json())["sessions"]])
    assert len(lists[0]) == 2 and all(each == lists[0] for each in lists)
    for guest in guests:
        await guest.close()


async def test_a_stream_by_websocket_goes_through(hotel: Hotel) -> None:
    async with http() as client, client.ws_connect(f"{hotel.url}/api/stream/ws") as socket:
        await socket.send_json({"action": "init"})
        async with asyncio.timeout(10):
            told = await socket.receive_json()
        assert told["success"] is True and told["session_id"]


async def test_long_answers_come_as_they_are_made_and_proxies_tell_who_asks(hotel: Hotel) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9"}
    path = f"{hotel.url}/api/sessions/west.0.{'a' * 24}/long"
    async with http(headers=forged) as client, client.get(path) as answer:
        async with asyncio.timeout(10):
            # Nothing more is made before this has come.
            assert await answer.content.readany() == b"127.0.0.2"
            hotel.more.set()
            assert await answer.content.read() == b" and more"


async def test_bodies_that_are_too_long_end_at_nginx(hotel: Hotel) -> None:
    async with http() as client:
        answer = await client.post(f"{hotel.url}/whip", data="x" * 300_000, headers=SDP)
        assert answer.status == 413
    for machine in hotel.machines.values():
        seen = await asyncio.to_thread(machine.metric, "lobbylens_errors_total", code="TOO_LARGE")
        assert seen == 0
