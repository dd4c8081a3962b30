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


PROBLEMS = (
    *("denied", "none", "in_use", "gone", "insecure", "unsupported", "camera"),
    *("server", "busy", "access", "network"),
)
"""What can go wrong, each with words of its own on one screen."""


async def _show_problem(guest: Kiosk, kind: str) -> None:
    await guest.page.evaluate(
        """async (kind) => {
          const { showProblem } = await import("/static/js/problem.js");
          showProblem(kind);
          for (const each of document.querySelectorAll(".screen")) {
            each.hidden = each.dataset.screen !== "problem";
          }
        }""",
        kind,
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
    await guest.page.evaluate("window.asking.limitS = 600")  # it waits for whoever looks at it


async def _help(guest: Kiosk) -> None:
    """What a clerk does for the youngest session: a hint, and taking over the form."""
    desk = f"{guest.origin}/api/staff/sessions"
    ask = guest.page.request
    label = (await (await ask.get(desk)).json())["sessions"][-1]["label"]
    await ask.post(f"{desk}/{label}/hint", data={"text": "I am on my way to you"})
    await ask.post(f"{desk}/{label}/form", data={})
    await guest.page.wait_for_selector("#review-desk:visible")


EVERY_MARK = """async () => {
  const { Review } = await import("/static/js/review.js");
  const field = (value, status, more = {}) => ({ value, status, printed: null, ...more });
  const form = new Review(() => {});
  form.fill({
    status: "needs_review",
    document: { format: "TD3", issuing_state: "UTO" },
    fields: {
      primary_identifier: field("MUELLER", "corroborated", { printed: "Müller" }),
      secondary_identifier: field("ANNA MARIA", "read", { truncated: true }),
      document_number: field("XK4417723", "conflict", { printed: "XK4417728" }),
      nationality: field("UTO", "read"),
      date_of_birth: field("1974-08-12", "checksum", { century_inferred: true }),
      sex: field(null, "missing"),
      date_of_expiry: field("2012-04-15", "checksum"),
    },
    mrz: { corrections: [{ field: "date_of_birth", read: "B", corrected: "8" }] },
  });
}"""
"""A form as it comes of a poor reading: each mark, each note and each warning once."""


async def _review(guest: Kiosk, read: bool) -> None:
    """The form, by a specimen that is read or as it might have been."""
    if read:
        await guest.screen("review", timeout_s=90)
    else:
        await guest.do("manual")
        await guest.page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
        await guest.page.evaluate(EVERY_MARK)
    await guest.page.fill("#field-secondary_identifier", "Anna María")


async def screens(
    guest: Kiosk, language: str = "en", *, slow: bool = False, read: bool = True
) -> AsyncIterator[str]:
    """Yields the name of each screen while it shows; begins at the attract screen.

    The browser has a fake camera that is allowed, and the page the script `HOLD`. ``slow``: the
    live screen too as it is after ten seconds without a document, and every problem. Without
    ``read`` no picture is taken: the form shows every mark, and nothing goes on by itself.
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
    if read:
        await guest.do("specimen")
        await guest.screen("live")
        await page.wait_for_selector("#guidance:not(:empty)")
        await page.wait_for_selector("#stage:is([data-state=aligning], [data-state=holding])")
        yield "live"
    await _review(guest, read)
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
    await _show_problem(guest, PROBLEMS[0])
    yield "problem"
    for kind in PROBLEMS[1:] if slow else ():
        await _show_problem(guest, kind)
        yield f"problem-{kind}"
