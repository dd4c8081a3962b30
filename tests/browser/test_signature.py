"""The pad on the review screen: drawn, cleared, kept, forgotten, and printed on the card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pypdfium2
import pytest
from playwright.async_api import Page

from tests.browser.kiosk import Kiosk, OpenKiosk, Server
from tests.browser.looks import violations
from tests.browser.serving import serving
from tests.browser.test_page import texts


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a property whose guests may sign on the screen."""
    folder = tmp_path_factory.mktemp("property")
    (folder / "page.json").write_text('{"signature": true}')
    with serving("--page.folder", str(folder)) as running:
        yield running


async def at_the_form(kiosk: OpenKiosk, language: str = "en") -> Kiosk:
    guest = await kiosk(language=language)
    await guest.do("manual")
    await guest.page.wait_for_selector("#signing:visible")
    return guest


async def sign(page: Page) -> None:
    """A stroke from the top left to the bottom right, and a dot."""
    await page.locator("#signature-pad").scroll_into_view_if_needed()
    box = await page.locator("#signature-pad").bounding_box()
    assert box
    left, top, width, height = box["x"], box["y"], box["width"], box["height"]
    await page.mouse.move(left + 0.2 * width, top + 0.3 * height)
    await page.mouse.down()
    for step in range(1, 9):
        await page.mouse.move(
            left + (0.2 + 0.05 * step) * width, top + (0.3 + 0.05 * step) * height
        )
    await page.mouse.up()
    await page.mouse.click(left + 0.8 * width, top + 0.5 * height)


def inked(page: Page) -> Any:
    """How many pixels of the pad are drawn on."""
    return page.evaluate(
        """() => {
          const pad = document.getElementById("signature-pad");
          // A copy is read: the pad itself is drawn on, and its browser warns of anything else.
          const copy = new OffscreenCanvas(pad.width, pad.height);
          const ink = copy.getContext("2d", { willReadFrequently: true });
          ink.drawImage(pad, 0, 0);
          const { data } = ink.getImageData(0, 0, pad.width, pad.height);
          return data.filter((value, index) => index % 4 === 3 && value > 0).length;
        }"""
    )


def ink_of(pdf: bytes) -> int:
    """Pixels of the page in the ink of a drawn signature, which nothing else has."""
    document = pypdfium2.PdfDocument(pdf)
    image = document[0].render(scale=2).to_numpy()[:, :, :3].astype(int)
    document.close()
    blue, green, red = image[:, :, 0], image[:, :, 1], image[:, :, 2]
    return int(((abs(red - 13) < 20) & (abs(green - 26) < 20) & (abs(blue - 77) < 20)).sum())


async def card_of(guest: Kiosk) -> bytes:
    await guest.screen("card")
    path = await guest.page.get_attribute("#card-link", "href")
    answer = await guest.page.request.get(f"{guest.origin}{path}")
    body: bytes = await answer.body()
    return body


@pytest.mark.parametrize("signed", [True, False])
async def test_what_is_drawn_is_on_the_card_and_nothing_need_be(
    kiosk: OpenKiosk, signed: bool
) -> None:
    guest = await at_the_form(kiosk)
    page = guest.page
    words = texts("en")
    await guest.type_document()
    assert await page.is_disabled("#signature-clear") and await inked(page) == 0
    await sign(page)
    assert await inked(page) > 100
    assert await page.inner_text("#signature-status") == words["signature.drawn"]
    for name in ("#signature-clear", "#signature-pad"):
        size = await page.locator(name).bounding_box()
        assert size and size["height"] >= 44 and size["width"] >= 44
    if not signed:
        await page.focus("#signature-clear")
        await page.keyboard.press("Enter")
        assert await inked(page) == 0
        assert await page.inner_text("#signature-status") == words["signature.cleared"]
        # The focus is somewhere, though the button cannot be pressed any more.
        assert await page.evaluate("document.activeElement.id") == "confirm"
    await page.click("#confirm")
    found = ink_of(await card_of(guest))
    assert found > 100 if signed else found == 0
    # The next guest finds nothing of it.
    await guest.do("finish")
    await guest.do("next")
    await guest.screen("attract")
    await guest.welcome()
    await guest.do("manual")
    await page.wait_for_selector("#signing:visible")
    assert await inked(page) == 0 and await page.inner_text("#signature-status") == ""


async def test_a_signature_stays_with_its_guest_and_a_palm_writes_nothing(kiosk: OpenKiosk) -> None:
    guest = await at_the_form(kiosk)
    page = guest.page
    await sign(page)
    before = await inked(page)
    await page.set_viewport_size({"width": 700, "height": 900})
    await page.wait_for_function("() => document.getElementById('signature-pad').clientWidth < 700")
    assert await inked(page) > 100
    await page.select_option("#language", "de")
    await page.wait_for_selector("html[lang=de]")
    assert await page.inner_text("#signature-status") == texts("de")["signature.drawn"]
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.evaluate(
        """() => {
          const pad = document.getElementById("signature-pad");
          const touch = (type, pointerId, x) => pad.dispatchEvent(new PointerEvent(type, {
            pointerId, pointerType: "touch", button: type === "pointermove" ? -1 : 0,
            clientX: pad.getBoundingClientRect().x + x, clientY: pad.getBoundingClientRect().y + 60,
          }));
          pad.setPointerCapture = () => {};
          touch("pointerdown", 7, 20);
          touch("pointerdown", 8, 300);
          touch("pointermove", 8, 600);
          touch("pointerup", 8, 600);
          touch("pointerup", 7, 20);
        }"""
    )
    grown = await inked(page)
    assert before < grown + 200 and grown < before + 200, "only a dot was added"


@pytest.mark.parametrize("language", ["ar", pytest.param("en", marks=pytest.mark.thorough)])
async def test_axe_finds_nothing_wrong_with_the_pad(kiosk: OpenKiosk, language: str) -> None:
    guest = await at_the_form(kiosk, language)
    await sign(guest.page)
    assert not (found := await violations(guest.page)), "\n".join(found)
    label = await guest.page.get_attribute("#signature-pad", "aria-label")
    assert label == texts(language)["signature.pad"]
    assert await guest.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_clerk_who_has_the_form_keeps_the_guest_from_signing(kiosk: OpenKiosk) -> None:
    guest = await at_the_form(kiosk)
    page = guest.page
    await page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    desk = f"{guest.origin}/api/staff/sessions"
    label = (await (await page.request.get(desk)).json())["sessions"][-1]["label"]
    await page.request.post(f"{desk}/{label}/form", data={})
    await page.wait_for_selector("#review-desk:visible")
    await sign(page)
    assert await inked(page) == 0
