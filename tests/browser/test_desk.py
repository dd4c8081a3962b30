"""The front desk's page beside a guest's: what it shows, and how its help arrives."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.kiosk import ALLOWED, FAKE_CAMERA, Kiosk, OpenKiosk
from tests.browser.test_page import texts

DOCUMENT = {
    "primary_identifier": "Eriksson",
    "document_number": "L898902C3",
    "nationality": "UTO",
    "date_of_birth": "1974-08-12",
}
HIDDEN = ("ERIKSSON", "L898902C3", "ANNA MARIA")


async def open_desk(guest: Kiosk) -> Page:
    """The staff page in a tab of its own, with the youngest session chosen."""
    # Until then the youngest is a guest of another test, whose session waits for its return.
    await guest.page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    page = await guest.page.context.new_page()
    await page.goto(f"{guest.origin}/staff")
    await page.click("#list button >> nth=-1")
    await page.wait_for_selector("#log li, #facts dd")
    return page


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
LATE = "Date.prototype.toLocaleTimeString = () => '10:58:58 PM';"
GAP = """() => {
  const box = (node) => {
    const words = document.createRange();
    words.selectNodeContents(node);
    return words.getBoundingClientRect();
  };
  const [time, line] = document.querySelector("#log li").children;
  return box(line).left - box(time).right;
}"""


async def test_the_time_of_a_line_stands_apart_from_its_words(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    await guest.do("specimen")
    await guest.screen("live")
    await guest.page.context.add_init_script(LATE)
    desk = await open_desk(guest)
    await desk.wait_for_selector("#log li")
    assert await desk.evaluate(GAP) >= 8


async def test_a_clerk_watches_and_takes_over_the_form(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    await guest.do("specimen")
    await guest.screen("live")
    desk = await open_desk(guest)
    await guest.screen("review", timeout_s=40)
    await desk.wait_for_selector("#log li:has-text('Read: complete')")
    shown = await desk.content()
    assert not any(secret in shown for secret in HIDDEN)

    await desk.select_option("#hint", "GLARE")
    await desk.click("#send-hint")
    await guest.page.wait_for_selector("#desk-note:has-text('A reflection is in the way')")
    await desk.fill("#words", "I am on my way")
    await desk.click("#send-words")
    await guest.page.wait_for_selector("#desk-note:has-text('I am on my way')")

    await desk.click("#take-form")
    await desk.wait_for_selector("#fields input")
    await guest.page.wait_for_selector("#review-desk:visible")
    assert await guest.page.is_disabled("#confirm")
    assert await guest.page.is_disabled("#field-primary_identifier")
    assert await desk.input_value("#staff-primary_identifier") == "ERIKSSON"
    await desk.fill("#staff-secondary_identifier", "Anna María")
    await desk.click("#form [type=submit]")
    await guest.screen("card")
    # The guest's page is told by a channel, the clerk's by the answer: either may be the first.
    await desk.wait_for_selector("#form", state="hidden")
    shown = await desk.content()
    assert not any(secret in shown for secret in HIDDEN)


async def test_a_guest_takes_the_form_back(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    page = guest.page
    await guest.do("manual")
    await page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    desk = await open_desk(guest)
    await desk.click("#take-form")
    await page.wait_for_selector("#review-desk:visible")
    await desk.wait_for_selector("#fields input")
    await page.click("#review-mine")
    assert await page.is_hidden("#review-desk")
    assert await page.is_enabled("#field-primary_identifier")
    # The clerk is told, and cannot confirm over the guest's head.
    await desk.wait_for_selector("#log li:has-text('Form given back to the guest')")
    assert await desk.is_hidden("#form")
    await guest.type_document()
    await page.click("#confirm")
    await guest.screen("card")


async def test_a_clerk_gives_the_form_back(kiosk: OpenKiosk) -> None:
    """By closing it, and by going on to another guest: none is left before a form that is shut."""
    guest = await kiosk()
    page = guest.page
    await guest.do("manual")
    desk = await open_desk(guest)
    for leave in ("#drop-form", "#list button >> nth=-1"):
        await desk.click("#take-form")
        await page.wait_for_selector("#review-desk:visible")
        assert await page.is_disabled("#confirm")
        await desk.click(leave)
        await page.wait_for_selector("#review-desk", state="hidden")
        assert await page.is_enabled("#confirm")
        await desk.wait_for_selector("#form", state="hidden")


async def fill_desk_form(desk: Page) -> None:
    """What the card needs, typed at the desk."""
    for name, value in DOCUMENT.items():
        await desk.fill(f"#staff-{name}", value)


async def test_a_clerk_s_form_is_confirmed_once(kiosk: OpenKiosk) -> None:
    """Whoever clicks twice made two documents of one that was typed."""
    guest = await kiosk()
    await guest.do("manual")
    desk = await open_desk(guest)
    asked, answered = 0, asyncio.Event()

    async def late(route: Route) -> None:
        nonlocal asked
        asked += 1
        await answered.wait()
        await route.continue_()

    await desk.route("**/confirm", late)
    await desk.click("#take-form")
    await fill_desk_form(desk)
    await desk.dblclick("#form [type=submit]")
    assert await desk.is_disabled("#drop-form")
    answered.set()
    await guest.screen("card")
    await desk.wait_for_selector("#form", state="hidden")
    assert asked == 1
    # The next form waits for nothing.
    await desk.click("#take-form")
    await desk.wait_for_selector("#fields input")
    assert await desk.is_enabled("#form [type=submit]") and await desk.is_enabled("#drop-form")


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


async def test_a_guest_who_scans_again_closes_the_clerk_s_form(kiosk: OpenKiosk) -> None:
    """What was read is gone: a clerk could not confirm it, nor close the form."""
    guest = await kiosk()
    await guest.do("specimen")
    await guest.screen("live")
    desk = await open_desk(guest)
    await desk.click("#take-form")
    await desk.wait_for_selector("#fields input")
    await guest.page.wait_for_selector("#review-desk:visible")
    await guest.do("rescan")
    await desk.wait_for_selector("#form", state="hidden")
    await guest.screen("review", timeout_s=40)
    assert await guest.page.is_hidden("#review-desk")

    # It closes too where nobody tells the page that it has been given back.
    await desk.click("#take-form")
    await desk.wait_for_selector("#fields input")
    await desk.route("**/form", lambda route: route.fulfill(status=204), times=1)
    await desk.click("#drop-form")
    await desk.wait_for_selector("#form", state="hidden")


async def test_a_guest_who_begins_anew_has_no_longer_than_others(kiosk: OpenKiosk) -> None:
    """A clerk who fills in the form is given minutes; the clerk of a visit that is left, none."""
    guest = await kiosk(FAKE_CAMERA, ALLOWED)
    page = guest.page
    await page.clock.install()
    await page.reload()
    await guest.welcome()
    await guest.do("manual")
    desk = await open_desk(guest)
    await desk.click("#take-form")
    await page.wait_for_selector("#review-desk:visible")
    await guest.do("rescan")
    await guest.screen("live")
    await page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    await page.clock.fast_forward(46_000)
    await page.wait_for_selector("#idle[open]")


async def test_a_clerk_takes_the_picture(kiosk: OpenKiosk) -> None:
    """Of a camera with nothing before it: the guest gets a form to go on with."""
    guest = await kiosk(FAKE_CAMERA, ALLOWED)
    await guest.do("begin")
    await guest.page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    desk = await open_desk(guest)
    await desk.click("#picture")
    await desk.wait_for_selector("#log li:has-text('Picture taken by hand')")
    await guest.screen("review", timeout_s=40)
    assert "could not be read" in await guest.page.inner_text("#review-lead")


async def test_a_clerk_begins_where_the_camera_does_not_help(kiosk: OpenKiosk) -> None:
    """From the live screen the guest's page goes to a form that the clerk fills in."""
    guest = await kiosk()
    await guest.do("specimen")
    await guest.screen("live")
    await guest.page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    desk = await open_desk(guest)
    await desk.click("#take-form")
    await guest.screen("review")
    await guest.page.wait_for_selector("#review-desk:visible")


