"""What is left of a guest who has gone: nothing, neither to see nor in the page's memory."""

from __future__ import annotations

import json

from playwright.async_api import Page

from tests.browser.kiosk import OpenKiosk

TYPED = "Quetzalcoatlus"
READ = ("ERIKSSON", "L898902C3", "ANNA MARIA", "P<UTO")


async def heap_strings(page: Page) -> str:
    """Every string that the page's JavaScript and DOM can still reach."""
    session = await page.context.new_cdp_session(page)
    chunks: list[str] = []
    session.on(
        "HeapProfiler.addHeapSnapshotChunk",
        lambda part: chunks.append(part["chunk"]),
    )
    await session.send("HeapProfiler.enable")
    await session.send("HeapProfiler.collectGarbage")
    await session.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    await session.detach()
    return "\n".join(json.loads("".join(chunks))["strings"])


async def test_an_idle_guest_leaves_nothing_behind(kiosk: OpenKiosk) -> None:
    """Read by the camera, corrected by hand, and gone: DOM, storage and heap are searched."""
    guest = await kiosk(language="")
    page = guest.page
    await page.clock.install()
    await page.reload()
    await guest.welcome()
    await guest.do("specimen")
    await guest.screen("live")
    await page.clock.resume()
    await guest.screen("review", timeout_s=60)
    await page.focus("#field-address")
    await page.keyboard.type(TYPED)
    held = await heap_strings(page)
    assert all(secret in held for secret in READ), "the search finds what is there"

    await page.clock.fast_forward(46_000)
    await page.wait_for_selector("#idle[open]")
    await page.clock.fast_forward(15_000)
    await guest.screen("attract")
    await page.wait_for_timeout(500)
    left = await page.evaluate(
        """async () => JSON.stringify([
          document.documentElement.outerHTML,
          [...document.querySelectorAll("input, select")].map(({ value }) => value),
          { ...localStorage }, { ...sessionStorage }, document.cookie,
          await indexedDB.databases(), await caches.keys(),
        ])"""
    )
    kept = await heap_strings(page)
    for secret in (TYPED, *READ):
        assert secret not in left
        assert secret not in kept, f"{secret} is still in the page's memory"
