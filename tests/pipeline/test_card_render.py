"""The filled card as PDFium and Poppler show it, beside what FreeType makes of the same font."""

from __future__ import annotations

import contextlib
import io
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pypdfium2
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfReader

from pipeline.card.fill import CardFiller
from pipeline.card.layout import PAGE_HEIGHT_PT, PAGE_WIDTH_PT
from pipeline.card.widgets import Widget, embedded_font, read_widgets

TEMPLATES = Path(__file__).parents[2] / "templates"
TEMPLATE = TEMPLATES / "registration_card" / "form.pdf"
MAPPING = TEMPLATES / "registration_card" / "mapping.json"

Ink = NDArray[np.bool_]
"""H x W; True where something dark is printed."""

REQUIRED = {
    "primary_identifier": "ERIKSSON",
    "document_number": "L898902C3",
    "nationality": "UTO",
    "date_of_birth": "1974-08-12",
}
EVERY_FIELD = {
    **REQUIRED,
    "hotel_name": "Hotel Þórður",
    "secondary_identifier": "Nguyễn Thị Hạnh",
    "document_code": "P",
    "issuing_state": "UTO",
    "sex": "F",
    "date_of_expiry": "2012-04-15",
    "address": "ул. Щербакова 12\nŁódź 10203\nUtopia",
    "email": "anna@example.org",
    "phone": "+99 12 345 67 89",
    "arrival_date": "2026-11-20",
    "departure_date": "2026-11-27",
    "room": "214",
    "vehicle_plate": "ŽA 123",
}
NAMES = {
    "Polish": "Żółć Łódź Święcicka-Gąsień",
    "Turkish": "İğüşçö Gülşen Y\u0131ld\u0131r\u0131m",
    "Vietnamese": "Nguyễn Thị Hạnh Đặng Ưởng",
    "Greek name": "Γεωργίου Αϊβαλιώτης Ξένη",
    "Cyrillic name": "Щербакова Юлія Ђорђевић Ёжъ",
    "Icelandic": "Þórður Ægisdóttir Guðrún",
    "Romanian": "Ștefănescu Țuțea Mândră",
    "Czech": "Dvořáková Růžena Jiří",
    "Latvian": "Ķirsis Ģirts Ņikita Ļubāne",
    "Hungarian": "Győző Szűcs Ödön",
    "German": "Strauß Größe ẞÄÖÜ",
    "Armenian": "Հովհաննիսյան",
    "Georgian": "გიორგი ბერიძე",
}
ALPHABETS = {
    "ASCII": (0x21, 0x7E),
    "Latin-1": (0xA1, 0xFF),
    "Latin Extended-A": (0x100, 0x17F),
    "Latin Extended-B, Romanian and Pinyin": (0x1CD, 0x233),
    "Latin Extended Additional": (0x1E00, 0x1EF9),
    "Greek": (0x386, 0x3CE),
    "Cyrillic": (0x400, 0x45F),
    "Cyrillic of other languages": (0x48A, 0x513),
}
TEXTS = NAMES | {
    block: "".join(chr(code) for code in range(first, last + 1) if chr(code).isprintable())
    for block, (first, last) in ALPHABETS.items()
}


SCALE = 8
"""Pixels a point."""
SIZE_PT = 11
REACH_PX = 1
"""How far apart two renderers may place the edge of the same stroke (a stem is 8 pixels wide)."""
OVERSAMPLING = 4
ALIKE = 0.96
"""Likeness of the same glyph from two renderers; one other accent lowers it to 0.94 or less."""


@dataclass(frozen=True, slots=True)
class Box:
    """Rows and columns of a rendered page, origin top-left, last ones excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, widget: Widget) -> Box:
        return cls(
            left=round(widget.left_pt * SCALE),
            top=round((PAGE_HEIGHT_PT - widget.bottom_pt - widget.height_pt) * SCALE),
            right=round((widget.left_pt + widget.width_pt) * SCALE),
            bottom=round((PAGE_HEIGHT_PT - widget.bottom_pt) * SCALE),
        )


Renderer = Callable[[bytes, Box], Ink]
"""What a PDF's first page shows in a box."""


