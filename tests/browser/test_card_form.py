"""The review form of a server whose card is another law's: it asks for what that card needs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import Route

from tests.browser.kiosk import Kiosk, OpenKiosk, Server
from tests.browser.serving import serving
from tests.browser.test_desk import open_desk


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with Germany's card, on a free port."""
    with serving("--page.specimen", "--pipeline.card", "germany_bmg") as running:
        yield running


async def test_the_form_asks_for_what_the_card_needs_and_no_more(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    page = guest.page
    await guest.do("manual")
    await page.wait_for_selector("#field-companions")
    assert (await guest.values()).keys() == {
        "primary_identifier",
        "secondary_identifier",
        "nationality",
        "date_of_birth",
        "document_number",
        "address",
        "arrival_date",
        "departure_date",
        "companions",
        "companions_nationality",
    }
    assert await page.inner_text('label[for="field-companions"]') == (
        "Number of family members travelling with you"
    )
    await page.select_option("#language", "de")
    await page.wait_for_selector("html[lang=de]")
    assert await page.inner_text('label[for="field-companions"]') == (
        "Zahl der mitreisenden Angehörigen"
    )


async def typing_ahead(kiosk: OpenKiosk) -> tuple[Kiosk, asyncio.Event]:
    """A guest at an empty form; the page's offer, and with it what the card asks for, is held
    until the event is set."""
    guest, let_through = await kiosk(), asyncio.Event()

    async def hold(route: Route) -> None:
        await let_through.wait()
        await route.continue_()

    await guest.page.route("**/api/webrtc/offer", hold)
    await guest.do("manual")
    return guest, let_through


async def test_a_form_that_asks_for_more_leaves_a_guest_who_types_in_place(
    kiosk: OpenKiosk,
) -> None:
    guest, let_through = await typing_ahead(kiosk)
    page = guest.page
    await page.focus("#field-secondary_identifier")
    await page.keyboard.type("Ana Maria")
    await page.keyboard.press("Home")
    await page.keyboard.press("ArrowRight")
    let_through.set()
    await page.wait_for_selector("#field-companions")
    await page.keyboard.type("n")
    assert (await guest.values())["secondary_identifier"] == "Anna Maria"


async def test_a_form_that_is_confirmed_meanwhile_asks_for_more_then(
    kiosk: OpenKiosk,
) -> None:
    """It looked for entries that it did not have, and confirmed nothing any more."""
    guest, let_through = await typing_ahead(kiosk)
    page = guest.page
    await guest.type_document()
    await page.click("#confirm")
    let_through.set()
    await page.wait_for_selector("#review-error:visible")
    assert (await guest.values())["primary_identifier"] == "Eriksson"
    await page.click("#confirm")
    await page.wait_for_selector("#field-departure_date[aria-invalid=true]")


async def test_a_needed_value_is_asked_for_and_the_card_is_printed(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    page = guest.page
    await guest.do("manual")
    await page.wait_for_selector("#field-companions")
    await guest.type_document(secondary_identifier="Anna Maria")
    await page.click("#confirm")
    blamed = await page.eval_on_selector_all(
        "[aria-invalid=true]", "entries => entries.map((entry) => entry.name)"
    )
    assert sorted(blamed) == ["address", "departure_date"]
    await page.fill("#field-address", "1 High Street, Utopia City")
    await page.fill("#field-departure_date", "2026-11-27")
    await page.click("#confirm")
    await guest.screen("card")
    path = await page.get_attribute("#card-link", "href")
    answer = await page.request.get(f"{guest.origin}{path}")
    assert b"Meldeschein" in await answer.body()


async def test_the_wrong_card_for_a_guest_says_so(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    page = guest.page
    await guest.do("manual")
    await page.wait_for_selector("#field-companions")
    await guest.type_document(
        secondary_identifier="Anna Maria",
        nationality="D",
        address="1 High Street",
        departure_date="2026-11-27",
    )
    await page.click("#confirm")
    await page.wait_for_selector("#field-nationality[aria-invalid=true]")
    assert await page.inner_text("#review-error")


async def test_a_clerk_s_form_is_the_card_s_too(kiosk: OpenKiosk) -> None:
    """It had no entry for what this card needs, and sent what its law forbids to record."""
    guest = await kiosk()
    await guest.do("specimen")
    await guest.screen("review", timeout_s=40)
    desk = await open_desk(guest)
    await desk.click("#take-form")
    await desk.wait_for_selector("#staff-companions")
    assert await desk.is_hidden("#staff-sex") and await desk.is_hidden("#staff-date_of_expiry")
    assert await desk.input_value("#staff-primary_identifier") == "ERIKSSON"
    assert await desk.input_value("#staff-arrival_date")
    needed = await desk.eval_on_selector_all(
        "#fields :required",
        "entries => entries.filter(({ value }) => !value).map(({ name }) => name)",
    )
    assert needed == ["address", "departure_date"]
    await desk.fill("#staff-address", "1 High Street, Utopia City")
    await desk.fill("#staff-departure_date", "2026-11-27")
    await desk.click("#form [type=submit]")
    await guest.screen("card")
