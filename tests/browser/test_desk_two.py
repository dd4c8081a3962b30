"""One clerk, two guests: what belongs to one shows with no other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from playwright.async_api import Page, Route, expect

from tests.browser.kiosk import Kiosk, OpenKiosk
from tests.browser.test_desk import fill_desk_form, open_desk
from tests.browser.test_page import texts


@dataclass
class Two:
    """Two guests who type, and a desk with the first of them chosen."""

    first: Kiosk
    second: Kiosk
    desk: Page
    label: str
    """Of the first."""
    other: str
    """The second's line of the list."""


async def open_two(kiosk: OpenKiosk) -> Two:
    first = await kiosk()
    await first.do("manual")
    desk = await open_desk(first)
    label = await desk.get_attribute("#list [aria-pressed=true]", "data-label")
    second = await kiosk()
    await second.do("manual")
    await second.page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    other = f"#list li:last-child button:not([data-label='{label}'])"
    await desk.wait_for_selector(other)
    return Two(first, second, desk, label or "", other)


async def test_a_refusal_shows_in_the_form_that_it_is_of(kiosk: OpenKiosk) -> None:
    two = await open_two(kiosk)
    desk, refused = two.desk, asyncio.Event()
    words = "the card cannot be filled"

    async def late(route: Route) -> None:
        await refused.wait()
        await route.fulfill(status=422, json={"error": words})

    for gone_on in (False, True):
        refused.clear()
        await desk.click("#take-form")
        await fill_desk_form(desk)
        await desk.route(f"**/{two.label}/confirm", late, times=1)
        await desk.click("#form [type=submit]")
        if gone_on:
            await desk.click(two.other)
            await desk.click("#take-form")
            await two.second.page.wait_for_selector("#review-desk:visible")
            await desk.wait_for_selector("#fields input")
        refused.set()
        await expect(desk.locator("#state")).to_have_text(words)
        await expect(desk.locator("#refusal")).to_be_visible(visible=not gone_on)
        await desk.click("#drop-form")
        await desk.wait_for_selector("#form", state="hidden")


async def test_a_late_refusal_leaves_another_form_s_own(kiosk: OpenKiosk) -> None:
    two = await open_two(kiosk)
    desk, refused = two.desk, asyncio.Event()

    async def confirm(route: Route) -> None:
        first = two.label in route.request.url
        if first:
            await refused.wait()
        await route.fulfill(
            status=422, json={"error": f"refused: {'first' if first else 'second'}"}
        )

    await desk.route("**/confirm", confirm)
    for chosen in ("", two.other):
        if chosen:
            await desk.click(chosen)
        await desk.click("#take-form")
        await fill_desk_form(desk)
        await desk.click("#form [type=submit]")
    await expect(desk.locator("#refusal")).to_have_text("refused: second")
    refused.set()
    await expect(desk.locator("#state")).to_have_text("refused: first")
    await expect(desk.locator("#refusal")).to_be_visible()
    await expect(desk.locator("#refusal")).to_have_text("refused: second")


async def test_what_happens_to_one_guest_is_not_told_of_another(kiosk: OpenKiosk) -> None:
    """The clerk has gone on: the stream of the guest before is left."""
    two = await open_two(kiosk)
    desk = two.desk
    await desk.click(two.other)
    await desk.click("#send-hint")
    hints = desk.locator("#log li", has_text="Hint sent")
    await expect(hints).to_have_count(1)
    hint = {"code": "GLARE"}
    told = await desk.request.post(
        f"{two.first.origin}/api/staff/sessions/{two.label}/hint", data=hint
    )
    assert told.status == 204
    await two.first.page.wait_for_selector("#desk-note:has-text('A reflection is in the way')")
    await desk.wait_for_timeout(500)
    await expect(hints).to_have_count(1)


async def test_a_form_that_comes_late_is_shown_for_no_other_guest(kiosk: OpenKiosk) -> None:
    """The clerk has gone on: whose form it is fills it in, and the other's is the other's."""
    two = await open_two(kiosk)
    first, second, desk, label, other = two.first, two.second, two.desk, two.label, two.other
    answered = asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        await answered.wait()
        await route.fulfill(response=answer)

    await desk.route(f"**/{label}/form", late, times=1)
    await desk.click("#take-form")
    await first.page.wait_for_selector("#review-desk:visible")
    await desk.click(other)
    answered.set()
    await first.page.wait_for_selector("#review-desk", state="hidden")
    assert await desk.is_hidden("#form")

    # Nor does the end of one thing close what was begun with another guest.
    answered.clear()
    await desk.click(f"#list [data-label='{label}']")
    await desk.click("#take-form")
    await fill_desk_form(desk)
    await desk.route(f"**/{label}/confirm", late, times=1)
    await desk.click("#form [type=submit]")
    await first.screen("card")
    await desk.click(other)
    await desk.click("#take-form")
    await second.page.wait_for_selector("#review-desk:visible")
    await desk.wait_for_selector("#fields input")
    async with desk.expect_response("**/confirm"):
        answered.set()
    await expect(desk.locator("#state")).to_have_text(texts("en")["staff.done"])
    assert await desk.is_visible("#form")
    assert await desk.is_enabled("#form [type=submit]")
    await desk.click("#drop-form")
    await second.page.wait_for_selector("#review-desk", state="hidden")
