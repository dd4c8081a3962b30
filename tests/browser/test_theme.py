"""A property's own colours, name and logo on the page that its guests see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route

from tests.browser.kiosk import Kiosk, OpenKiosk, Server
from tests.browser.looks import faults_in
from tests.browser.serving import serving

ACCENT, ACCENT_DARK = "#ffd54a", "#7a1f2b"
"""The worst of both: hardly to be seen on a light page, hardly on a dark one."""
THEME = ":root { --radius: 3px; --page: light-dark(#fdf6ec, #101820); --font: Georgia, serif; }"
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 3"><path d="M0 0h9v3H0z"/></svg>'
ELSEWHERE = "https://elsewhere.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose property has a folder of its own."""
    folder: Path = tmp_path_factory.mktemp("property")
    told = {"name": "Hotel Utopia", "accent": ACCENT, "accent_dark": ACCENT_DARK}
    (folder / "page.json").write_text(json.dumps(told | {"languages": ["de", "en", "he"]}))
    (folder / "theme.css").write_text(THEME)
    (folder / "logo.svg").write_text(LOGO)
    with serving("--page.folder", str(folder)) as running:
        yield running


async def style(page: Page, selector: str, name: str) -> str:
    """The computed value of what this selector finds first."""
    value: str = await page.evaluate(
        "([it, name]) => getComputedStyle(document.querySelector(it)).getPropertyValue(name)",
        [selector, name],
    )
    return value


def rgb(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"


async def check_colours(guest: Kiosk, scheme: Any, accent: str, ground: str) -> None:
    # Colours change by and by, except for who asked for no motion.
    await guest.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert await style(guest.page, ".attract .primary", "background-color") == rgb(accent)
    assert await style(guest.page, "body", "background-color") == rgb(ground)


async def test_a_property_has_its_colours_name_and_logo(kiosk: OpenKiosk) -> None:
    """From a folder of settings, without a word of complaint by the page's own policy."""
    guest = await kiosk(language="")
    page = guest.page
    assert await page.inner_text("#property-name") == await page.title() == "Hotel Utopia"
    assert await page.evaluate("document.querySelector('.brand img').naturalWidth") > 0
    assert await (await page.request.get(f"{guest.origin}/logo")).text() == LOGO
    await check_colours(guest, "light", ACCENT, "#fdf6ec")
    await check_colours(guest, "dark", ACCENT_DARK, "#101820")
    assert (await style(page, "body", "font-family")).startswith("Georgia")
    await guest.do("touch")
    await guest.screen("language")
    names = await page.locator("#language-buttons button").all_inner_texts()
    assert names == ["Deutsch", "English", "עברית"]
    await page.click("#language-buttons [lang=en]")
    await guest.do("manual")
    assert await style(page, "fieldset", "border-top-left-radius") == "3px"
    assert await style(page, "#confirm", "border-top-left-radius") == "1px"
    assert await style(page, ".control", "border-top-left-radius") == "0px"


async def test_what_is_written_in_a_propertys_colours_can_be_read(kiosk: OpenKiosk) -> None:
    guest = await kiosk(language="")
    page = guest.page
    looks = (("desk", "light"), ("phone", "dark"))
    found = await faults_in(page, "attract", looks)
    await guest.welcome()
    found += await faults_in(page, "start", looks)
    await guest.do("manual")
    await guest.screen("review")
    await page.evaluate("document.getElementById('legend').hidden = false")
    await page.click("#legend summary")
    found += await faults_in(page, "review", looks)
    assert not found, "\n".join(found)


async def test_a_theme_reaches_nothing_elsewhere(kiosk: OpenKiosk) -> None:
    """A style that wants a font, a picture or a sheet of another server is left without them."""
    theme = (
        f'@import "{ELSEWHERE}/more.css"; body {{ background: url("{ELSEWHERE}/wall.png") #fff; }}'
    )

    async def answer(route: Route) -> None:
        await route.fulfill(body=theme, content_type="text/css")

    guest = await kiosk(language="", expect=("Content Security Policy", ELSEWHERE))
    page = guest.page
    refused: dict[str, str | None] = {}
    page.on("requestfailed", lambda request: refused.update({request.url: request.failure}))
    await page.route("**/theme.css", answer)
    await page.reload()
    await guest.screen("attract")
    assert await style(page, "body", "background-color") == "rgb(255, 255, 255)"
    assert refused == {f"{ELSEWHERE}/{name}": "csp" for name in ("more.css", "wall.png")}
