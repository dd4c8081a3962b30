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

HEARD_AFTER_S = 1.2
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

    async def vanish_now(self) -> None:
        self.vanish()

    async def settle(self) -> None:
        """Be heard so long after all that was said that it has surely arrived."""
        await asyncio.sleep(HEARD_AFTER_S)
        await self.say({"type": "ping", "id": 2})

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


@pytest.mark.parametrize("known", [False, True])
async def test_all_that_a_clerk_did_meanwhile_is_told_in_its_order(
    guest: Guest, known: bool
) -> None:
    await (guest.leave() if known else guest.vanish_now())
    await guest.take_form()
    await guest.confirm_at_the_desk()
    assert await guest.come_back() == ["clerk", "confirmed"]
    await guest.settle()
    await (guest.leave() if known else guest.vanish_now())
    assert await guest.come_back() == []


async def test_what_the_guest_has_heard_is_not_told_again(guest: Guest) -> None:
    """It would show a card again that was left, or the form of a clerk that was given back."""
    await guest.take_form()
    await guest.confirm_at_the_desk()
    await guest.settle()
    guest.vanish()
    assert await guest.come_back() == []


async def test_a_guest_who_began_anew_is_told_of_no_form(guest: Guest) -> None:
    await guest.take_form()
    await guest.confirm_at_the_desk()
    await guest.say({"type": "reset"})
    guest.vanish()
    assert await guest.come_back() == []
