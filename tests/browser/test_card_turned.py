"""A guest shows both sides of an identity card where the property asks for both."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from pipeline.types import ImageU8, MrtdFormat
from tests.browser.kiosk import HASTE, Kiosk, OpenKiosk, Server
from tests.browser.serving import serving
from tests.browser.test_page import texts
from tests.pipeline.posed import specimen_page, webcam_view

CAMERA = """
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [1280, 720];
  const context = canvas.getContext("2d", { alpha: false });
  setInterval(() => window.shown && context.drawImage(window.shown, 0, 0), 1000 / 24);
  return canvas.captureStream(24);
};
window.hold = async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  window.shown = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
};
"""
"""A camera that shows the picture handed to ``window.hold``."""
TOLD = ".live #guidance[data-code={code}]"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of a property that wants both sides of a card."""
    with serving("--pipeline.sides.wanted", "2") as running:
        yield running


def desk() -> ImageU8:
    return np.full((720, 1280, 3), 90, np.uint8)


def back() -> ImageU8:
    return webcam_view(specimen_page(MrtdFormat.TD1), share=0.5, turn_deg=0.0)[0]


def front() -> ImageU8:
    """The side without a zone: a portrait and fields on a card's shape."""
    height, width = specimen_page(MrtdFormat.TD1).shape[:2]
    page = specimen_page(MrtdFormat.TD3)
    upper = cv2.resize(page[: int(0.73 * page.shape[0])], (width, height))
    return webcam_view(np.asarray(upper, np.uint8), share=0.5, turn_deg=0.0)[0]


async def hold(guest: Kiosk, bgr: ImageU8) -> None:
    _, png = cv2.imencode(".png", bgr)
    await guest.page.evaluate("(it) => window.hold(it)", base64.b64encode(png.tobytes()).decode())


async def at_the_camera(kiosk: OpenKiosk, *scripts: str, language: str = "en") -> Kiosk:
    """A guest at the live screen, with nothing before the camera."""
    guest = await kiosk(scripts=(CAMERA, *scripts), language=language, patience_s=40)
    await hold(guest, desk())
    await guest.do("begin")
    await guest.screen("live")
    await guest.page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    return guest


async def told(guest: Kiosk, code: str) -> None:
    await guest.page.wait_for_selector(TOLD.format(code=code), timeout=60_000)


async def take_away(guest: Kiosk) -> None:
    """Show the empty desk until the server has seen it for long enough to believe it."""
    await hold(guest, desk())
    seen = await guest.page.evaluate("window.lobbylens.stats.overlays")
    await guest.page.wait_for_function("(n) => window.lobbylens.stats.overlays > n", arg=seen + 24)


@pytest.mark.timeout(240)
async def test_the_page_waits_for_the_other_side(kiosk: OpenKiosk) -> None:
    guest = await at_the_camera(kiosk)
    page = guest.page
    assert await page.is_hidden("#live-onward")
    await hold(guest, back())
    await told(guest, "TURN_OVER")
    await page.wait_for_selector("#live-onward:visible")
    await take_away(guest)
    await hold(guest, back())
    await told(guest, "SAME_SIDE_AGAIN")
    assert await page.get_attribute("body", "data-screen") == "live"
    await hold(guest, front())
    await guest.screen("review", timeout_s=90)
    values = await guest.values()
    assert values["document_number"] == "D23145890"
    await page.click("#confirm")
    await guest.screen("card")


@pytest.mark.timeout(240)
async def test_a_guest_may_go_on_with_one_side(kiosk: OpenKiosk) -> None:
    """What was read of it is in the form, whichever way on is taken."""
    guest = await at_the_camera(kiosk, HASTE, language="de")
    page = guest.page
    await hold(guest, back())
    await page.wait_for_selector("#live-onward:visible", timeout=60_000)
    assert await page.inner_text("#live-onward") == texts("de")["live.onward"]
    await page.focus("#live-onward")
    await page.keyboard.press("Enter")
    await guest.screen("review")
    assert (await guest.values())["document_number"] == "D23145890"
    await guest.do("rescan")
    await guest.screen("live")
    assert await page.is_hidden("#live-onward")
    await page.wait_for_selector("#live-onward:visible", timeout=60_000)
    await page.wait_for_selector("#live-manual:visible")
    await guest.do("manual")
    await guest.screen("review")
    assert (await guest.values())["document_number"] == "D23145890"


@pytest.mark.timeout(240)
async def test_the_next_of_a_family_is_no_side_of_the_one_before(kiosk: OpenKiosk) -> None:
    """The first guest goes on with one side, so that the server still awaits the other."""
    guest = await at_the_camera(kiosk, HASTE)
    page = guest.page
    await hold(guest, back())
    await page.wait_for_selector("#live-onward:visible", timeout=60_000)
    await guest.do("onward")
    await guest.screen("review")
    await page.click("#confirm")
    await guest.screen("card")
    await hold(guest, desk())
    await guest.do("another")
    await guest.screen("live")
    await take_away(guest)
    said = "#guidance:not([data-code=TURN_OVER])"
    await page.wait_for_selector(said, state="attached")
    await hold(guest, front())
    # As one of two it would be done, and the guest would wait for a form that does not come.
    await told(guest, "TURN_OVER")
    await take_away(guest)
    await hold(guest, back())
    await guest.screen("review", timeout_s=90)
    assert (await guest.values())["document_number"] == "D23145890"
