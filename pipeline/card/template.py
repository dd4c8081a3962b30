"""Draws a card's PDF form: ``python -m pipeline.card.template templates/CARD``.

The drawing is reportlab's, the form is written here: reportlab's own form fields know the 14
standard fonts only, and those hold no Greek, Cyrillic or Vietnamese. The same input gives the
same bytes.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    IndirectObject,
    NameObject,
    NumberObject,
    TextStringObject,
)
from reportlab.lib.colors import HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from core.errors import SettingsError
from pipeline.card.box import PLAN
from pipeline.card.fill import FORM, MAPPING
from pipeline.card.font import CardFont
from pipeline.card.layout import (
    MARGIN_PT,
    PAGE_HEIGHT_PT,
    PAGE_WIDTH_PT,
    Caption,
    Cell,
    FormPlan,
    Layout,
    card_layout,
    load_plan,
)
from pipeline.card.mapping import CardMapping, load_mapping
from pipeline.card.output import PDF_HEADER, PRODUCER
from pipeline.card.widgets import MULTILINE_FLAG

FONT_FILE = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
"""From Debian's fonts-dejavu-core; its licence allows embedding and redistribution."""
FORM_FONT_NAME = "/Wingdings"
"""Resource name of the fields' font, and no more than that: what is embedded is ``FONT_FILE``.

PDFium (Chrome, Edge) lets a person type every character a field's font has only where it takes
the font for a symbol font, which it tells by this name; under any other name it swaps letters
outside Latin-1 for those of whatever font it finds, and drops the Vietnamese ones.
"""

_CAPTION_FONT = "CardCaption"
_INK = "#1f2933"
_MUTED = "#4b5563"
_FAINT = "#6b7583"
_HAIRLINE = "#c3cad3"
_ACCENT = "#2f6670"
_SMALLEST_PT = 4.75
_VALUE_COLOUR = "0.08 0.11 0.15 rg"

_NO_SPELL_CHECK_FLAG = 1 << 22
_PRINT_FLAG = 1 << 2


def draw_template(font_data: bytes, plan: FormPlan, mapping: CardMapping) -> bytes:
    """The form as a PDF: one A4 page and an AcroForm with one text field per mapping entry.

    ``font_data`` is a whole TrueType font; it goes into the form's resources unabridged, so that
    any character it has can be typed. Raises SettingsError when it is no such font, or when plan
    and mapping do not fit each other or the page.
    """
    layout = card_layout(plan)
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(_draw_page(font_data, layout))))
    font = CardFont(font_data)
    font_name = NameObject(FORM_FONT_NAME)
    page = writer.pages[0]
    widgets = ArrayObject()
    for cell in (*layout.cells, *layout.signing):
        if cell.name is None:
            continue
        if cell.name == mapping.signature:
            widget = _signature_field(cell)
        elif cell.name in mapping.fields:
            widget = _text_field(cell, mapping.fields[cell.name].max_length, font_name)
        else:
            raise SettingsError(f"the card's mapping lacks the field {cell.name}")
        widget[NameObject("/AP")] = _blank_appearance(writer, cell)
        if page.indirect_reference is not None:
            widget[NameObject("/P")] = page.indirect_reference
        widgets.append(writer._add_object(widget))
    page[NameObject("/Annots")] = widgets
    page[NameObject("/Tabs")] = NameObject("/S")
    writer.root_object[NameObject("/AcroForm")] = _form(
        widgets, font_name, font.embed_whole(writer)
    )
    writer.root_object[NameObject("/Lang")] = TextStringObject(plan.languages[0])
    writer.metadata = {"/Title": mapping.title, "/Producer": PRODUCER}
    writer.pdf_header = PDF_HEADER
    drawn = io.BytesIO()
    writer.write(drawn)
    return drawn.getvalue()