@pytest.mark.parametrize(
    ("language", "direction"),
    [("ar", "rtl"), pytest.param("he", "rtl", marks=pytest.mark.thorough), ("pl", "ltr")],
)
async def test_the_desk_speaks_the_clerk_s_language(
    kiosk: OpenKiosk, language: str, direction: str
) -> None:
    guest = await kiosk()
    await guest.do("specimen")
    await guest.screen("live")
    desk = await open_desk(guest)
    await desk.fill("#words", "typed before")
    await desk.select_option("#hint", "GLARE")
    await desk.select_option("#language", language)
    await desk.wait_for_selector(f"html[lang={language}][dir={direction}]")
    words = texts(language)
    assert await desk.input_value("#words") == "typed before"
    assert await desk.input_value("#hint") == "GLARE"
    assert await desk.inner_text("#hint option:checked") == words["guidance.GLARE"]
    await guest.screen("review", timeout_s=40)
    read = words["staff.read"].format(status=words["staff.status.complete"], format="TD3")
    await desk.wait_for_selector(f"#log li:has-text('{read}')")
    await desk.click("#take-form")
    await desk.wait_for_selector("#fields input")
    caption = await desk.inner_text('label[for="staff-primary_identifier"]')
    assert caption == words["field.primary_identifier"]
    wrong = await desk.evaluate(
        """(words) => [...document.querySelectorAll("[data-i18n]")]
          .filter((node) => !words[node.dataset.i18n].includes("{"))
          .filter((node) => node.textContent !== words[node.dataset.i18n])
          .map((node) => node.outerHTML)""",
        words,
    )
    assert wrong == []
    facts = await desk.locator("#facts dd").all_inner_texts()
    assert words["staff.state.connected"] in facts and words["staff.check_form"] in facts
    # Nobody is at the camera then, whatever it sees.
    assert words["staff.stage.searching"] not in facts
    # Nothing of the page is left in English but what is a code, a name or a number.
    english = {text for text in texts("en").values() if len(text) > 6 and " " in text}
    assert not english & set((await desk.inner_text("body")).splitlines())
    queue = await desk.locator("#sessions").bounding_box()
    one = await desk.locator("#one").bounding_box()
    assert queue and one and (queue["x"] < one["x"]) == (direction == "ltr")
    assert not await desk.evaluate("document.documentElement.scrollWidth > innerWidth")
    # Back again, with what was typed.
    await desk.fill("#staff-secondary_identifier", "Anna María")
    await desk.select_option("#language", "en")
    await desk.wait_for_selector("html[dir=ltr]")
    assert await desk.input_value("#staff-secondary_identifier") == "Anna María"
    await desk.wait_for_selector("#log li:has-text('Read: complete')")
