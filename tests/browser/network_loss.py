"""One visit whose network is lost while the guest reviews; run in a network namespace of its own.

``unshare -rn python -m tests.browser.network_loss down`` takes the interface down for some seconds,
so that whatever is sent is refused; ``silent`` holds the server still, so that nothing answers and
what was sent is late. It prints how soon overlays came again, which sessions answered offers, how
the offers were counted, and whose card came out.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import Any

from playwright.async_api import Page, Request, Response

from tests.browser.alone import first_page, set_loopback, tell
from tests.browser.kiosk import WEBCAM

_LOST_S = 7.0
"""Both sides have noticed by then: the page after 3 s, the server after 4 s."""
# Counted at the channel: the review screen itself shows no overlays.
COUNT_OVERLAYS = """
window.overlaysHeard = 0;
const listen = RTCDataChannel.prototype.addEventListener;
RTCDataChannel.prototype.addEventListener = function (type, hear, ...options) {
  if (type === "message") listen.call(this, type, ({data}) => {
    window.overlaysHeard += data.includes('"type":"overlay"');
  });
  listen.call(this, type, hear, ...options);
};
"""


async def lose_network(page: Page, process: asyncio.subprocess.Process, kind: str) -> float:
    """Lose it and get it back; seconds from then to the next overlay."""

    def network(up: bool) -> None:
        if kind == "down":
            set_loopback(up=up)
        else:
            process.send_signal(signal.SIGCONT if up else signal.SIGSTOP)

    network(False)
    try:
        await page.wait_for_function("() => 'lost' in window.lobbylens.stats.marks")
        await asyncio.sleep(_LOST_S - 3)
        heard = await page.evaluate("window.overlaysHeard")
    finally:
        network(True)
    back_s = time.monotonic()
    await page.wait_for_function(f"() => window.overlaysHeard > {heard}", timeout=20_000)
    return time.monotonic() - back_s


async def visit(kind: str, flags: list[str]) -> dict[str, Any]:
    async with first_page(flags, (WEBCAM, COUNT_OVERLAYS)) as (kiosk, process):
        page = kiosk.page
        sessions: list[str] = []

        async def note(answer: Response) -> None:
            if answer.url.endswith("/offer") and answer.ok:
                sessions.append((await answer.json())["session_id"])

        attempts: list[int] = []

        def count(request: Request) -> None:
            if request.url.endswith("/offer"):
                attempts.append((request.post_data_json or {})["session"]["attempt"])

        page.on("response", note)
        page.on("request", count)
        await kiosk.welcome()
        await kiosk.do("begin")
        await kiosk.screen("review", timeout_s=60)
        await page.fill("#field-room", "217")
        back_s = await lose_network(page, process, kind)
        values = await kiosk.values()
        async with page.expect_response(lambda each: each.url.endswith("/card.pdf")) as card:
            await page.click("#confirm")
        await kiosk.screen("card")
        return {
            "back_s": back_s,
            "sessions": sessions,
            "attempts": attempts,
            "values": values,
            "card": (await card.value).url,
            "reconnects": (await kiosk.stats())["reconnects"],
        }


if __name__ == "__main__":
    tell(visit(sys.argv[1], sys.argv[2:]))
