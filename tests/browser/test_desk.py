"""The front desk's page beside a guest's: what it shows, and how its help arrives."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, Route

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
        await desk.fill("#words", "for the guest who shows")
        await desk.click(leave)
        await page.wait_for_selector("#review-desk", state="hidden")
        assert await page.is_enabled("#confirm")
        await desk.wait_for_selector("#form", state="hidden")
    assert not await desk.input_value("#words"), "it is not said to the next"


async def test_a_clerk_who_is_not_known_any_more_leaves_no_form(kiosk: OpenKiosk) -> None:
    """Whoever comes with a token next would find what the guest's document says."""
    guest = await kiosk()
    await guest.do("manual")
    desk = await open_desk(guest)
    await desk.click("#take-form")
    await desk.fill("#staff-primary_identifier", "Eriksson")

    async def refuse(route: Route) -> None:
        await route.fulfill(status=401, body="{}")

    await desk.route("**/api/staff/sessions", refuse)
    await desk.wait_for_selector("#gate:visible")
    assert not await desk.query_selector("#fields .control")


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
    # The next guest's keyboard and screen reader begin at the beginning.
    await page.click("#idle [data-action=reset]")
    await guest.screen("attract")
    assert await page.evaluate("document.activeElement.dataset.i18n") == "attract.title"


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
