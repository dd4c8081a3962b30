"""The front desk's list of sessions: who may see it, and what it outlives."""

from __future__ import annotations

from playwright.async_api import Route, expect

from tests.browser.kiosk import OpenKiosk
from tests.browser.test_page import texts


async def test_the_desk_asks_for_the_token(kiosk: OpenKiosk) -> None:
    guest = await kiosk(expect=("401",))
    page = guest.page
    refused = 0

    async def gate(route: object) -> None:
        nonlocal refused
        given = route.request.headers.get("authorization")  # type: ignore[attr-defined]
        if given == "Bearer the-token":
            await route.continue_()  # type: ignore[attr-defined]
        else:
            refused += 1
            await route.fulfill(status=401, body="{}")  # type: ignore[attr-defined]

    await page.route("**/api/staff/**", gate)
    await page.goto(f"{guest.origin}/staff")
    await page.wait_for_selector("#gate:visible")
    await page.fill("#token", "the-token")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#sessions:visible")
    assert refused == 1
    assert "the-token" not in page.url
    stored = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert stored == "[{},{}]"


async def test_a_token_that_may_not_is_told_so(kiosk: OpenKiosk) -> None:
    """It was asked for again each two seconds, which used up the address's failures."""
    guest = await kiosk(expect=("401", "403"))
    page = guest.page
    asked = 0

    async def gate(route: Route) -> None:
        nonlocal asked
        asked += 1
        given = "authorization" in route.request.headers
        told = '{"error": "this key may not see the desk"}' if given else "{}"
        await route.fulfill(status=403 if given else 401, body=told)

    await page.route("**/api/staff/**", gate)
    await page.goto(f"{guest.origin}/staff")
    await page.wait_for_selector("#gate:visible")
    assert await page.is_hidden("#gate-refusal")
    await page.fill("#token", "of-a-kiosk")
    await page.keyboard.press("Enter")
    await expect(page.locator("#gate-refusal")).to_have_text("this key may not see the desk")
    assert await page.is_visible("#gate") and await page.is_hidden("#sessions")
    await page.wait_for_timeout(2500)
    assert asked == 2


async def test_a_press_that_lasts_chooses_a_guest(kiosk: OpenKiosk) -> None:
    """The row was made anew each two seconds, and what was pressed was gone when it was let go."""
    guest = await kiosk()
    await guest.do("manual")
    await guest.page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    desk = await guest.page.context.new_page()
    await desk.goto(f"{guest.origin}/staff")
    await desk.hover("#list button >> nth=-1")
    await desk.mouse.down()
    async with desk.expect_response("**/api/staff/sessions"):
        pass
    await desk.wait_for_timeout(100)
    await desk.mouse.up()
    await desk.wait_for_selector("#one:visible", timeout=2000)
    assert await desk.get_attribute("#list button >> nth=-1", "aria-pressed") == "true"


async def test_the_desk_s_list_outlives_an_answer_that_is_not_the_server_s(
    kiosk: OpenKiosk,
) -> None:
    """It was never asked for again."""
    guest = await kiosk()
    page = guest.page
    foreign = True

    async def answer(route: Route) -> None:
        if foreign:
            await route.fulfill(content_type="text/html", body="<title>Welcome to our network")
        else:
            await route.continue_()

    await page.route("**/api/staff/sessions", answer)
    await page.goto(f"{guest.origin}/staff")
    await expect(page.locator("#state")).to_have_text(texts("en")["staff.silent"])
    foreign = False
    await expect(page.locator("#state")).to_be_empty()
    assert await page.is_visible("#sessions")
