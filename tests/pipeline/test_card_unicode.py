"""Names of many scripts through every card: as text, and as both renderers show them."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pypdfium2
import pytest
from numpy.typing import NDArray
from pypdf import PdfReader

from core.errors import DocumentFillingError, MissingGlyph
from pipeline.card.fill import CardFiller
from pipeline.card.fonts import FontShelf
from pipeline.card.shaping import Shaper, han_state, script_of
from tests.pipeline.card_names import (
    ALIKE,
    FOLDERS,
    NAMES,
    PAGE_SCALE,
    REFERENCES,
    Picture,
    Renderer,
    booklet,
    filler,
    likeness,
    name_box,
    name_inks,
    named_card,
    page_picture,
    pdfium,
    poppler,
    reference,
    small,
    values,
)

BOTH = pytest.mark.parametrize("renderer", [pdfium, poppler])
EVERY_CARD = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
PLAIN = next(folder for folder in FOLDERS if folder.name == "registration_card")
_UNSEEN = re.compile("[\u200c-\u200f\u202a-\u202e\u2066-\u2069]")
PAGE_DIFFERENCE = 3.0
"""Mean difference of grey between renderers; 1.7 at most is seen."""


WORST_PLACE = 25.0
"""The same where it is greatest, in a box of 16 by 8 pixels: a word that is not there shows."""


def _worst_place(seen: Picture, kept: NDArray[Any]) -> float:
    return float(np.abs(cv2.blur(seen.astype(float) - kept, (16, 8))).max())


def _plain(text: str) -> str:
    return " ".join(_UNSEEN.sub("", text).split())


@EVERY_CARD
def test_a_name_can_be_read_off_every_card(folder: Path) -> None:
    with contextlib.closing(pypdfium2.PdfDocument(booklet(folder))) as document:
        by_pdfium = [page.get_textpage().get_text_range() for page in document]
    words = ["pdftotext", "-enc", "UTF-8", "-", "-"]
    told = subprocess.run(words, input=booklet(folder), capture_output=True, check=True, timeout=60)
    by_poppler = told.stdout.decode().split("\f")[:-1]
    for pages in (by_pdfium, by_poppler):
        for name, text in zip(NAMES.values(), pages, strict=True):
            assert _plain(name) in _plain(text)


@EVERY_CARD
@BOTH
def test_a_name_looks_like_its_reference(folder: Path, renderer: Renderer) -> None:
    for script, seen in name_inks(folder, renderer).items():
        assert likeness(seen, reference(folder)[script]) > ALIKE, script


@EVERY_CARD
def test_a_moved_missing_or_other_name_would_have_been_noticed(folder: Path) -> None:
    kept = reference(folder)
    for script, ink in kept.items():
        assert likeness(np.roll(ink, 3, axis=1), ink) < ALIKE
        assert likeness(np.roll(ink, 2, axis=0), ink) < ALIKE
        assert likeness(np.zeros_like(ink), ink) == 0
        others = (likeness(other, ink) for name, other in kept.items() if name != script)
        assert max(others) < 0.7


@EVERY_CARD
@BOTH
def test_a_card_looks_like_its_reference(folder: Path, renderer: Renderer) -> None:
    kept = cv2.imread(str(REFERENCES / f"{folder.name}-page.png"), cv2.IMREAD_GRAYSCALE)
    assert kept is not None
    seen = page_picture(folder, renderer)
    assert seen.shape == kept.shape
    assert np.abs(seen.astype(float) - kept).mean() < PAGE_DIFFERENCE
    assert _worst_place(seen, kept) < WORST_PLACE


def test_a_missing_value_would_have_been_noticed() -> None:
    kept = cv2.imread(str(REFERENCES / "registration_card-page.png"), cv2.IMREAD_GRAYSCALE)
    assert kept is not None
    told = values(PLAIN)
    del told["room"]
    seen = small(pdfium(filler(PLAIN).fill(told), 3 * PAGE_SCALE)[0])
    assert _worst_place(seen, kept) > WORST_PLACE


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Wang \U0001f600", "U+1F600 GRINNING FACE"),
        ("\U00012000", "U+12000 CUNEIFORM SIGN A"),
        ("علی \u0378", "U+0378"),
    ],
)
def test_what_no_font_has_is_named(name: str, told: str) -> None:
    with pytest.raises(DocumentFillingError) as caught:
        named_card(PLAIN, name)
    assert told in caught.value.message
    assert "secondary_identifier" in caught.value.message
    assert caught.value.field == "secondary_identifier"
    assert "Wang" not in caught.value.message


def test_without_its_font_a_script_is_refused(tmp_path: Path) -> None:
    bare = CardFiller.of(PLAIN, FontShelf((tmp_path,)))
    assert bare.fill(values(PLAIN)) == filler(PLAIN).fill(values(PLAIN))
    for name, told in (("王小明", "U+738B"), ("محمد", "U+0645"), ("สมชาย", "U+0E2A")):
        with pytest.raises(MissingGlyph, match=re.escape(told)):
            bare.fill(values(PLAIN, secondary_identifier=name))


@pytest.mark.parametrize("name", ["A\u202eB", "A\u200bB", "A\u200dB", "\u200dعلی", "A\tB"])
def test_invisible_characters_stay_refused(name: str) -> None:
    with pytest.raises(DocumentFillingError, match="secondary_identifier"):
        named_card(PLAIN, name)


def test_the_fonts_are_embedded_as_subsets() -> None:
    card = named_card(PLAIN, "王小明 محمد สมชาย")
    fonts = PdfReader(io.BytesIO(card)).pages[0]["/Resources"]["/Font"].values()  # type: ignore[index]
    names = {str(font.get_object()["/BaseFont"]) for font in fonts}
    assert all(re.match(r"/[A-Z]{6}\+", name) for name in names)
    assert {name.split("+")[1] for name in names} >= {
        "NotoSansCJKsc-Regular",
        "NotoSansArabic-Regular",
        "NotoSansThai-Regular",
    }
    assert len(card) < 100_000


def test_text_from_right_to_left_is_in_visual_order() -> None:
    shaper = filler(PLAIN)
    runs = Shaper(shaper._font, FontShelf()).runs("דוד (12) Ali")
    shown = [run.text for run in runs]
    assert shown[0] == "Ali" and shown[-1].startswith("דוד")
    assert "".join(shown).index("(") < "".join(shown).index("12") < "".join(shown).index(")")
    assert [run.from_right for run in runs if run.font is not None] == [True]


def test_chinese_characters_follow_the_card() -> None:
    assert han_state(["山田", "さくら"], "UTO") == "JPN"
    assert han_state(["金", "김"], "UTO") == "KOR"
    assert han_state(["王"], " twn ") == "TWN"
    shelf = FontShelf()
    found = {state: shelf.find("Hani", state) for state in ("JPN", "KOR", "CHN", "TWN", "UTO")}
    names = {state: font.name[11:13] for state, font in found.items() if font}
    assert names == {"JPN": "jp", "KOR": "kr", "CHN": "sc", "TWN": "tc", "UTO": "sc"}
    assert script_of("王") == "Hani" and script_of("-") == "Zyyy"


def test_a_chinese_address_breaks_between_characters() -> None:
    address = "東京都千代田区丸の内一丁目二番三号" * 5
    card = filler(PLAIN).fill(values(PLAIN, address=address))
    with contextlib.closing(pypdfium2.PdfDocument(card)) as document:
        text = document[0].get_textpage().get_text_range()
    assert address in "".join(text.split())


def test_threads_do_not_disturb_each_other() -> None:
    fresh = CardFiller.of(PLAIN, FontShelf())
    names = [*NAMES.values()] * 2
    with ThreadPoolExecutor(6) as threads:
        cards = threads.map(
            lambda name: fresh.fill(values(PLAIN, secondary_identifier=name)), names
        )
        assert list(cards) == [named_card(PLAIN, name) for name in names]


def test_the_crop_is_where_the_name_is() -> None:
    blank = filler(PLAIN).fill({**values(PLAIN), "secondary_identifier": ""})
    assert pdfium(blank, 4, name_box(PLAIN))[0].min() > 128
