"""Guests who choose twice, or go on before what they chose has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from playwright.async_api import Page, Request, Route

from tests.browser.kiosk import (
    ALLOWED,
    FAKE_CAMERA,
    HASTE,
    WATCH_PEERS,
    Kiosk,
    OpenKiosk,
    count_sent,
)

THREE_CAMERAS = f"{FAKE_CAMERA}=device-count=3"
SLOW_CAMERAS = """
window.streams = [];
window.slowMs = 0;
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await open(wanted);
  await new Promise((done) => setTimeout(done, window.slowMs));
  window.streams.push(stream);
  return stream;
};
"""
ON = "window.streams.filter((s) => s.getVideoTracks()[0].readyState === 'live').length"
SENT = "window.peers.at(-1).getSenders()[0].track"
LATE_ANSWER = """
window.came = window.answered = 0;
const listen = RTCDataChannel.prototype.addEventListener;
RTCDataChannel.prototype.addEventListener = function (type, hear, ...options) {
  listen.call(this, type, async (event) => {
    const late = type === "message" && event.data.includes('"type":"confirmed"');
    window.came += late;
    while (late && !window.letThrough) await new Promise((done) => setTimeout(done, 20));
    hear(event);
    window.answered += late;
  }, ...options);
};
"""


def late(seconds: float) -> Callable[[Route], Awaitable[None]]:
    async def after(route: Route) -> None:
        await asyncio.sleep(seconds)
        await route.continue_()

    return after


async def cameras(page: Page) -> list[str]:
    await page.wait_for_function(
        "() => document.querySelectorAll('.live [data-camera-choice] option').length > 2"
    )
    options = page.locator(".live [data-camera-choice] select option")
    found: list[str] = await options.evaluate_all("(all) => all.map((each) => each.value)")
    return found


async def choose(guest: Kiosk, device: str) -> None:
    await guest.page.locator(".live [data-camera-choice] select").select_option(device)


async def test_of_two_cameras_chosen_one_stays_on_and_films_nobody_who_types(
    kiosk: OpenKiosk,
) -> None:
    guest = await kiosk(THREE_CAMERAS, ALLOWED, scripts=(SLOW_CAMERAS, HASTE, WATCH_PEERS))
    page = guest.page
    await guest.do("begin")
    await page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    found = await cameras(page)
    await page.evaluate("window.slowMs = 400")
    await choose(guest, found[2])
    await choose(guest, found[0])
    await page.wait_for_function("() => window.streams.length === 3")
    assert await page.evaluate(ON) == 1
    await page.wait_for_selector("#live-manual:visible")
    await page.evaluate("window.slowMs = 800")
    await choose(guest, found[2])
    await guest.do("manual")
    await guest.screen("review")
    await page.wait_for_function("() => window.streams.length === 4")
    await page.wait_for_function(f"() => {SENT}?.readyState === 'live'")
    assert await page.evaluate(f"{SENT}.enabled") is False
    await page.click(".screen[data-screen=review] [data-action=reset]")
    await guest.screen("attract")
    assert await page.evaluate(ON) == 0


async def test_a_camera_chosen_while_a_peer_connects_is_the_one_that_is_sent(
    kiosk: OpenKiosk,
) -> None:
    guest = await kiosk(THREE_CAMERAS, ALLOWED, scripts=(WATCH_PEERS,))
    page = guest.page
    await page.route("**/offer", late(1.2))
    await guest.do("begin")
    await guest.screen("live")
    found = await cameras(page)
    await choose(guest, found[2])
    await page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    assert await page.evaluate(f"{SENT}.readyState") == "live"
    async with page.expect_request("**/offer"):
        await page.evaluate("window.peers.at(-1).close()")
    await choose(guest, found[0])
    await page.wait_for_function("() => window.lobbylens.stats.reconnects === 1")
    seen = (await guest.stats())["overlays"]
    await page.wait_for_function(f"() => window.lobbylens.stats.overlays > {seen + 3}")
    assert await page.evaluate(f"{SENT}.readyState") == "live"
    assert await page.get_attribute("body", "data-screen") == "live"


async def test_words_that_come_late_change_nothing_that_was_chosen_or_typed_since(
    kiosk: OpenKiosk,
) -> None:
    guest = await kiosk(language="")
    page = guest.page
    await page.route("**/static/lang/ar.json", late(1))
    await guest.do("touch")
    async with page.expect_response("**/static/lang/ar.json"):
        await page.click("#language-buttons [lang=ar]")
        await page.click("[data-screen=language] [data-action=reset]")
        await guest.screen("attract")
        await guest.welcome("en")
    await page.wait_for_timeout(200)
    assert await page.get_attribute("html", "lang") == "en"
    await guest.screen("start")

    await guest.do("manual")
    await guest.screen("review")
    await page.route("**/static/lang/de.json", late(1))
    await page.fill("#field-date_of_birth", "12/08/1974")
    await page.select_option("#language", "de")
    await page.fill("#field-date_of_birth", "13/09/1980")
    await page.wait_for_selector("html[lang=de]")
    assert (await guest.values())["date_of_birth"] == "13.09.1980"


async def test_scan_again_takes_back_what_was_not_confirmed_by_then(kiosk: OpenKiosk) -> None:
    guest = await kiosk(scripts=(WATCH_PEERS, count_sent("confirm")))
    await guest.do("specimen")
    await guest.screen("review", timeout_s=30)
    await guest.page.evaluate(
        """() => {
          window.peers.at(-1).close();
          document.querySelector("#confirm").click();
          window.sent = 0; // that one went into a channel that is closing
          document.querySelector("[data-action=rescan]").click();
        }"""
    )
    await guest.page.wait_for_function("() => window.lobbylens.stats.reconnects === 1")
    await guest.screen("review", timeout_s=30)
    assert await guest.page.evaluate("window.sent") == 0


async def test_an_answer_to_what_the_guest_has_left_shows_no_card(kiosk: OpenKiosk) -> None:
    guest = await kiosk(scripts=(LATE_ANSWER,))
    fetched: list[str] = []

    def note(request: Request) -> None:
        fetched.extend([request.url] if request.url.endswith("/card.pdf") else [])

    guest.page.on("request", note)
    await guest.do("specimen")
    await guest.screen("review", timeout_s=30)
    await guest.page.click("#confirm")
    # Of what is still being filled then the server tells nothing.
    await guest.page.wait_for_function("() => window.came === 1")
    await guest.do("rescan")
    await guest.screen("live")
    await guest.page.evaluate("window.letThrough = true")
    await guest.page.wait_for_function("() => window.answered === 1")
    await guest.screen("review", timeout_s=30)
    assert fetched == []
    await guest.page.click("#confirm")
    await guest.screen("card")
    assert len(fetched) == 1
    # Nor does a card stay in a tab that the browser opens by itself.
    await guest.page.click("#card-link", button="middle")
    await guest.page.wait_for_timeout(300)
    assert len(guest.page.context.pages) == 1


async def test_whoever_wakes_a_machine_sees_nothing_of_the_guest_before(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    await guest.do("manual")
    await guest.type_document()
    await guest.page.evaluate(
        "{ const now = Date.now; Date.now = () => now.call(Date) + 3_600_000; }"
    )
    await guest.page.mouse.move(5, 5)
    await guest.screen("attract", timeout_s=5)
    assert await guest.page.locator("#field-primary_identifier").count() == 0
