"""What a page prints beside its zone, from the camera to the form: agreement and contradiction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from models.training.mrz_lines import SpecimenFields
from models.training.specimen import draw_specimen
from pipeline.types import ImageU8, MrtdFormat
from tests.browser.kiosk import Kiosk, OpenKiosk
from tests.browser.test_card_turned import CAMERA, hold
from tests.browser.test_page import texts
from tests.browser.test_scan import card_text, evidence
from tests.pipeline.posed import webcam_view

PRINTED = SpecimenFields()
IN_ZONE = replace(
    PRINTED, document_number="XK4417723", date_of_birth="630927", date_of_expiry="311129"
)
ON_PAGE = {
    "primary_identifier": ("Surname / Nom", "ERIKSSON"),
    "document_number": ("Passport No.", "L898902C3"),
    "date_of_birth": ("Date of birth", "12 AUG 1974"),
    "date_of_expiry": ("Date of expiry", "15 APR 2012"),
}
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
LOOKS = 4
"""At most. Each is right about the name, and sure enough to contradict more often than not."""


def of_two_documents() -> ImageU8:
    """A page whose zone, right in itself, is that of another document of somebody of that name.

    Captions are larger than the specimen's: a webcam's picture seldom shows small ones.
    """
    page = Image.fromarray(draw_specimen(MrtdFormat.TD3, IN_ZONE, 1500).bgr)
    draw = ImageDraw.Draw(page)
    draw.rectangle((500, 195, 1460, 740), fill=(228, 228, 228))
    for top, (caption, value) in zip(range(200, 720, 130), ON_PAGE.values(), strict=True):
        draw.text((540, top), caption, (60, 40, 40), ImageFont.truetype(FONT, 34))
        draw.text((540, top + 44), value, (20, 20, 20), ImageFont.truetype(FONT, 44))
    return webcam_view(np.asarray(page), (1920, 1080), share=0.7, turn_deg=1.0, defocus=0.3)[0]


async def contradicted(guest: Kiosk) -> str:
    """The name of a field that the print contradicts, after as many looks as that takes."""
    name = "#document-fields .field:has(#field-primary_identifier)[data-status=corroborated]"
    conflict = guest.page.locator("#document-fields .field[data-status=conflict] .control")
    for _ in range(LOOKS):
        await guest.screen("review", timeout_s=60)
        await guest.page.wait_for_selector(name)
        if await conflict.count():
            return str(await conflict.first.get_attribute("name"))
        await guest.do("rescan")
        await guest.screen("live")
    raise AssertionError(f"no conflict in {LOOKS} looks")


@pytest.mark.thorough
@pytest.mark.timeout(240)
async def test_what_the_print_says_is_told_at_each_field(kiosk: OpenKiosk) -> None:
    """The name is corroborated; what differs is a conflict that shows both, and stops nobody."""
    camera = CAMERA.replace("1280, 720", "1920, 1080")
    guest = await kiosk(scripts=(camera,), patience_s=60)
    page = guest.page
    words = texts("en")
    await hold(guest, of_two_documents())
    await guest.do("begin")
    name = await contradicted(guest)
    assert name != "primary_identifier"
    assert await evidence(page, "primary_identifier") == words["status.corroborated"]
    assert await evidence(page, name) == words["status.conflict"]
    row = page.locator(".field", has=page.locator(f"#field-{name}"))
    assert ON_PAGE[name][1] in await row.locator(".printed").inner_text()
    assert await page.inner_text("#review-lead") == words["review.lead_review"]
    assert (await guest.values())["document_number"] == IN_ZONE.document_number
    await page.click("#confirm")
    await guest.screen("card")
    assert IN_ZONE.document_number in await card_text(guest)
