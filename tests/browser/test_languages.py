"""A scan in each direction of writing, dates as guests write them, every language at once."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from tests.browser.kiosk import OpenKiosk
from tests.browser.test_page import LANGUAGES, texts
from tests.browser.test_scan import card_text

WRITTEN = {
    # language, and the browser's own tag -> 12 August 1974 and how it is echoed
    ("en", "en-GB"): ("12/08/1974", "12 August 1974"),
    ("en", "en-US"): ("08/12/1974", "August 12, 1974"),
    ("de", "en-GB"): ("12.08.1974", "12. August 1974"),
    ("nl", "en-GB"): ("12-08-1974", "12 augustus 1974"),
    ("zh", "zh-CN"): ("1974/08/12", "1974年8月12日"),
    ("he", "en-GB"): ("12.08.1974", "12 באוגוסט 1974"),
}
CONVERT = """async ([language, texts]) => {
  const i18n = await import("/static/js/i18n.js");
  const dates = await import("/static/js/dates.js");
  await i18n.use(language);
  return texts.map((text) => dates.toIso(text));
}"""


@pytest.mark.parametrize(
    ("language", "direction"),
    [pytest.param("de", "ltr", marks=pytest.mark.thorough), ("ar", "rtl")],
)
async def test_a_scan_in_each_direction(kiosk: OpenKiosk, language: str, direction: str) -> None:
    guest = await kiosk(language=language)
    page = guest.page
    words = texts(language)
    assert await page.get_attribute("html", "dir") == direction
    assert await page.get_attribute("html", "lang") == language
    await guest.do("specimen")
    await guest.screen("live")
    await page.wait_for_function("() => document.getElementById('guidance').textContent")
    guidance = await page.inner_text("#guidance")
    assert guidance in {text for key, text in words.items() if key.startswith("guidance.")}
    await guest.screen("review", timeout_s=40)
    assert await page.inner_text("#review-title") == words["review.title"]
    assert (await guest.values())["primary_identifier"] == "ERIKSSON"
    note = await page.inner_text("#field-document_number-evidence")
    assert note == words["status.checksum"]
    box = await page.locator("#confirm").bounding_box()
    other = await page.locator('[data-action="rescan"]').bounding_box()
    assert box and other
    assert (box["x"] < other["x"]) == (direction == "ltr"), "the main button comes first"
    # What is printed from left to right stays so.
    assert await page.get_attribute("#field-document_number", "dir") == "ltr"
    await page.click("#confirm")
    await guest.screen("card")
    assert "1974" in await card_text(guest)


@pytest.mark.parametrize(("language", "tag"), WRITTEN)
async def test_dates_are_written_as_the_guest_writes_them(
    kiosk: OpenKiosk, language: str, tag: str
) -> None:
    written, words = WRITTEN[language, tag]
    tell = f"Object.defineProperty(navigator, 'languages', {{value: ['{tag}']}});"
    guest = await kiosk(scripts=(tell,), language=language)
    page = guest.page
    await guest.do("manual")
    await page.fill("#field-date_of_birth", written)
    assert await page.inner_text("#field-date_of_birth-echo") == words
    # The other way round too: what was typed in one language is rewritten for the next.
    await page.select_option("#language", "fr")
    await page.wait_for_selector("html[lang=fr]")
    assert (await guest.values())["date_of_birth"] == "12/08/1974"


async def test_what_is_no_day_is_no_date(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    given = {
        "12/08/1974": "1974-08-12",
        "12. 8. 1974": "1974-08-12",
        "1974-08-12": "1974-08-12",
        "١٢/٠٨/١٩٧٤": "1974-08-12",
        "12/08/74": "",
        "31/02/1974": "",
        "08/13/1974": "",
        "today": "",
        "": "",
        "29/02/2000": "2000-02-29",
        "29/02/1900": "",
    }
    found = await guest.page.evaluate(CONVERT, ["en", list(given)])
    assert dict(zip(given, found, strict=True)) == given


async def test_each_language_fills_every_screen(kiosk: OpenKiosk) -> None:
    """Nothing is left in another language when the guest changes it on a screen that shows."""
    guest = await kiosk(language="en")
    page = guest.page
    await guest.do("manual")
    for language in LANGUAGES:
        await page.select_option("#language", language)
        await page.wait_for_selector(f"html[lang={language}]")
        words = texts(language)
        wrong = await page.evaluate(
            """(words) => [...document.querySelectorAll("[data-i18n]")]
              .filter((node) => !words[node.dataset.i18n].includes("{"))
              .filter((node) => node.textContent !== words[node.dataset.i18n])
              .map((node) => node.outerHTML)""",
            words,
        )
        assert wrong == []
        overflow = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not overflow, language


# While window.impatient, nothing is waited for as long as usual.
IMPATIENT = """
const limit = AbortSignal.timeout.bind(AbortSignal);
AbortSignal.timeout = (ms) => limit(window.impatient ? 400 : ms);
"""


async def test_a_language_whose_words_cannot_be_had_is_not_said_to_be_chosen(
    kiosk: OpenKiosk,
) -> None:
    guest = await kiosk(scripts=(IMPATIENT,), language="", expect=("TimeoutError", "Failed to"))
    page = guest.page
    held: list[Route] = []  # never let through
    await page.route("**/static/lang/fr.json", lambda route: held.append(route))
    await page.evaluate("window.impatient = true")
    await guest.welcome("fr")
    await page.evaluate("window.impatient = false")
    assert await page.input_value("#language") == "en"
    assert len(held) == 1

    await page.route("**/static/lang/fr.json", lambda route: route.abort())
    for opened in (page, await page.context.new_page()):
        if opened is not page:
            await opened.goto(f"{guest.origin}/staff")
            await opened.route("**/static/lang/fr.json", lambda route: route.abort())
            await opened.wait_for_selector("#hint option", state="attached")
        async with opened.expect_event("requestfailed"):
            await opened.select_option("#language", "fr")
        await expect(opened.locator("#language")).to_have_value("en")
        await opened.unroute_all()
        await opened.select_option("#language", "fr")
        await opened.wait_for_selector("html[lang=fr]")


SLOW_WORDS = """
const fetched = window.fetch.bind(window);
window.fetch = async (address, ...rest) => {
  const slow = String(address).includes("/static/lang/");
  if (slow) await new Promise((done) => setTimeout(done, 500));
  return fetched(address, ...rest);
};
addEventListener("DOMContentLoaded", () => {
  const look = () => {
    if (!document.body.dataset.screen) return;
    window.firstWords ??= document.querySelector(".screen:not([hidden]) h1").textContent;
  };
  new MutationObserver(look).observe(document.body, { attributes: true });
});
"""


async def test_no_screen_shows_before_its_words(kiosk: OpenKiosk) -> None:
    guest = await kiosk(scripts=(SLOW_WORDS,), language="")
    assert await guest.page.evaluate("window.firstWords") == "Welcome"


async def test_a_page_that_cannot_have_its_words_shows_itself(kiosk: OpenKiosk) -> None:
    slowly = "await new Promise((done) => setTimeout(done, 500))"
    lost = SLOW_WORDS.replace(slowly, "address += '-'")
    guest = await kiosk(scripts=(lost,), language="", expect=("404", "HTTP 404"))
    assert await guest.page.is_visible("[data-action=touch]")