def pdfium(pdf: bytes, box: Box) -> Ink:
    with contextlib.closing(pypdfium2.PdfDocument(pdf)) as document:
        drawn = np.asarray(document[0].render(scale=SCALE, grayscale=True).to_pil())
    return drawn[box.top : box.bottom, box.left : box.right] < 128


def poppler(pdf: bytes, box: Box) -> Ink:
    place = ["-x", box.left, "-y", box.top, "-W", box.right - box.left, "-H", box.bottom - box.top]
    command = ["pdftoppm", "-r", 72 * SCALE, "-gray", "-singlefile", *place, "-"]
    words = [str(word) for word in command]
    drawn = subprocess.run(words, input=pdf, capture_output=True, check=True, timeout=60)
    assert drawn.stderr == b""
    return np.asarray(Image.open(io.BytesIO(drawn.stdout))) < 128


PAGE = Box(0, 0, round(PAGE_WIDTH_PT * SCALE), round(PAGE_HEIGHT_PT * SCALE))
BOTH = pytest.mark.parametrize("renderer", [pdfium, poppler])


@pytest.fixture(scope="module")
def filler() -> CardFiller:
    return CardFiller(TEMPLATE, MAPPING)


@pytest.fixture(scope="module")
def widgets() -> dict[str, Widget]:
    return {widget.name: widget for widget in read_widgets(PdfReader(TEMPLATE), ("signature",))}


@pytest.fixture(scope="module")
def font_data() -> bytes:
    reader = PdfReader(TEMPLATE)
    return embedded_font(reader, read_widgets(reader, ("signature",)))


def _within_reach(ink: Ink) -> Ink:
    """Pixels at most ``REACH_PX`` from ink."""
    square = np.ones((2 * REACH_PX + 1, 2 * REACH_PX + 1), np.uint8)
    return cv2.dilate(ink.astype(np.uint8), square).astype(np.bool_)


def _agreement(first: Ink, second: Ink) -> float:
    """Share of each one's ink that lies within reach of the other's; the lesser share."""
    if not (first.any() and second.any()):
        return 0.0
    shares = (
        (first & _within_reach(second)).sum() / first.sum(),
        (second & _within_reach(first)).sum() / second.sum(),
    )
    return float(min(shares))


@BOTH
def test_ink_appears_in_every_field_and_nowhere_else(
    filler: CardFiller, widgets: dict[str, Widget], renderer: Renderer
) -> None:
    added = renderer(filler.fill(EVERY_FIELD), PAGE) ^ renderer(TEMPLATE.read_bytes(), PAGE)
    assert EVERY_FIELD.keys() == widgets.keys()
    for name, widget in widgets.items():
        box = Box.around(widget)
        field = added[box.top : box.bottom, box.left : box.right]
        assert field.sum() > 200, name
        field[:] = False
    assert not added.any()


def test_both_renderers_show_the_same_in_every_field(
    filler: CardFiller, widgets: dict[str, Widget]
) -> None:
    card = filler.fill(EVERY_FIELD)
    for name, widget in widgets.items():
        box = Box.around(widget)
        assert _agreement(pdfium(card, box), poppler(card, box)) > 0.97, name


@dataclass(frozen=True, slots=True)
class Line:
    """A line as FreeType sets it: its ink, cropped, and the columns of each character."""

    ink: Ink
    columns: tuple[slice, ...]


