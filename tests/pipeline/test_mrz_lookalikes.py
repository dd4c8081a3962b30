"""Print that is no zone though it looks like one: refused, or at least never believed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from models.training.specimen import draw_specimen
from pipeline.still import read_mrz_lines
from pipeline.types import ImageU8, MrtdFormat

_OCR_B = "/usr/share/fonts/opentype/ocr-b/OCRB.otf"
PITCH_PX = 22

ONE_LINERS = {
    "Dutch driving licence": ("D1NLD15094962111659VRL0KTD07E3",),
    "driving licence, ISO 18013": ("D1UTO1234567890123456789<<<<<5",),
    "German vehicle papers": ("WVWZZZ1JZXW000001<<<<<<<<<<<<<",),
    "cheque": ("<0000123< 045678901234< 000012345600<",),
    "payment slip": ("0100003949753>120000000000234478943216899+ 010001628>",),
    "one row of a passport": ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",),
}
SEVERAL_LINES = {
    "two cheque lines": ("<0000123<045678901234<0000123456", "<0000124<045678901234<0000123456"),
    "serial numbers": tuple(f"SN{7919 * row:012d}XK{104729 * row:014d}ZZ" for row in range(1, 6)),
    "leaders": ("CHAPTER<ONE<<<<<<<<<<<<<<<<<<12", "CHAPTER<TWO<<<<<<<<<<<<<<<<<<34"),
    "source code": (
        "STD<<COUT<<NAME<<STD<<ENDL<<<RETURN<0<",
        "IF<A<<B<<C<<D<<THEN<X<<<Y<ELSE<Z<<<<<W",
    ),
}


def page(lines: tuple[str, ...]) -> ImageU8:
    """Lines of OCR-B at the zone's pitch in the lower part of a card, other print above."""
    size = round(PITCH_PX * 1.66)
    width, height = PITCH_PX * (max(map(len, lines)) + 6), 900
    card = Image.new("L", (width, height), 236)
    draw = ImageDraw.Draw(card)
    for row in range(6):
        draw.text((60, 60 + 50 * row), f"Document of a kind, row {row}", fill=60, font_size=26)
    font = ImageFont.truetype(_OCR_B, size)
    for row, line in enumerate(lines):
        y = height - 80 - round((len(lines) - 1 - row) * 2.5 * PITCH_PX)
        for place, character in enumerate(line):
            middle = (3.5 + place) * PITCH_PX
            draw.text((middle, y), character, font=font, fill=25, anchor="ms")
    soft = cv2.GaussianBlur(np.asarray(card), (0, 0), 0.8)
    return np.asarray(cv2.cvtColor(soft, cv2.COLOR_GRAY2BGR), np.uint8)


def asked(picture: ImageU8, folder: Path) -> tuple[list[str], bool]:
    path = folder / "page.png"
    cv2.imwrite(str(path), picture)
    found = read_mrz_lines(path)
    return found["lines"], found["valid"]


@pytest.mark.parametrize("name", ONE_LINERS)
def test_a_single_line_is_refused(name: str, tmp_path: Path) -> None:
    assert asked(page(ONE_LINERS[name]), tmp_path) == ([], False)


@pytest.mark.parametrize("name", SEVERAL_LINES)
def test_lines_of_another_kind_are_not_believed(name: str, tmp_path: Path) -> None:
    assert not asked(page(SEVERAL_LINES[name]), tmp_path)[1]


def test_the_same_page_with_a_zone_is_read(tmp_path: Path) -> None:
    """What the others lack is the zone alone: drawn the same way, one is read."""
    for mrtd_format in (MrtdFormat.TD3, MrtdFormat.TD1):
        lines = draw_specimen(mrtd_format, width_px=200).lines
        assert asked(page(lines), tmp_path) == (list(lines), True)
