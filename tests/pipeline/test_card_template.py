"""The template: drawn by code, the same every time, and a form that a person can fill."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium_c
import pytest
from pypdf import PdfReader
from pypdf.generic import ArrayObject, ContentStream, DictionaryObject, IndirectObject, StreamObject

from pipeline.card import template
from pipeline.card.font import CardFont
from pipeline.card.layout import PAGE_HEIGHT_PT, PAGE_WIDTH_PT, card_layout, load_plan
from pipeline.card.mapping import CARD_FIELDS, load_mapping
from pipeline.card.widgets import embedded_font, page_annotations, read_widgets

TEMPLATES = Path(__file__).parents[2] / "templates"
TEMPLATE = TEMPLATES / "registration_card" / "form.pdf"
MAPPING = TEMPLATES / "registration_card" / "mapping.json"
PLAN = TEMPLATES / "registration_card" / "form.json"
FOLDERS = sorted(form.parent for form in TEMPLATES.glob("*/form.pdf"))


@pytest.fixture(scope="module")
def reader() -> PdfReader:
    return PdfReader(io.BytesIO(TEMPLATE.read_bytes()))


@pytest.fixture(scope="module")
def font_data(reader: PdfReader) -> bytes:
    return embedded_font(reader, read_widgets(reader, ("signature",)))


def _plain(value: Any, numbers: dict[int, int]) -> Any:
    """A PDF object as plain Python: streams decoded, references numbered as they are met.

    Two PDFs that say the same give the same value, whichever zlib packed them.
    """
    if isinstance(value, IndirectObject):
        if value.idnum in numbers:
            return ("reference", numbers[value.idnum])
        numbers[value.idnum] = len(numbers)
        return _plain(value.get_object(), numbers)
    if isinstance(value, StreamObject):
        entries = {key: _plain(value.raw_get(key), numbers) for key in sorted(value)}
        entries.pop("/Length", None)
        return (entries, value.get_data())
    if isinstance(value, DictionaryObject):
        return {key: _plain(value.raw_get(key), numbers) for key in sorted(value)}
    if isinstance(value, ArrayObject):
        return [_plain(item, numbers) for item in value]
    return repr(value)


def _says(pdf: bytes) -> Any:
    reader = PdfReader(io.BytesIO(pdf))
    return _plain(reader.root_object, {}), _plain(reader.trailer["/Info"], {})


def test_the_committed_template_is_what_the_code_draws(font_data: bytes) -> None:
    for folder in FOLDERS:
        plan, mapping = load_plan(folder / "form.json"), load_mapping(folder / "mapping.json")
        drawn = template.draw_template(font_data, plan, mapping)
        assert _says(drawn) == _says((folder / "form.pdf").read_bytes()), folder.name


def test_drawing_twice_gives_the_same_bytes(font_data: bytes) -> None:
    plan, mapping = load_plan(PLAN), load_mapping(MAPPING)
    first, second = (template.draw_template(font_data, plan, mapping) for _ in range(2))
    assert first == second


def test_the_command_line_draws_the_template(
    font_data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    font, out = tmp_path / "font.ttf", tmp_path / "card.pdf"
    font.write_bytes(font_data)
    arguments = ["template", str(PLAN.parent), "--out", str(out), "--font", str(font)]
    monkeypatch.setattr(sys, "argv", arguments)
    template.main()
    assert _says(out.read_bytes()) == _says(TEMPLATE.read_bytes())


def test_form_fields_and_mapping_name_each_other(reader: PdfReader) -> None:
    fields = reader.get_fields()
    assert fields is not None
    mapping = load_mapping(MAPPING)
    assert set(fields) - {"signature"} == set(mapping.fields) == set(CARD_FIELDS)
    listed = [widget.name for widget in read_widgets(reader, signature="signature")]
    assert listed == [*CARD_FIELDS, "signature"]  # the tab order
    for name, field in fields.items():
        assert field["/FT"] == ("/Sig" if name == "signature" else "/Tx")
        assert field.get("/V") is None
    for widget in page_annotations(reader.pages[0]):
        if str(widget["/T"]) == "signature":
            continue
        assert str(widget["/MaxLen"]) == str(mapping.fields[str(widget["/T"])].max_length)
        assert str(widget["/TU"]).strip()


def test_fields_lie_on_the_page_and_apart(reader: PdfReader) -> None:
    rectangles = [
        (w.left_pt, w.bottom_pt, w.left_pt + w.width_pt, w.bottom_pt + w.height_pt)
        for w in read_widgets(reader, signature="signature")
    ]
    for left, bottom, right, top in rectangles:
        assert 0 < left < right < PAGE_WIDTH_PT
        assert 0 < bottom < top < PAGE_HEIGHT_PT
    for index, (left, bottom, right, top) in enumerate(rectangles):
        for other_left, other_bottom, other_right, other_top in rectangles[:index]:
            beside = right <= other_left or other_right <= left
            above = top <= other_bottom or other_top <= bottom
            assert beside or above


def test_there_is_room_to_sign_by_hand() -> None:
    for folder in FOLDERS:
        layout = card_layout(load_plan(folder / "form.json"))
        assert [cell.name for cell in layout.signing] == [None, "signature"]
        assert all(cell.height_pt >= 36 and cell.width_pt >= 120 for cell in layout.signing)


def test_the_form_s_font_is_whole(font_data: bytes) -> None:
    font = CardFont(font_data)
    assert font.name == "DejaVuSans"
    for first, last in (
        (0x41, 0x5A),
        (0xC0, 0x17F),
        (0x391, 0x3A1),
        (0x410, 0x44F),
        (0x1EA0, 0x1EF9),
    ):
        assert all(font.covers(chr(code)) for code in range(first, last + 1))


def test_the_template_tells_nothing_but_its_title(reader: PdfReader) -> None:
    assert reader.metadata == {"/Title": "Registration card", "/Producer": "LobbyLens"}


def _type_into(page: pypdfium2.PdfPage, form: Any, name: str, text: str) -> None:
    widget = next(w for w in read_widgets(PdfReader(TEMPLATE), ("signature",)) if w.name == name)
    x, y = widget.left_pt + 4, widget.bottom_pt + widget.height_pt / 2
    pdfium_c.FORM_OnMouseMove(form, page.raw, 0, x, y)
    assert pdfium_c.FORM_OnLButtonDown(form, page.raw, 0, x, y)
    assert pdfium_c.FORM_OnLButtonUp(form, page.raw, 0, x, y)
    for character in text:
        assert pdfium_c.FORM_OnChar(form, page.raw, ord(character), 0)
    pdfium_c.FORM_ForceToKillFocus(form)


def _widget(reader: PdfReader, name: str) -> DictionaryObject:
    return next(w for w in page_annotations(reader.pages[0]) if str(w["/T"]) == name)


def test_a_person_can_type_any_european_or_vietnamese_name() -> None:
    text = "Żółć Nguyễn Щербакова Γεωργίου"
    document = pypdfium2.PdfDocument(TEMPLATE)
    document.init_forms()
    page = document[0]
    assert document.formenv is not None
    _type_into(page, document.formenv.raw, "primary_identifier", text)
    saved = io.BytesIO()
    document.save(saved)
    document.close()

    typed = PdfReader(saved)
    fields = typed.get_fields()
    assert fields is not None
    assert fields["primary_identifier"]["/V"] == text
    widget: Any = _widget(typed, "primary_identifier")
    # The viewer set every character in the template's own font, none in a substitute.
    operations = ContentStream(widget["/AP"]["/N"].get_object(), typed).operations
    strings = [operands[0] for operands, operator in operations if operator == b"Tj"]
    fonts = {operands[0] for operands, operator in operations if operator == b"Tf"}
    assert b"".join(string.original_bytes for string in strings).decode("utf-16-be") == text
    assert fonts == {template.FORM_FONT_NAME}