def _set_by_freetype(text: str, font_data: bytes, widths_of: str | None = None) -> Line:
    """``text``, one glyph after the other, at the size and scale of the printed line.

    Drawn larger and scaled down, because FreeType fits outlines to whole pixels and the PDF
    renderers do not. ``widths_of``: a text of the same length whose advances are used instead.
    """
    pixels = SIZE_PT * SCALE * OVERSAMPLING
    font = ImageFont.truetype(io.BytesIO(font_data), pixels, layout_engine=ImageFont.Layout.BASIC)
    advances = [font.getlength(character) for character in widths_of or text]
    edges = np.cumsum([pixels, *advances])
    image = Image.new("L", (int(edges[-1]) + pixels, 3 * pixels), 255)
    pen = ImageDraw.Draw(image)
    for character, left in zip(text, edges, strict=False):
        pen.text((round(left), 2 * pixels), character, fill=0, font=font, anchor="ls")
    ink = np.asarray(image.reduce(OVERSAMPLING)) < 128
    start = int(np.flatnonzero(ink.any(axis=0))[0])
    columns = np.maximum(0, np.round(edges / OVERSAMPLING - start).astype(int) + 1)
    return Line(_cropped(ink), tuple(map(slice, columns[:-1], columns[1:])))


def _cropped(ink: Ink) -> Ink:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _on_one_canvas(first: Ink, second: Ink) -> Iterator[Ink]:
    height = max(first.shape[0], second.shape[0])
    width = max(first.shape[1], second.shape[1])
    for ink in (first, second):
        canvas = np.zeros((height + 2, width + 2), np.bool_)
        canvas[1 : ink.shape[0] + 1, 1 : ink.shape[1] + 1] = ink
        yield canvas


def _printed_line(filler: CardFiller, widget: Widget, renderer: Renderer, text: str) -> Ink:
    card = filler.fill({**REQUIRED, "primary_identifier": text})
    return _cropped(renderer(card, Box.around(widget)))


def _likeness(printed: Ink, expected: Ink) -> float:
    """Their agreement when one is moved by up to a pixel: cropping rounds."""
    return max(
        _agreement(np.roll(printed, (down, right), axis=(0, 1)), expected)
        for down in (0, -1, 1)
        for right in (0, -1, 1)
    )


def _worst_character(printed: Ink, expected: Line, text: str) -> tuple[float, str]:
    """The least likeness of any visible character, and that character."""
    first, second = _on_one_canvas(printed, expected.ink)
    scores = [
        (_likeness(first[:, columns], second[:, columns]), character)
        for character, columns in zip(text, expected.columns, strict=True)
        if character != " "
    ]
    return min(scores)


@BOTH
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_every_letter_is_the_right_glyph(
    filler: CardFiller, widgets: dict[str, Widget], font_data: bytes, renderer: Renderer, text: str
) -> None:
    for start in range(0, len(text), 32):
        line = text[start : start + 32].strip()
        printed = _printed_line(filler, widgets["primary_identifier"], renderer, line)
        score, character = _worst_character(printed, _set_by_freetype(line, font_data), line)
        assert score > ALIKE, f"U+{ord(character):04X}"


@BOTH
def test_an_empty_box_would_have_been_noticed(
    filler: CardFiller, widgets: dict[str, Widget], font_data: bytes, renderer: Renderer
) -> None:
    name = NAMES["Vietnamese"]
    printed = _printed_line(filler, widgets["primary_identifier"], renderer, name)
    # A code point for private use, which this font leaves empty: FreeType draws .notdef for it.
    boxes = "".join(" " if character == " " else "\U000e0001" for character in name)
    notdef = _set_by_freetype(boxes, font_data, widths_of=name)
    first, second = _on_one_canvas(printed, notdef.ink)
    for character, columns in zip(name, notdef.columns, strict=True):
        if character != " ":
            assert _likeness(first[:, columns], second[:, columns]) < 0.8, character


@BOTH
def test_a_wrong_accent_would_have_been_noticed(
    filler: CardFiller, widgets: dict[str, Widget], font_data: bytes, renderer: Renderer
) -> None:
    printed = _printed_line(filler, widgets["primary_identifier"], renderer, "Nguyễn ğŁÑ")
    for wrong in (
        "Nguyền ğŁÑ",
        "Nguyên ğŁÑ",
        "Nguyễn ĝŁÑ",
        "Nguyễn gŁÑ",
        "Nguyễn ğLÑ",
        "Nguyễn ğŁN",
    ):
        score, _ = _worst_character(printed, _set_by_freetype(wrong, font_data), wrong)
        assert score < ALIKE - 0.02
