"""Every screen of the page, each reached as a guest reaches it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tests.browser.kiosk import Kiosk

HOLD = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) =>
  window.hold ? new Promise(() => {}) : real(wanted);
"""
"""A script of the page: while ``window.hold``, the browser's question stays unanswered."""


async def _show_problem(guest: Kiosk) -> None:
    await guest.page.evaluate(
        """async () => {
          const { showProblem } = await import("/static/js/problem.js");
          showProblem("denied");
          for (const each of document.querySelectorAll(".screen")) {
            each.hidden = each.dataset.screen !== "problem";
          }
        }"""
    )


async def _ask_whether_idle(guest: Kiosk) -> None:
    """The page's own question, fourteen seconds before its end; `window.asking` takes it away."""
    await guest.page.evaluate(
        """async () => {
          const { Idle } = await import("/static/js/idle.js");
          window.asking = new Idle({ gone() {}, present() {} });
          window.asking.limitS = 14;
          window.asking.start();
        }"""
    )
    await guest.page.wait_for_selector("#idle[open]")


async def _help(guest: Kiosk) -> None:
    """What a clerk does for the youngest session: a hint, and taking over the form."""
    desk = f"{guest.origin}/api/staff/sessions"
    ask = guest.page.request
    label = (await (await ask.get(desk)).json())["sessions"][-1]["label"]
    await ask.post(f"{desk}/{label}/hint", data={"text": "I am on my way to you"})
    await ask.post(f"{desk}/{label}/form", data={})
    await guest.page.wait_for_selector("#review-desk:visible")


async def screens(guest: Kiosk, language: str = "en", *, slow: bool = False) -> AsyncIterator[str]:
    """Yields the name of each screen while it shows; begins at the attract screen.

    The browser has a fake camera that is allowed, and the page the script `HOLD`. ``slow``: the
    live screen too as it is after ten seconds without a document.
    """
    page = guest.page
    yield "attract"
    await guest.do("touch")
    await guest.screen("language")
    yield "language"
    await page.click(f"#language-buttons [lang={language}]")
    await guest.screen("start")
    yield "start"
    await page.evaluate("window.hold = true")
    await guest.do("begin")
    await guest.screen("asking")
    yield "asking"
    await page.evaluate("window.hold = false")
    await guest.do("reset")
    await guest.welcome(language)
    if slow:
        await guest.do("begin")
        await page.wait_for_selector("#live-manual:visible", timeout=60_000)
        yield "live-slow"
        await guest.do("reset")
        await guest.welcome(language)
    await guest.do("specimen")
    await guest.screen("live")
    await page.wait_for_selector("#guidance:not(:empty)")
    await page.wait_for_function("() => window.lobbylens.stats.marks.firstDetected")
    yield "live"
    await guest.screen("review", timeout_s=90)
    await page.fill("#field-secondary_identifier", "Anna María")
    yield "review"
    await page.click("#legend summary")
    await page.locator("#legend dl").scroll_into_view_if_needed()
    yield "review-marks"
    await page.click("#legend summary")
    await _help(guest)
    yield "review-help"
    await page.click("#review-mine")
    await page.fill("#field-nationality", "")
    await page.fill("#field-date_of_birth", "31/02")
    await page.click("#confirm")
    await page.wait_for_selector(".complaint")
    yield "review-complaints"
    await page.fill("#field-nationality", "UTO")
    await page.fill("#field-date_of_birth", "1974-08-12")
    await page.click("#confirm")
    await guest.screen("card")
    await page.wait_for_selector("#card-view iframe, #card-view .hint")
    yield "card"
    await _ask_whether_idle(guest)
    yield "idle"
    await page.evaluate("window.asking.stop()")
    await guest.do("finish")
    await guest.screen("thanks")
    yield "thanks"
    await _show_problem(guest)
    yield "problem"
