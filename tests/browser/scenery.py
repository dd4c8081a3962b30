"""Every screen of the page, each reached as a guest reaches it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tests.browser.kiosk import Kiosk


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


async def screens(guest: Kiosk, language: str = "en") -> AsyncIterator[str]:
    """Yields the name of each screen while it shows; begins at the attract screen.

    The browser must have been started with a fake camera that is allowed.
    """
    page = guest.page
    yield "attract"
    await guest.do("touch")
    await guest.screen("language")
    yield "language"
    await page.click(f"#language-buttons [lang={language}]")
    await guest.screen("start")
    yield "start"
    await guest.do("specimen")
    await guest.screen("live")
    await page.wait_for_selector("#guidance:not(:empty)")
    await page.wait_for_function("() => window.lobbylens.stats.marks.firstDetected")
    yield "live"
    await guest.screen("review", timeout_s=40)
    await page.fill("#field-secondary_identifier", "Anna María")
    yield "review"
    await page.click("#legend summary")
    await page.locator("#legend").scroll_into_view_if_needed()
    yield "review-marks"
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
    await guest.do("finish")
    await guest.screen("thanks")
    yield "thanks"
    await _show_problem(guest)
    yield "problem"
