"""The front desk's stream of what happens, where its connection breaks or falls silent."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.kiosk import OpenKiosk
from tests.browser.test_desk import open_desk
from tests.browser.test_page import texts

# Ends the stream of events as a network does; the server is told of it by the browser.
CUT = """
const ask = window.fetch;
window.fetch = async (address, options) => {
  const answer = await ask(address, options);
  if (!String(address).endsWith("/events") || !answer.ok) return answer;
  const cutter = new TransformStream({ start(stream) {
    window.cut = () => stream.error(new TypeError("network error"));
  } });
  return new Response(answer.body.pipeThrough(cutter), answer);
};
"""
# Neither ends it nor passes anything on, as a network that has gone without a word.
HANG = """
const ask = window.fetch;
window.fetch = async (address, options) => {
  const answer = await ask(address, options);
  if (!String(address).endsWith("/events") || !answer.ok) return answer;
  const valve = new TransformStream({ transform(part, stream) {
    if (!window.hangs) stream.enqueue(part);
  } });
  return new Response(answer.body.pipeThrough(valve), answer);
};
"""


async def test_a_connection_that_breaks_is_not_the_session_s_end(kiosk: OpenKiosk) -> None:
    """What the clerk has typed stays, and what happens is told again, once."""
    guest = await kiosk()
    page = guest.page
    await guest.do("manual")
    await page.context.add_init_script(CUT)
    desk = await open_desk(guest)
    await desk.click("#take-form")
    await desk.fill("#staff-primary_identifier", "Eriksson")
    taken = desk.locator("#log li", has_text="Form taken over")
    await expect(taken).to_have_count(1)

    await desk.route("**/events", lambda route: route.fulfill(status=502, body="<html>"), times=1)
    async with desk.expect_response("**/events"):
        await desk.evaluate("window.cut()")
    await expect(desk.locator("#state")).to_have_text(texts("en")["staff.silent"])
    async with desk.expect_response("**/events"):
        assert await desk.input_value("#staff-primary_identifier") == "Eriksson"
    await expect(desk.locator("#state")).to_be_empty()
    await desk.click("#send-hint")
    await desk.wait_for_selector("#log li:has-text('Hint sent')")
    await expect(taken).to_have_count(1)
    assert await desk.input_value("#staff-primary_identifier") == "Eriksson"
    assert "ended" not in await desk.inner_text("#facts")

    # It ends where the server knows of it no more, and when the server says so.
    await desk.route("**/events", lambda route: route.fulfill(status=404, body="{}"), times=1)
    await desk.evaluate("window.cut()")
    await desk.wait_for_selector("#facts dd:has-text('ended')")
    assert await desk.is_hidden("#form")
    await desk.click("#list button >> nth=-1")
    await desk.click("#take-form")
    await desk.wait_for_selector("#fields input")
    await page.click("#review-mine")
    await guest.type_document()
    await page.click("#confirm")
    await guest.screen("card")
    await desk.click("#take-form")
    await desk.wait_for_selector("#fields input")
    await guest.do("finish")
    await desk.wait_for_selector("#facts dd:has-text('ended')")
    assert await desk.is_hidden("#form")


async def test_a_connection_that_goes_without_a_word_is_noticed(kiosk: OpenKiosk) -> None:
    """It shows that what is seen may be old, and is made again; what says nothing new keeps it."""
    guest = await kiosk()
    await guest.do("manual")
    await guest.page.context.add_init_script(HANG)
    desk = await open_desk(guest)
    asked: list[str] = []
    desk.on("request", lambda request: asked.append(request.url))

    def streams() -> int:
        return sum(url.endswith("/events") for url in asked)

    await desk.clock.install()
    await desk.click("#list button >> nth=-1")
    await desk.wait_for_selector("#log li, #facts dd")
    await desk.clock.fast_forward(30_000)
    await desk.click("#send-hint")
    await desk.wait_for_selector("#log li:has-text('Hint sent')")
    await desk.clock.fast_forward(30_000)
    assert streams() == 1, "something came in between"

    await desk.evaluate("window.hangs = true")
    await desk.clock.fast_forward(12_000)
    await expect(desk.locator("#state")).to_have_text(texts("en")["staff.silent"])
    await desk.evaluate("window.hangs = false")
    async with desk.expect_response("**/events"):
        await desk.clock.fast_forward(1_500)
    await expect(desk.locator("#state")).to_be_empty()
    assert streams() == 2