def _draw_page(font_data: bytes, layout: Layout) -> bytes:
    drawn = io.BytesIO()
    pdfmetrics.registerFont(TTFont(_CAPTION_FONT, io.BytesIO(font_data)))
    canvas = Canvas(
        drawn,
        pagesize=(PAGE_WIDTH_PT, PAGE_HEIGHT_PT),
        invariant=1,
        initialFontName=_CAPTION_FONT,
    )
    _draw_title(canvas, layout)
    for heading in layout.headings:
        _draw_heading(canvas, heading.caption, heading.baseline_pt)
    for cell in (*layout.cells, *layout.signing):
        _draw_cell(canvas, cell)
    room = PAGE_WIDTH_PT - 2 * MARGIN_PT
    if len(layout.declaration) <= 2:
        texts = tuple(text for text, _ in layout.declaration)
        _draw_words(canvas, texts, (MARGIN_PT, layout.declaration[0][1]), 8, room)
    else:
        for index, (text, baseline) in enumerate(layout.declaration):
            colour = _MUTED if index == 0 else _FAINT
            _draw_words(canvas, (text,), (MARGIN_PT, baseline), 8, room, colour)
    for note, baseline in layout.notes:
        _draw_words(canvas, (note,), (MARGIN_PT, baseline), 6.5, room, _FAINT)
    canvas.save()
    return drawn.getvalue()


def _draw_title(canvas: Canvas, layout: Layout) -> None:
    first, *others = layout.title
    canvas.setFillColor(HexColor(_INK))
    canvas.setFont(_CAPTION_FONT, 21)
    canvas.drawString(MARGIN_PT, layout.title_pt, first)
    left = MARGIN_PT + canvas.stringWidth(first, _CAPTION_FONT, 21) + 14
    canvas.setFillColor(HexColor(_FAINT))
    size, text = 9.5, "  \u00b7  ".join(others)
    while left + canvas.stringWidth(text, _CAPTION_FONT, size) > PAGE_WIDTH_PT - MARGIN_PT:
        size -= 0.5
        if size < _SMALLEST_PT:
            raise SettingsError("the card's title is too long")
    canvas.setFont(_CAPTION_FONT, size)
    canvas.drawRightString(PAGE_WIDTH_PT - MARGIN_PT, layout.title_pt, text)
    if layout.subtitle:
        place = (MARGIN_PT, layout.title_pt - 15)
        _draw_words(canvas, (layout.subtitle,), place, 8, PAGE_WIDTH_PT - 2 * MARGIN_PT)


def _draw_heading(canvas: Canvas, caption: Caption, baseline_pt: float) -> None:
    canvas.setFillColor(HexColor(_ACCENT))
    canvas.rect(MARGIN_PT, baseline_pt - 1.5, 2.2, 10, stroke=0, fill=1)
    room = PAGE_WIDTH_PT - 2 * MARGIN_PT - 9
    _draw_words(canvas, caption, (MARGIN_PT + 9, baseline_pt), 9.5, room, _ACCENT)


def _draw_cell(canvas: Canvas, cell: Cell) -> None:
    canvas.setStrokeColor(HexColor(_HAIRLINE))
    canvas.setLineWidth(0.6)
    canvas.line(cell.left_pt, cell.bottom_pt, cell.left_pt + cell.width_pt, cell.bottom_pt)
    _draw_words(canvas, cell.caption, (cell.left_pt, cell.caption_pt), 7, cell.width_pt)


def _draw_words(
    canvas: Canvas,
    caption: Caption,
    origin_pt: tuple[float, float],
    size_pt: float,
    room_pt: float,
    colour: str = _MUTED,
) -> None:
    """The words in each language beside each other, set smaller where they need to be."""
    size = size_pt
    while _length_pt(canvas, caption, size) > room_pt:
        size -= 0.25
        if size < _SMALLEST_PT:
            raise SettingsError(f"no room on the card for: {' '.join(caption)}")
    left, baseline = origin_pt
    canvas.setFont(_CAPTION_FONT, size)
    for index, words in enumerate(caption):
        canvas.setFillColor(HexColor(_FAINT if index else colour))
        canvas.drawString(left, baseline, words)
        left += canvas.stringWidth(words, _CAPTION_FONT, size) + 0.6 * size


