"""What the desk does with a form while the guest's connection is lost, and nobody knows it yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from benchmarks.soak import vanish
from examples.client import CaptureClient
from tests.conftest import RunningServer, Serve
from tests.fakes import FakeEngine
from tests.peer import DrawnTrack

FIELDS = {"primary_identifier": "ERIKSSON"}


class Guest:
    """A guest whose peers come and go, and the clerk's door to the session."""

    def __init__(self, server: RunningServer, http: aiohttp.ClientSession) -> None:
        self._url = server.url
        self._http = http
        self.client = CaptureClient(server.url, DrawnTrack())
        self.document_id = self._door = ""

    async def come(self) -> None:
        await self.client.open()
        self.document_id = (await self.client.wait_for("result"))["document_id"]
        self._door = f"/api/staff/sessions/{(await self._line())['label']}"

    async def _line(self) -> dict[str, str]:
        async with self._http.get("/api/staff/sessions") as answer:
            [line] = (await answer.json())["sessions"]
        found: dict[str, str] = line
        return found

    async def take_form(self) -> None:
        async with self._http.post(f"{self._door}/form", json={}) as answer:
            assert (await answer.json())["document_id"] == self.document_id

    async def give_back_form(self) -> None:
        async with self._http.delete(f"{self._door}/form") as answer:
            assert answer.status == 204

    async def confirm_at_the_desk(self) -> None:
        body = {"document_id": self.document_id, "fields": FIELDS}
        async with self._http.post(f"{self._door}/confirm", json=body) as answer:
            assert answer.status == 200

    async def say(self, message: dict[str, object]) -> None:
        """Say it, and know that it has arrived."""
        self.client.send(message)
        self.client.send({"type": "ping", "id": 1})
        await self.client.wait_for("pong")

    def vanish(self) -> None:
        vanish(self.client)

    async def leave(self) -> None:
        """Close the connection, and wait until the server knows it."""
        await self.client.close()
        async with asyncio.timeout(10):
            while (await self._line())["session"] != "disconnected":
                await asyncio.sleep(0.05)

    async def come_back(self) -> list[str]:
        """Who holds the form, and what is confirmed, as a new peer is told it unasked."""
        before, self.client = self.client, CaptureClient(self._url, DrawnTrack())
        await self.client.open(resume_token=before.resume_token)
        await before.close()
        await self.client.wait_for("ready")
        self.client.send({"type": "ping", "id": 1})
        told = []
        async for message in self.client.messages():
            if message["type"] == "form":
                told.append(message["holder"])
            elif message["type"] == "confirmed":
                assert message["document_id"] == self.document_id
                told.append("confirmed")
            elif message["type"] == "pong":
                break
        return told


@pytest.fixture
async def guest(serve: Serve) -> AsyncIterator[Guest]:
    server = await serve(FakeEngine(capture_at=3))
    async with aiohttp.ClientSession(server.url) as http:
        guest = Guest(server, http)
        try:
            await guest.come()
            yield guest
        finally:
            await guest.client.close()


async def test_a_form_that_was_taken_over_meanwhile(guest: Guest) -> None:
    guest.vanish()
    await guest.take_form()
    assert await guest.come_back() == ["clerk"]
    guest.vanish()
    await guest.give_back_form()
    assert await guest.come_back() == ["guest"]


async def test_a_form_that_a_clerk_has_confirmed_meanwhile(guest: Guest) -> None:
    await guest.take_form()
    guest.vanish()
    await guest.confirm_at_the_desk()
    assert await guest.come_back() == ["confirmed"]
    # The guest has gone on, to the next of a family: nothing of this one is told any more.
    await guest.say({"type": "configure", "reviewing": None})
    guest.vanish()
    assert await guest.come_back() == []


async def test_a_form_that_the_guest_confirmed_is_held_by_nobody(guest: Guest) -> None:
    await guest.take_form()
    await guest.say({"type": "configure", "form": "guest"})
    confirm = {"type": "confirm", "document_id": guest.document_id, "fields": FIELDS}
    guest.client.send(confirm)
    await guest.client.wait_for("confirmed")
    guest.vanish()
    assert await guest.come_back() == []


async def test_a_guest_who_began_anew_is_told_of_no_form(guest: Guest) -> None:
    await guest.take_form()
    await guest.confirm_at_the_desk()
    await guest.say({"type": "reset"})
    guest.vanish()
    assert await guest.come_back() == []


async def test_what_is_told_when_the_loss_was_noticed_is_told_once(guest: Guest) -> None:
    await guest.leave()
    await guest.take_form()
    assert await guest.come_back() == ["clerk"]
    await guest.leave()
    await guest.confirm_at_the_desk()
    assert await guest.come_back() == ["confirmed"]
