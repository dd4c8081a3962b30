"""Names of many scripts on every card, and the pictures of them that are kept as references.

``python -m tests.pipeline.card_names`` draws the references anew (PDFium, Debian 12's fonts):
look at each before it is committed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pypdfium2
from numpy.typing import NDArray
from PIL import Image
from pypdf import PdfReader, PdfWriter

from pipeline.card.fill import CardFiller
from pipeline.card.fonts import FontShelf
from pipeline.card.specimen import specimen_value
from pipeline.card.widgets import Widget

TEMPLATES = Path(__file__).parents[2] / "templates"
FOLDERS = tuple(sorted(form.parent for form in TEMPLATES.glob("*/form.pdf")))
REFERENCES = Path(__file__).parent / "references"
NAMES = {
    "Chinese": "王小明",
    "Chinese, traditional": "陳大文",
    "Japanese": "山田 さくら",
    "Korean": "김민준",
    "Arabic": "محمد عبد الله",
    "Persian": "علی\u200cرضا گلپایگانی",
    "Urdu": "عائشہ صدیقی",
    "Hebrew": "דוד בן גוריון",
    "Thai": "สมชาย ใจดี",
    "Devanagari": "सिद्धार्थ त्रिपाठी",
    "Bengali": "অনন্যা চট্টোপাধ্যায়",
    "Tamil": "கௌசல்யா",
    "Telugu": "శ్రీనివాస్",
    "Sinhala": "ශ්\u200dරී",
    "Khmer": "សុខ ស្រីមុំ",
    "Burmese": "အောင်ကြီး",
    "Amharic": "ሰላማዊት",
    "Georgian": "გიორგი ბერიძე",
    "Armenian": "Հովհաննիսյան",
    "Vietnamese": "Nguyễn Thị Hạnh",
    "Greek": "Γεωργίου Αϊβαλιώτης",
    "Cyrillic": "Щербакова Юлія Ђорђевић",
    "marks without a letter of their own": "M\u0308ulq\u0301ar",
    "two scripts": "王小明 (Wang)",
}
SCALE = 4
"""Pixels a point."""
REACH_PX = 1
"""How far apart two renderers may place an edge (a stem is 3 to 4 pixels wide)."""
ALIKE = 0.95
PAGE_SCALE = 0.75
_FIELD = "secondary_identifier"

Ink = NDArray[np.bool_]
"""H x W; True where something dark is printed."""
Picture = NDArray[np.uint8]
"""Grey, H x W."""
Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels; origin top-left."""
Renderer = Callable[[bytes, float, Box | None], list[Picture]]
"""Each page, or the box of it, at so many pixels a point."""


def pdfium(pdf: bytes, scale: float, box: Box | None = None) -> list[Picture]:
    with contextlib.closing(pypdfium2.PdfDocument(pdf)) as document:
        drawn = [np.asarray(p.render(scale=scale, grayscale=True).to_pil()) for p in document]
    if box is None:
        return drawn
    left, top, width, height = box
    return [page[top : top + height, left : left + width].copy() for page in drawn]


def poppler(pdf: bytes, scale: float, box: Box | None = None) -> list[Picture]:
    places = zip(("-x", "-y", "-W", "-H"), map(str, box or (0, 0, 0, 0)), strict=True)
    words = [
        "pdftoppm",
        "-r",
        str(72 * scale),
        "-gray",
        *(word for pair in places for word in pair),
    ]
    with tempfile.TemporaryDirectory() as folder:
        words += ["-", f"{folder}/page"]
        told = subprocess.run(words, input=pdf, capture_output=True, check=True, timeout=60)
        assert told.stderr == b""
        return [np.asarray(Image.open(path)) for path in sorted(Path(folder).iterdir())]


@functools.cache
def filler(folder: Path) -> CardFiller:
    """The card of a folder, with the fonts of this machine."""
    return CardFiller.of(folder, _shelf())


@functools.cache
def _shelf() -> FontShelf:
    return FontShelf()


def values(folder: Path, **changes: str) -> dict[str, str]:
    """What the specimen guest says to a card."""
    rules = filler(folder).mapping.fields.values()
    return {rule.source: specimen_value(rule) for rule in rules} | changes


def named_card(folder: Path, name: str) -> bytes:
    return filler(folder).fill(values(folder, secondary_identifier=name))


@functools.cache
def booklet(folder: Path) -> bytes:
    """A card for each name, as the pages of one file."""
    writer = PdfWriter()
    for name in NAMES.values():
        writer.append(PdfReader(io.BytesIO(named_card(folder, name))))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def name_inks(folder: Path, renderer: Renderer) -> dict[str, Ink]:
    """The given names as printed, cropped to their field."""
    drawn = renderer(booklet(folder), SCALE, name_box(folder))
    return {script: page < 128 for script, page in zip(NAMES, drawn, strict=True)}


def name_box(folder: Path) -> Box:
    """The field of the given names on a rendered page, its hairline left out."""
    widget: Widget = filler(folder)._widgets[_FIELD][0]
    height = round(841.89 * SCALE)
    top = height - round((widget.bottom_pt + widget.height_pt) * SCALE)
    bottom = height - round((widget.bottom_pt + 1) * SCALE)
    return round(widget.left_pt * SCALE), top, 190 * SCALE, bottom - top


def likeness(first: Ink, second: Ink) -> float:
    """Share of each one's ink that lies within reach of the other's; the lesser share."""
    if first.shape != second.shape or not (first.any() and second.any()):
        return 0.0
    square = np.ones((2 * REACH_PX + 1, 2 * REACH_PX + 1), np.uint8)
    near = [cv2.dilate(ink.astype(np.uint8), square).astype(np.bool_) for ink in (first, second)]
    return float(
        min((first & near[1]).sum() / first.sum(), (second & near[0]).sum() / second.sum())
    )


@functools.cache
def reference(folder: Path) -> dict[str, Ink]:
    """The kept picture of each name on a card."""
    sheet = ~np.asarray(Image.open(REFERENCES / f"{folder.name}-names.png").convert("1"))
    rows = np.split(sheet, len(NAMES))
    return dict(zip(NAMES, rows, strict=True))


def page_picture(folder: Path, renderer: Renderer) -> Picture:
    """The specimen's card as a small grey picture."""
    return small(renderer(filler(folder).fill(values(folder)), 3 * PAGE_SCALE, None)[0])


def small(page: Picture) -> Picture:
    """A third of its size."""
    height, width = (edge // 3 for edge in page.shape)
    return cv2.resize(page, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def main() -> None:
    """Write the references."""
    REFERENCES.mkdir(exist_ok=True)
    for folder in FOLDERS:
        rows = name_inks(folder, pdfium).values()
        Image.fromarray(~np.vstack(list(rows))).save(
            REFERENCES / f"{folder.name}-names.png", optimize=True
        )
        Image.fromarray(page_picture(folder, pdfium)).save(
            REFERENCES / f"{folder.name}-page.png", optimize=True
        )


if __name__ == "__main__":
    main()
