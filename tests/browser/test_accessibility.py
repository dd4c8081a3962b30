"""WCAG 2.2 AA on every screen, by axe-core; keys alone; reduced motion."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.kiosk import ALLOWED, FAKE_CAMERA, OpenKiosk, play_file
from tests.browser.looks import LOOKS, faults, faults_in, look_as
from tests.browser.scenery import HOLD, screens
from tests.browser.test_scan import card_text

SPEAKS = "Object.defineProperty(navigator, 'languages', {value: ['%s']});"
SCREENS = 13
PROBLEMS = 10


@pytest.mark.timeout(1800)  # up to ninety looks, each by axe: much where the machine is busy
@pytest.mark.parametrize(
    ("language", "all_looks"),
    [
        ("en", False),
        pytest.param("ar", False, marks=pytest.mark.thorough),
        pytest.param("en", True, marks=pytest.mark.thorough),
        pytest.param("ar", True, marks=pytest.mark.thorough),
    ],
)
async def test_nothing_is_wrong_with_any_screen(
    kiosk: OpenKiosk, language: str, all_looks: bool
) -> None:
    """Each screen from the left and from the right: in three sizes, light and dark (``all_looks``),
    else in one of these looks after the other, another in each direction."""
    turn = 0 if language == "en" else len(LOOKS) // 2
    scripts = (HOLD, SPEAKS % language)
    # Where each look takes its time, the session behind a form that stands may be over.
    options = {"expect": ("404",) if all_looks else (), "language": "", "patience_s": 60}
    guest = await kiosk(FAKE_CAMERA, ALLOWED, scripts=scripts, **options)
    seen: list[str] = []
    async for name in screens(guest, language, slow=True, read=False):
        if name.startswith("problem-"):  # the same screen in other words
            await look_as(guest.page, "phone", "light")
            found = await faults(guest.page)
        else:
            place = (turn + len(seen)) % len(LOOKS)
            looks = LOOKS if all_looks else LOOKS[place : place + 1]
            found = await faults_in(guest.page, name, looks)
        assert not found, f"{name}: " + "\n".join(found)
        direction = "rtl" if language == "ar" else "ltr"
        assert await guest.page.get_attribute("html", "dir") == direction, name
        seen.append(name)
    assert len(set(seen)) == SCREENS + PROBLEMS


@pytest.mark.timeout(600)
@pytest.mark.parametrize("language", ["he", pytest.param("en", marks=pytest.mark.thorough)])
async def test_nothing_is_wrong_with_the_front_desk(kiosk: OpenKiosk, language: str) -> None:
    guest = await kiosk(patience_s=60)
    await guest.do("specimen")
    await guest.screen("live")
    page = await guest.page.context.new_page()
    await page.goto(f"{guest.origin}/staff")
    await page.click("#list button >> nth=-1")
    await page.wait_for_selector("#log li")
    await page.select_option("#language", language)
    await page.click("#take-form")
    await page.wait_for_selector("#fields input")
    found = await faults_in(page, "staff")
    assert not found, "\n".join(found)


async def test_what_is_wrong_is_found(kiosk: OpenKiosk) -> None:
    """Else the two above would prove nothing."""
    guest = await kiosk(language="")
    await look_as(guest.page, "phone", "light")
    assert await faults(guest.page) == []
    await guest.page.evaluate(
        """() => {
          const button = document.createElement("button");
          button.style = "inline-size: 20px; min-block-size: 0; padding: 0; overflow: hidden";
          button.textContent = "";
          const faint = document.createElement("p");
          faint.style = "color: #ddd; background: #fff; inline-size: 3em; white-space: nowrap";
          faint.textContent = "words that nobody can make out";
          document.querySelector("main").append(button, faint);
        }"""
    )
    found = "\n".join(await faults(guest.page))
    for fault in ("button-name", "color-contrast", "under 44 px", "cut off"):
        assert fault in found


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


KEEP_TOLD = """
window.told = [];
addEventListener("DOMContentLoaded", () => {
  const line = document.getElementById("guidance"); // the card's own frame has none
  const keep = () => line.dataset.code && window.told.push(line.dataset.code);
  if (line) new MutationObserver(keep).observe(line, { attributes: true });
});
"""


async def test_a_whole_visit_with_keys_alone(kiosk: OpenKiosk, scene_y4m: Path) -> None:
    """Welcome, language, camera, guidance, a picture that takes itself, review with a correction,
    card, thanks: no pointer at all."""
    camera = (FAKE_CAMERA, ALLOWED, play_file(scene_y4m))
    guest = await kiosk(*camera, scripts=(KEEP_TOLD,), language="")
    page = guest.page
    await tab_to(page, '[data-action="touch"]')
    await page.keyboard.press("Enter")
    await guest.screen("language")
    await tab_to(page, "#language-buttons [lang=en]")
    await page.keyboard.press("Space")
    await guest.screen("start")
    await tab_to(page, '.start [data-action="begin"]')
    await page.keyboard.press("Enter")
    await guest.screen("live")
    await tab_to(page, '.live [data-action="reset"]')  # a way out is at hand meanwhile
    await guest.screen("review", timeout_s=40)
    told = await page.evaluate("window.told")
    # What is told depends on where in its round the camera's film was; a hint stays for a second,
    # in which a quick machine has read the document.
    assert set(told) - {"NO_DOCUMENT"}, told
    assert await page.evaluate("document.activeElement.id") == "review-title"
    await tab_to(page, "#field-secondary_identifier")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("Anna María")
    corrected = page.locator("#field-secondary_identifier-evidence")
    assert await corrected.inner_text() == "Corrected"
    await tab_to(page, "#legend summary")
    await page.keyboard.press("Enter")
    assert await page.is_visible("#legend-list")
    await tab_to(page, "#confirm")
    await page.keyboard.press("Enter")
    await guest.screen("card")
    assert "Anna María" in await card_text(guest)
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


async def test_the_audio_device_is_opened_early_and_rests(kiosk: OpenKiosk) -> None:
    """At a touch: opening it when the picture is taken would hold up the page just then."""
    count = (
        "window.devices = []; const Real = window.AudioContext;"
        "window.AudioContext = class extends Real {"
        " constructor(...all) { super(...all); window.devices.push(this); } };"
    )
    guest = await kiosk(scripts=(count,))
    page = guest.page
    await page.wait_for_function("() => window.devices[0]?.state === 'suspended'")
    await guest.do("specimen")
    await guest.screen("review", timeout_s=40)
    assert await page.evaluate("window.devices.length") == 1
    await page.wait_for_function("() => window.devices[0].state === 'suspended'")


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
