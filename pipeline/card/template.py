"""Draws the registration card's template: ``python -m pipeline.card.template OUT.pdf``.

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

from pipeline.card.fill import PDF_HEADER, PRODUCER
from pipeline.card.font import CardFont
from pipeline.card.layout import (
    MARGIN_PT,
    PAGE_HEIGHT_PT,
    PAGE_WIDTH_PT,
    Caption,
    Cell,
    Layout,
    card_layout,
)
from pipeline.card.mapping import CardMapping, load_mapping
from pipeline.card.widgets import MULTILINE_FLAG

FONT_FILE = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
"""From Debian's fonts-dejavu-core; its licence allows embedding and redistribution."""
MAPPING_FILE = Path("templates/registration_card.json")
FORM_FONT_NAME = "/Wingdings"
"""Resource name of the fields' font, and no more than that: what is embedded is ``FONT_FILE``.

PDFium (Chrome, Edge) lets a person type every character a field's font has only where it takes
the font for a symbol font, which it tells by this name; under any other name it swaps letters
outside Latin-1 for those of whatever font it finds, and drops the Vietnamese ones.
"""

_CAPTION_FONT = "CardCaption"
_INK = "#1f2933"
_MUTED = "#5f6b7a"
_FAINT = "#828c9a"
_HAIRLINE = "#c3cad3"
_ACCENT = "#2f6670"
_VALUE_COLOUR = "0.08 0.11 0.15 rg"

_NO_SPELL_CHECK_FLAG = 1 << 22
_PRINT_FLAG = 1 << 2


def draw_template(font_data: bytes, mapping: CardMapping) -> bytes:
    """The template as a PDF: one A4 page and an AcroForm with one text field per mapping entry.

    ``font_data`` is a whole TrueType font; it goes into the form's resources unabridged, so that
    any character it has can be typed. Raises SettingsError when it is no such font.
    """
    layout = card_layout()
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(_draw_page(font_data, layout))))
    font = CardFont(font_data)
    font_name = NameObject(FORM_FONT_NAME)
    page = writer.pages[0]
    widgets = ArrayObject()
    for cell in layout.cells:
        if cell.name is not None:
            widget = _text_field(cell, mapping.fields[cell.name].max_length, font_name)
            widget[NameObject("/AP")] = _blank_appearance(writer, cell)
            if page.indirect_reference is not None:
                widget[NameObject("/P")] = page.indirect_reference
            widgets.append(writer._add_object(widget))
    page[NameObject("/Annots")] = widgets
    page[NameObject("/Tabs")] = NameObject("/S")
    writer.root_object[NameObject("/AcroForm")] = _form(
        widgets, font_name, font.embed_whole(writer)
    )
    writer.root_object[NameObject("/Lang")] = TextStringObject("en")
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
    for cell in layout.cells:
        _draw_cell(canvas, cell)
    _draw_pair(
        canvas,
        Caption(
            "I confirm that the details above are correct.",
            "Je confirme l\u2019exactitude des renseignements ci-dessus.",
        ),
        (MARGIN_PT, layout.declaration_pt),
        8,
    )
    canvas.save()
    return drawn.getvalue()


def _draw_title(canvas: Canvas, layout: Layout) -> None:
    canvas.setFillColor(HexColor(_INK))
    canvas.setFont(_CAPTION_FONT, 21)
    canvas.drawString(MARGIN_PT, layout.title_pt, "Registration card")
    canvas.setFillColor(HexColor(_FAINT))
    canvas.setFont(_CAPTION_FONT, 9.5)
    canvas.drawRightString(
        PAGE_WIDTH_PT - MARGIN_PT, layout.title_pt, "Fiche d\u2019enregistrement"
    )


def _draw_heading(canvas: Canvas, caption: Caption, baseline_pt: float) -> None:
    canvas.setFillColor(HexColor(_ACCENT))
    canvas.rect(MARGIN_PT, baseline_pt - 1.5, 2.2, 10, stroke=0, fill=1)
    _draw_pair(canvas, caption, (MARGIN_PT + 9, baseline_pt), 9.5, _ACCENT)


def _draw_cell(canvas: Canvas, cell: Cell) -> None:
    canvas.setStrokeColor(HexColor(_HAIRLINE))
    canvas.setLineWidth(0.6)
    canvas.line(cell.left_pt, cell.bottom_pt, cell.left_pt + cell.width_pt, cell.bottom_pt)
    _draw_pair(canvas, cell.caption, (cell.left_pt, cell.caption_pt), 7)


def _draw_pair(
    canvas: Canvas,
    caption: Caption,
    origin_pt: tuple[float, float],
    size_pt: float,
    colour: str = _MUTED,
) -> None:
    left, baseline = origin_pt
    canvas.setFont(_CAPTION_FONT, size_pt)
    canvas.setFillColor(HexColor(colour))
    canvas.drawString(left, baseline, caption.english)
    if caption.french != caption.english:
        left += canvas.stringWidth(caption.english, _CAPTION_FONT, size_pt) + 0.6 * size_pt
        canvas.setFillColor(HexColor(_FAINT))
        canvas.drawString(left, baseline, caption.french)


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
            NameObject("/TU"): TextStringObject(cell.caption.english),
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
    parser = argparse.ArgumentParser(description="Draw the registration card's template.")
    parser.add_argument("out", type=Path, help="PDF to write")
    parser.add_argument("--font", type=Path, default=FONT_FILE, help="TrueType font to embed")
    parser.add_argument("--mapping", type=Path, default=MAPPING_FILE, help="mapping beside it")
    arguments = parser.parse_args()
    drawn = draw_template(arguments.font.read_bytes(), load_mapping(arguments.mapping))
    arguments.out.write_bytes(drawn)


if __name__ == "__main__":
    main()
