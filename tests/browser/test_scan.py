"""A guest's whole way, from the camera to the printed card."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

from playwright.async_api import Page, expect
from pypdf import PdfReader

from tests.browser.kiosk import ALLOWED, FAKE_CAMERA, Kiosk, OpenKiosk, play_file
from tests.browser.test_page import texts

AS_READ = {
    "primary_identifier": "ERIKSSON",
    "secondary_identifier": "ANNA MARIA",
    "document_number": "L898902C3",
    "issuing_state": "UTO",
    "nationality": "UTO",
    "date_of_birth": "12/08/1974",
    "sex": "F",
    "date_of_expiry": "15/04/2012",
}


async def evidence(page: Page, name: str) -> str:
    return await page.locator(f"#field-{name}-evidence").inner_text()


async def card_text(kiosk: Kiosk) -> str:
    """The text of the PDF behind the page's own link."""
    address = await kiosk.page.get_attribute("#card-link", "href")
    answer = await kiosk.page.request.get(f"{kiosk.origin}{address}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/pdf"
    reader = PdfReader(io.BytesIO(await answer.body()))
    return "\n".join(page.extract_text() for page in reader.pages)


async def test_camera_to_card(kiosk: OpenKiosk, scene_y4m: Path) -> None:
    """The main one: the picture is taken by itself, the guest corrects, the card is filled."""
    guest = await kiosk(FAKE_CAMERA, ALLOWED, play_file(scene_y4m))
    page = guest.page
    await guest.do("begin")
    await guest.screen("live")
    assert "mirrored" in (await page.get_attribute("#picture-box", "class") or "")
    await guest.screen("review", timeout_s=30)
    values = await guest.values()
    assert {name: values[name] for name in AS_READ} == AS_READ
    assert await evidence(page, "document_number") == "Verified"
    # The page's print is compared a little later than the form is shown.
    told = ("Read, please check", "Read twice, both agree")
    assert await evidence(page, "primary_identifier") in told
    assert await page.is_visible("#review-expiry")

    await page.fill("#field-secondary_identifier", "Anna María")
    assert await evidence(page, "secondary_identifier") == "Corrected"
    await page.fill("#field-address", "1 Garden Street, Utopia")
    await page.click("#confirm")
    await guest.screen("card")
    text = await card_text(guest)
    for expected in ("ERIKSSON", "Anna María", "L898902C3", "1 Garden Street, Utopia"):
        assert expected in text
    frame = await page.get_attribute("#card-view iframe", "src")
    assert (frame or "").startswith(f"blob:{guest.origin}/")

    stats = await guest.stats()
    # A document that lies there from the start is read after some eighteen.
    assert stats["overlays"] > 10
    assert stats["matched"] > 5
    assert stats["marks"]["cameraGranted"] < stats["marks"]["firstOverlay"]


async def test_specimen_without_camera_and_reset(kiosk: OpenKiosk) -> None:
    """The bundled specimen plays through the same peer; reset leaves no trace of the guest."""
    guest = await kiosk()
    page = guest.page
    await guest.do("specimen")
    await guest.screen("review", timeout_s=30)
    assert (await guest.values())["primary_identifier"] == "ERIKSSON"
    await page.click("#confirm")
    await guest.screen("card")
    assert "ANNA MARIA" in await card_text(guest)

    # Also where the session is over: what the link itself names is gone then.
    await page.evaluate("document.getElementById('card-link').href += '-'")
    async with page.expect_popup() as opened:
        await page.click("#card-link")
    card = await opened.value
    await card.wait_for_load_state()
    assert await card.evaluate("document.contentType") == "application/pdf"
    await guest.do("edit")
    await guest.do("reset")
    await guest.screen("attract")
    assert await guest.values() == {}
    assert "ERIKSSON" not in await page.content()
    left = await page.evaluate(
        """() => ({
          stored: JSON.stringify([{...localStorage}, {...sessionStorage}]),
          stream: document.getElementById("preview").srcObject,
          frames: document.querySelectorAll("iframe").length,
          canvases: [...document.querySelectorAll("#picture-box canvas")].map((c) => c.width),
          link: document.getElementById("card-link").getAttribute("href"),
          voice: document.getElementById("announcer").textContent,
        })"""
    )
    assert left == {
        "stored": "[{},{}]",
        "stream": None,
        "frames": 0,
        "canvases": [1, 1],
        "link": None,
        "voice": "",
    }
    assert card.is_closed()
    await page.wait_for_function(
        "() => fetch('/health').then((answer) => answer.json()).then((it) => !it.sessions)",
        # Sessions of pages closed before may still wait for their peers; ours has one, and would
        # not end by itself.
        timeout=40_000,
    )


async def test_typed_by_hand_with_keys_only(kiosk: OpenKiosk) -> None:
    """A guest without camera or mouse types, and gets a card all the same."""
    guest = await kiosk()
    page = guest.page
    await page.focus('.start [data-action="manual"]')
    await page.keyboard.press("Enter")
    await guest.screen("review")
    assert await page.evaluate("document.activeElement.id") == "review-title"
    await page.keyboard.press("Tab")
    await page.keyboard.type("Müller")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Zoë")
    await guest.type_document(
        primary_identifier="Müller", nationality="", date_of_birth="1990-02-30"
    )
    await page.focus("#field-date_of_birth")
    await page.keyboard.press("Enter")
    complaint = page.locator(".field:has(#field-date_of_birth) .complaint")
    assert "12/08/1974" in await complaint.inner_text()
    assert await page.evaluate("document.activeElement.id") == "field-nationality"

    await page.keyboard.type("UTO")
    await page.fill("#field-date_of_birth", "1990-02-28")
    await page.keyboard.press("Enter")
    await guest.screen("card")
    text = await card_text(guest)
    assert "Müller" in text
    assert "Zoë" in text


async def test_a_character_the_card_cannot_print_is_named(kiosk: OpenKiosk) -> None:
    guest = await kiosk()
    await guest.do("manual")
    await guest.type_document(primary_identifier="Yamamoto \U0001e290")
    await guest.page.click("#confirm")
    message = guest.page.locator("#review-error")
    await message.wait_for(state="visible")
    assert "\U0001e290" in await message.inner_text()
    assert (await guest.values())["primary_identifier"] == "Yamamoto \U0001e290"
    await guest.page.select_option("#language", "de")
    german = texts("de")["review.missing_glyph"].format(character="\U0001e290")
    await expect(message).to_have_text(german)

    await guest.page.fill("#field-primary_identifier", "Yamamoto")
    await guest.page.click("#confirm")
    await guest.screen("card")


ANOTHER = """async () => {
  const line = document.getElementById("guidance");
  document.querySelector("[data-action=another]").click();
  const { state } = document.getElementById("stage").dataset;
  while (!line.textContent) await new Promise((done) => setTimeout(done, 20));
  return [state, line.dataset.code];
}"""


async def back_at_the_camera(guest: Kiosk) -> list[str]:
    """State and guidance that the next of a family sees first, with nothing before the camera."""
    desk = f"{guest.origin}/api/staff/sessions"
    async with asyncio.timeout(10):
        while True:
            session = (await (await guest.page.request.get(desk)).json())["sessions"][-1]
            if (session["capture"], session["guidance"]) == ("searching", "NO_DOCUMENT"):
                break
            await asyncio.sleep(0.1)
    seen: list[str] = await guest.page.evaluate(ANOTHER)
    return seen


async def test_a_family_in_one_session(kiosk: OpenKiosk) -> None:
    """Each has a document and a card of their own, and the first one's is not lost."""
    guest = await kiosk()
    page = guest.page
    await guest.do("specimen")
    cards = []
    for room in ("217", "218"):
        await guest.screen("review", timeout_s=40)
        values = await guest.values()
        assert (values["primary_identifier"], values["room"]) == ("ERIKSSON", "")
        await page.fill("#field-room", room)
        await page.click("#confirm")
        await guest.screen("card")
        assert room in await card_text(guest)
        cards.append(str(await page.get_attribute("#card-link", "href")))
        if len(cards) == 1:
            assert await back_at_the_camera(guest) == ["searching", "NO_DOCUMENT"]
            await guest.screen("live")
            assert await page.get_attribute("#card-link", "href") is None
    session, document = zip(*(path.split("/documents/") for path in cards), strict=True)
    assert session[0] == session[1] and document[0] != document[1]
    for path in cards:
        assert (await page.request.get(guest.origin + path)).status == 200


SAY_AGAIN = """
const listen = RTCDataChannel.prototype.addEventListener;
RTCDataChannel.prototype.addEventListener = function (type, hear, ...options) {
  if (type === "message") listen.call(this, type, ({ data }) => {
    if (!data.includes('"type":"result"')) return;
    window.sayAgain = () => hear(new MessageEvent("message", { data }));
  });
  listen.call(this, type, hear, ...options);
};
"""


async def test_news_of_the_guest_before_does_not_open_their_form_again(kiosk: OpenKiosk) -> None:
    """A page's print may be compared when the next of a family is at the camera already."""
    guest = await kiosk(scripts=(SAY_AGAIN,))
    page = guest.page
    await guest.do("specimen")
    await guest.screen("review", timeout_s=40)
    await page.click("#confirm")
    await guest.screen("card")
    await guest.do("another")
    await guest.screen("live")
    await page.evaluate("window.sayAgain()")
    assert await page.get_attribute("body", "data-screen") == "live"
    assert await guest.values() == {}


async def test_news_that_cross_a_reset_do_not_end_the_scan_again(kiosk: OpenKiosk) -> None:
    """What its print told is on the way while the guest asks for another reading."""
    guest = await kiosk(scripts=(SAY_AGAIN,))
    await guest.do("specimen")
    await guest.screen("review", timeout_s=40)
    shown = await guest.page.evaluate(
        """() => {
          document.querySelector("[data-action=rescan]").click();
          window.sayAgain();
          return document.body.dataset.screen;
        }"""
    )
    assert shown == "live"
    await guest.screen("review", timeout_s=30)


async def test_scan_again(kiosk: OpenKiosk) -> None:
    """From the form back to the camera, in the same session, and to a fresh form."""
    guest = await kiosk()
    await guest.do("specimen")
    await guest.screen("review", timeout_s=30)
    await guest.page.fill("#field-primary_identifier", "WRONG")
    await guest.do("rescan")
    await guest.screen("live")
    await guest.screen("review", timeout_s=30)
    assert (await guest.values())["primary_identifier"] == "ERIKSSON"
    assert (await guest.stats())["reconnects"] == 0
