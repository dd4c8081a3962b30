"""A hotel's own form: its boxes stay when its fields go, and its words are understood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from pypdf import PdfReader
from reportlab.lib.colors import Color, black
from reportlab.pdfgen.canvas import Canvas

from pipeline.card.check import draft_mapping, form_fields
from pipeline.card.fill import CardFiller
from pipeline.card.fonts import FontShelf
from pipeline.card.order import CardOrder, Signature, Variant
from pipeline.card.wording import source_of

LEFT, BOTTOM, WIDTH, HEIGHT = 200, 700, 250, 24
GROUND = Color(1, 1, 0)


@pytest.fixture
def filler(tmp_path: Path) -> CardFiller:
    path = tmp_path / "form.pdf"
    canvas = Canvas(str(path), (595, 842))
    looks = {"borderColor": black, "borderWidth": 2, "fillColor": GROUND}
    canvas.acroForm.textfield("", name="Nachname", x=LEFT, y=BOTTOM, width=WIDTH, height=HEIGHT,
                              **looks)  # fmt: skip
    canvas.acroForm.checkbox(name="Newsletter", x=LEFT, y=200, size=20, **looks)
    looks |= {"borderStyle": "underlined", "borderWidth": 1, "fillColor": None}
    canvas.acroForm.textfield("", name="Unterschrift", x=LEFT, y=300, width=WIDTH, height=60,
                              **looks)  # fmt: skip
    canvas.showPage()
    canvas.save()
    fields = form_fields(PdfReader(path))
    return CardFiller(path, draft_mapping(fields, "form"), None, FontShelf())


def drawn(pdf: bytes) -> np.ndarray:
    """H×W×3, two pixels a point."""
    document = pypdfium2.PdfDocument(pdf)
    document.init_forms()
    try:
        return np.asarray(document[0].render(scale=2, may_draw_forms=True).to_pil().convert("RGB"))
    finally:
        document.close()


def at(page: np.ndarray, x_pt: float, y_pt: float) -> tuple[int, ...]:
    return tuple(page[round((842 - y_pt) * 2), round(x_pt * 2)].tolist())


@pytest.mark.parametrize("variant", list(Variant))
def test_frames_and_grounds_stay_in_every_variant(filler: CardFiller, variant: Variant) -> None:
    page = drawn(filler.fill({"primary_identifier": "ŁUKASZ"}, CardOrder(variant=variant)))
    for x_pt, y_pt in ((LEFT + 1, BOTTOM + 12), (LEFT + WIDTH - 1, BOTTOM + 12),
                       (LEFT + 100, BOTTOM + 1), (LEFT + 100, BOTTOM + HEIGHT - 1)):  # fmt: skip
        assert max(at(page, x_pt, y_pt)) < 60, "the frame"
    assert at(page, LEFT + WIDTH - 20, BOTTOM + 12) == (255, 255, 0), "the ground"
    name = page[(842 - BOTTOM - 20) * 2 : (842 - BOTTOM - 4) * 2, (LEFT + 3) * 2 : (LEFT + 60) * 2]
    assert (name.max(axis=2) < 100).sum() > 100, "the name upon it"
    assert max(at(page, LEFT + 1, 210)) < 60, "the tick box"


def test_a_line_below_is_no_box(filler: CardFiller) -> None:
    page = drawn(filler.fill({"primary_identifier": "A"}))
    assert max(at(page, LEFT + 100, 300.5)) < 90
    assert at(page, LEFT + 100, 359.5) == (255, 255, 255)


def test_a_text_field_to_sign_takes_a_drawn_signature(filler: CardFiller) -> None:
    assert filler.takes_signature
    strokes = (((0.1, 0.2), (0.9, 0.8)),)
    order = CardOrder(signature=Signature(strokes=strokes))
    page = drawn(filler.fill({"primary_identifier": "A"}, order))
    plain = drawn(filler.fill({"primary_identifier": "A"}))
    changed = np.nonzero((page != plain).any(axis=2))
    assert changed[0].size > 100
    assert changed[0].min() / 2 > 842 - 361 and changed[0].max() / 2 < 842 - 299


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("form1.Page1.LastName", "primary_identifier"),
        ("Vorname", "secondary_identifier"),
        ("Staatsangehörigkeit", "nationality"),
        ("Straße", "address"),
        ("Date d’arrivée", "arrival_date"),
        ("Prénom(s)", None),
        ("Prénoms", "secondary_identifier"),
        ("Fecha de nacimiento", "date_of_birth"),
        ("Numero passaporto", "document_number"),
        ("Passport-No", "document_number"),
        ("xyz_77", None),
    ],
)
def test_what_forms_call_their_fields(name: str, source: str | None) -> None:
    assert source_of(name) == source