def _length_pt(canvas: Canvas, caption: Caption, size_pt: float) -> float:
    words = sum(canvas.stringWidth(text, _CAPTION_FONT, size_pt) for text in caption)
    return float(words + 0.6 * size_pt * (len(caption) - 1))


def _text_field(cell: Cell, max_length: int, font_name: str) -> DictionaryObject:
    """A field merged with its only widget (ISO 32000-1, 12.7.3.1 and 12.5.6.19)."""
    flags = _NO_SPELL_CHECK_FLAG | (MULTILINE_FLAG if cell.multiline else 0)
    appearance = f"{font_name} {cell.size_pt:g} Tf {_VALUE_COLOUR}"
    return DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject("/Widget"),
            NameObject("/FT"): NameObject("/Tx"),
            NameObject("/T"): TextStringObject(cell.name or ""),
            NameObject("/TU"): TextStringObject(cell.caption[0]),
            NameObject("/Ff"): NumberObject(flags),
            NameObject("/F"): NumberObject(_PRINT_FLAG),
            NameObject("/MaxLen"): NumberObject(max_length),
            NameObject("/DA"): TextStringObject(appearance),
            NameObject("/Rect"): ArrayObject(
                FloatObject(round(edge, 2))
                for edge in (
                    cell.left_pt,
                    cell.bottom_pt + 0.6,
                    cell.left_pt + cell.width_pt,
                    cell.bottom_pt + cell.height_pt,
                )
            ),
        }
    )


def _signature_field(cell: Cell) -> DictionaryObject:
    """An unsigned signature field: the place that a drawn signature takes (12.7.4.5)."""
    field = _text_field(cell, 1, FORM_FONT_NAME)
    for key in ("/MaxLen", "/DA"):
        del field[key]
    field[NameObject("/FT")] = NameObject("/Sig")
    field[NameObject("/Ff")] = NumberObject(0)
    return field


def _blank_appearance(writer: PdfWriter, cell: Cell) -> DictionaryObject:
    """An empty appearance, so that no viewer has to make one up for an empty field."""
    blank = DecodedStreamObject()
    blank.set_data(b"/Tx BMC EMC")
    blank[NameObject("/Type")] = NameObject("/XObject")
    blank[NameObject("/Subtype")] = NameObject("/Form")
    blank[NameObject("/BBox")] = ArrayObject(
        FloatObject(round(edge, 2)) for edge in (0, 0, cell.width_pt, cell.height_pt - 0.6)
    )
    return DictionaryObject({NameObject("/N"): writer._add_object(blank)})


def _form(widgets: ArrayObject, font_name: NameObject, font: IndirectObject) -> DictionaryObject:
    return DictionaryObject(
        {
            NameObject("/Fields"): ArrayObject(widgets),
            NameObject("/DR"): DictionaryObject(
                {NameObject("/Font"): DictionaryObject({font_name: font})}
            ),
            NameObject("/DA"): TextStringObject(f"{font_name} 11 Tf {_VALUE_COLOUR}"),
        }
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Draw a card's PDF form.")
    parser.add_argument("card", type=Path, help=f"folder with {PLAN} and {MAPPING}")
    parser.add_argument("--out", type=Path, help=f"PDF to write; without it {FORM} in the folder")
    parser.add_argument("--font", type=Path, default=FONT_FILE, help="TrueType font to embed")
    arguments = parser.parse_args()
    folder: Path = arguments.card
    plan, mapping = load_plan(folder / PLAN), load_mapping(folder / MAPPING)
    drawn = draw_template(arguments.font.read_bytes(), plan, mapping)
    (arguments.out or folder / FORM).write_bytes(drawn)


if __name__ == "__main__":
    main()
