"""Templates that a hotel has altered: what is understood, and what is refused with a reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Link
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    TextStringObject,
)
from reportlab.pdfgen.canvas import Canvas

from core.errors import SettingsError
from pipeline.card.fill import CardFiller
from pipeline.card.widgets import page_annotations

TEMPLATES = Path(__file__).parents[2] / "templates"
TEMPLATE = TEMPLATES / "registration_card" / "form.pdf"
MAPPING = TEMPLATES / "registration_card" / "mapping.json"
SPECIMEN = {
    "primary_identifier": "ERIKSSON",
    "document_number": "L898902C3",
    "nationality": "UTO",
    "date_of_birth": "1974-08-12",
}


def _changed(tmp_path: Path, change: Callable[[PdfWriter], None]) -> Path:
    """The project's template after ``change``, as a hotel may have altered it."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(TEMPLATE.read_bytes())))
    change(writer)
    path = tmp_path / "changed.pdf"
    with path.open("wb") as out:
        writer.write(out)
    return path


def _field(writer: PdfWriter, name: str) -> Any:
    annotations: Any = writer.pages[0]["/Annots"]
    return next(a.get_object() for a in annotations if a.get_object()["/T"] == name)


def test_a_field_shown_in_two_places_is_filled_in_both(tmp_path: Path) -> None:
    def double_the_room(writer: PdfWriter) -> None:
        room = _field(writer, "room")
        second = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Annot"),
                NameObject("/Subtype"): NameObject("/Widget"),
                NameObject("/Parent"): room.indirect_reference,
                NameObject("/Q"): NumberObject(2),
                NameObject("/Rect"): ArrayObject(FloatObject(edge) for edge in (440, 20, 537, 40)),
            }
        )
        annotations: Any = writer.pages[0]["/Annots"]
        annotations.append(writer._add_object(second))

    filler = CardFiller(_changed(tmp_path, double_the_room), MAPPING)
    page = PdfReader(io.BytesIO(filler.fill({**SPECIMEN, "room": "7411"}))).pages[0]
    assert page.extract_text().count("7411") == 2


def test_the_font_may_be_a_simple_one(tmp_path: Path) -> None:
    def simplify(writer: PdfWriter) -> None:
        form: Any = writer.root_object["/AcroForm"]
        fonts = form["/DR"]["/Font"]
        (name,) = fonts
        composite = fonts[name]["/DescendantFonts"][0].get_object()
        fonts[NameObject(name)] = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/TrueType"),
                NameObject("/FontDescriptor"): composite.raw_get("/FontDescriptor"),
            }
        )

    filler = CardFiller(_changed(tmp_path, simplify), MAPPING)
    assert filler.fill(SPECIMEN) == CardFiller(TEMPLATE, MAPPING).fill(SPECIMEN)


def test_a_link_on_the_template_stays(tmp_path: Path) -> None:
    def link(writer: PdfWriter) -> None:
        writer.add_annotation(0, Link(rect=(60, 20, 200, 40), url="https://hotel.example/"))

    filler = CardFiller(_changed(tmp_path, link), MAPPING)
    page = PdfReader(io.BytesIO(filler.fill(SPECIMEN))).pages[0]
    assert [str(annotation["/Subtype"]) for annotation in page_annotations(page)] == ["/Link"]


def test_an_unbalanced_template_does_not_move_the_values(tmp_path: Path) -> None:
    def leave_a_scale_behind(writer: PdfWriter) -> None:
        page = writer.pages[0]
        tail = DecodedStreamObject()
        tail.set_data(b"3 0 0 3 0 0 cm")
        contents = [page.raw_get("/Contents"), writer._add_object(tail)]
        page[NameObject("/Contents")] = ArrayObject(contents)

    altered = CardFiller(_changed(tmp_path, leave_a_scale_behind), MAPPING).fill(SPECIMEN)
    original = CardFiller(TEMPLATE, MAPPING).fill(SPECIMEN)
    first, second = (
        pypdfium2.PdfDocument(card)[0].render().to_numpy() for card in (altered, original)
    )
    assert (first == second).all()


def _without(key: str) -> Callable[[PdfWriter], None]:
    def change(writer: PdfWriter) -> None:
        del _field(writer, "room")[NameObject(key)]

    return change


def _another_font(writer: PdfWriter) -> None:
    _field(writer, "room")[NameObject("/DA")] = TextStringObject("/Helv 10 Tf 0 g")


def _no_form(writer: PdfWriter) -> None:
    del writer.root_object[NameObject("/AcroForm")]
    del writer.pages[0][NameObject("/Annots")]


def _a_check_box(writer: PdfWriter) -> None:
    _field(writer, "room")[NameObject("/FT")] = NameObject("/Btn")


def _renamed(writer: PdfWriter) -> None:
    _field(writer, "room")[NameObject("/T")] = TextStringObject("chamber")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_without("/FT"), "room is not a text field"),
        (_without("/Rect"), "no rectangle"),
        (_a_check_box, "room is not a text field"),
        (_another_font, "one font"),
        (_no_form, "no form fields"),
        (_renamed, "disagree on: chamber, room"),
    ],
)
def test_an_unusable_template_is_refused_with_a_reason(
    tmp_path: Path, change: Callable[[PdfWriter], None], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        CardFiller(_changed(tmp_path, change), MAPPING)


def test_a_template_without_an_embedded_font_is_refused(tmp_path: Path) -> None:
    drawn = io.BytesIO()
    canvas = Canvas(drawn)
    canvas.acroForm.textfield(name="room", x=50, y=50, width=100, height=20)
    canvas.showPage()
    canvas.save()
    path = tmp_path / "standard_font.pdf"
    path.write_bytes(drawn.getvalue())
    with pytest.raises(SettingsError, match="does not embed"):
        CardFiller(path, MAPPING)


@pytest.mark.parametrize("content", [b"", b"no PDF at all", b"%PDF-1.7\n%%EOF\n"])
def test_a_file_that_is_no_pdf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pdf"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"broken\.pdf"):
        CardFiller(path, MAPPING)


def test_a_missing_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.pdf"):
        CardFiller(tmp_path / "none.pdf", MAPPING)
