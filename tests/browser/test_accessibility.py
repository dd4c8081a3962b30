"""WCAG 2.2 AA on every screen, by axe-core; keys alone; reduced motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.kiosk import ALLOWED, FAKE_CAMERA, OpenKiosk
from tests.browser.scenery import HOLD, screens

AXE = Path(__file__).resolve().parents[2] / "examples" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def violations(page: Page) -> list[str]:
    """What axe finds on what shows now; the browser's own PDF viewer is not ours."""
    # Run by the debugger, which the page's own policy does not bind.
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate(
        """(tags) => axe.run({ exclude: ["#card-view iframe"] }, {
          runOnly: { type: "tag", values: tags }, iframes: false, resultTypes: ["violations"],
        })""",
        RULES,
    )
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize(
    ("language", "scheme", "size"),
    [("en", "light", (1280, 800)), ("ar", "dark", (390, 844))],
)
async def test_axe_finds_nothing(
    kiosk: OpenKiosk, language: str, scheme: Any, size: tuple[int, int]
) -> None:
    guest = await kiosk(FAKE_CAMERA, ALLOWED, scripts=(HOLD,), language="")
    page = guest.page
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    seen = []
    async for name in screens(guest, language):
        found = await violations(page)
        assert not found, f"{name}: " + "\n".join(found)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        seen.append(name)
    assert len(seen) == 13


async def test_axe_finds_nothing_at_the_front_desk(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    await guest.do("specimen")
    await guest.screen("live")
    page = await guest.page.context.new_page()
    await page.goto(f"{guest.origin}/staff")
    await page.click("#list button >> nth=-1")
    await page.wait_for_selector("#log li")
    await page.click("#take-form")
    await page.wait_for_selector("#fields input")
    assert not (found := await violations(page)), "\n".join(found)
    # And what is wrong would be found.
    await page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert any("button-name" in each for each in await violations(page))


async def tab_to(page: Page, selector: str, limit: int = 40) -> None:
    """Press Tab until this element has the focus, and shows it."""
    for _ in range(limit):
        await page.keyboard.press("Tab")
        if await page.evaluate("(it) => document.activeElement.matches(it)", selector):
            seen = await page.evaluate(
                "() => getComputedStyle(document.activeElement).outlineStyle !== 'none'"
            )
            assert seen, f"nothing shows that {selector} has the focus"
            return
    raise AssertionError(f"{selector} is not reached by Tab")


async def test_a_whole_visit_with_keys_alone(kiosk: OpenKiosk) -> None:
    """Welcome, language, specimen, review with a correction, card, finish: no pointer at all."""
    guest = await kiosk(language="")
    page = guest.page
    await tab_to(page, '[data-action="touch"]')
    await page.keyboard.press("Enter")
    await guest.screen("language")
    await tab_to(page, "#language-buttons [lang=en]")
    await page.keyboard.press("Space")
    await guest.screen("start")
    await tab_to(page, '.start [data-action="specimen"]')
    await page.keyboard.press("Enter")
    await guest.screen("review", timeout_s=40)
    assert await page.evaluate("document.activeElement.id") == "review-title"
    await tab_to(page, "#field-secondary_identifier")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("Anna María")
    await tab_to(page, "#legend summary")
    await page.keyboard.press("Enter")
    assert await page.is_visible("#legend-list")
    await tab_to(page, "#confirm")
    await page.keyboard.press("Enter")
    await guest.screen("card")
    await tab_to(page, '[data-action="finish"]')
    await page.keyboard.press("Enter")
    await guest.screen("thanks")
    await tab_to(page, '[data-action="next"]')
    await page.keyboard.press("Enter")
    await guest.screen("attract")


async def test_nothing_moves_for_those_who_asked_for_it(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    page = guest.page
    await page.emulate_media(reduced_motion="reduce")
    await guest.do("specimen")
    await guest.screen("live")
    moving = await page.evaluate(
        """() => document.getAnimations()
          .filter((each) => each.effect.getComputedTiming().activeDuration > 10).length"""
    )
    assert moving == 0
    assert (
        await page.evaluate("getComputedStyle(document.querySelector('.flash')).display") == "none"
    )


async def test_guidance_is_announced_politely(kiosk: OpenKiosk) -> None:
    """What a screen reader says is what shows, a line at a time, without interrupting."""
    guest = await kiosk()
    page = guest.page
    await guest.do("specimen")
    await page.wait_for_function("() => document.getElementById('announcer').textContent")
    assert await page.get_attribute("#announcer", "aria-live") == "polite"
    assert await page.get_attribute("#guidance", "aria-hidden") == "true"


async def test_sounds_can_be_switched_off(kiosk: OpenKiosk) -> None:
    count = (
        "window.tones = 0; const real = OscillatorNode.prototype.start;"
        "OscillatorNode.prototype.start = function (...at) { window.tones += 1;"
        " return real.apply(this, at); };"
    )
    guest = await kiosk(scripts=(count,))
    page = guest.page
    await guest.do("specimen")
    await guest.screen("review", timeout_s=40)
    assert await page.evaluate("window.tones") > 0
    await page.click("#sound")
    assert await page.get_attribute("#sound", "aria-pressed") == "false"
    before = await page.evaluate("window.tones")
    await guest.do("rescan")
    await guest.screen("live")
    await guest.screen("review", timeout_s=40)
    assert await page.evaluate("window.tones") == before
    await guest.do("reset")
    assert await page.get_attribute("#sound", "aria-pressed") == "true"
