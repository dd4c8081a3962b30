"""What a clerk does while a guest's connection is lost, as the guest finds it afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.browser.kiosk import WATCH_PEERS, Kiosk, OpenKiosk, desk_door

LOSE = "window.peers.at(-1).close();"
PRESS = "document.querySelector('.screen:not([hidden]) [data-action={}]').click();"
TYPED = {
    "primary_identifier": "Eriksson",
    "document_number": "L898902C3",
    "nationality": "UTO",
    "date_of_birth": "1974-08-12",
}


@asynccontextmanager
async def lost(guest: Kiosk, then: str = "") -> AsyncIterator[str]:
    """No connection until the end; ``then`` is what the guest presses before the page knows it.
    Gives the desk's door."""
    page, door = guest.page, await desk_door(guest)
    await page.route("**/offer", lambda route: route.abort())
    await page.evaluate(LOSE + (PRESS.format(then) if then else ""))
    yield door
    await page.unroute("**/offer")
    await page.wait_for_function("() => window.lobbylens.stats.reconnects === 1", timeout=20_000)


async def take_form(guest: Kiosk, door: str) -> str | None:
    answer = await guest.page.request.post(f"{door}/form", data={})
    document_id: str | None = (await answer.json())["document_id"]
    return document_id


async def confirm(guest: Kiosk, door: str, document_id: str | None) -> None:
    body = {"document_id": document_id, "fields": TYPED}
    assert (await guest.page.request.post(f"{door}/confirm", data=body)).ok


async def opened(kiosk: OpenKiosk) -> Kiosk:
    return await kiosk(scripts=(WATCH_PEERS,), expect=("ERR_FAILED",))


async def typing(kiosk: OpenKiosk) -> Kiosk:
    guest = await opened(kiosk)
    await guest.do("manual")
    await guest.page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    return guest


async def reading(kiosk: OpenKiosk) -> Kiosk:
    guest = await opened(kiosk)
    await guest.do("specimen")
    await guest.screen("review", timeout_s=30)
    return guest


async def test_a_form_that_is_taken_over_is_the_clerk_s(kiosk: OpenKiosk) -> None:
    guest = await typing(kiosk)
    async with lost(guest) as door:
        await take_form(guest, door)
    await guest.page.wait_for_selector("#review-desk:visible")
    assert await guest.page.is_disabled("#confirm")


async def test_a_form_that_the_clerk_has_confirmed_shows_its_card(kiosk: OpenKiosk) -> None:
    guest = await typing(kiosk)
    async with lost(guest) as door:
        await confirm(guest, door, await take_form(guest, door))
    await guest.screen("card")


async def test_a_guest_who_scans_again_gets_no_empty_form(kiosk: OpenKiosk) -> None:
    guest = await reading(kiosk)
    async with lost(guest, then="rescan") as door:
        await take_form(guest, door)
    await guest.screen("review", timeout_s=30)
    assert (await guest.values())["document_number"] == "L898902C3"
    assert await guest.page.is_enabled("#confirm")


async def test_the_next_of_a_family_is_not_given_the_card_of_the_one_before(
    kiosk: OpenKiosk,
) -> None:
    guest = await reading(kiosk)
    page = guest.page
    await page.click("#confirm")
    await guest.screen("card")
    before = await page.get_attribute("#card-link", "href")
    assert before is not None
    async with lost(guest, then="another") as door:
        await guest.do("manual")
        # The card cannot print this name, which is said when the next one's form arrives.
        await guest.type_document(primary_identifier="\U0001e290")
        await page.click("#confirm")
        await confirm(guest, door, before.split("/documents/")[1].split("/")[0])
    await page.wait_for_selector("#review-error:visible")
    await page.fill("#field-primary_identifier", "Erikson")
    await page.click("#confirm")
    await guest.screen("card")
    # Typed data have a document of their own, which begins with h.
    assert "/documents/h" in (await page.get_attribute("#card-link", "href") or "")
