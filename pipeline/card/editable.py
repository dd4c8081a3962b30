"""A filled form that stays a form: each field has its value, and an appearance to show it."""

from __future__ import annotations

from collections.abc import Mapping

from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    TextStringObject,
)

from pipeline.card.frames import frame
from pipeline.card.output import add_stream
from pipeline.card.placing import Inks, PlacedText
from pipeline.card.widgets import field_of, full_name, page_annotations


def fill_form(
    writer: PdfWriter, texts: Mapping[str, str], placed: list[PlacedText], inks: Inks
) -> None:
    """Set /V of each field and draw its widgets' appearances (ISO 32000-1, 12.7.3.3).

    Whoever edits a field gets the form's own font again, as their viewer sets it.
    """
    waiting: dict[str, list[PlacedText]] = {}
    for text in placed:
        waiting.setdefault(text.widget.name, []).append(text)
    for page in writer.pages:
        for annotation in page_annotations(page):
            name = full_name(annotation)
            if annotation.get("/Subtype") != "/Widget" or not texts.get(name):
                continue
            field_of(annotation)[NameObject("/V")] = TextStringObject(texts[name])
            shown = _appearance(annotation, waiting[name].pop(0), inks)
            annotation[NameObject("/AP")] = DictionaryObject(
                {NameObject("/N"): add_stream(writer, *shown)}
            )


def _appearance(
    annotation: DictionaryObject, text: PlacedText, inks: Inks
) -> tuple[bytes, DictionaryObject]:
    widget = text.widget
    around = frame(annotation, (widget.left_pt, widget.bottom_pt))
    operators = inks.operators(text, (widget.left_pt, widget.bottom_pt))
    box = (0.0, 0.0, round(widget.width_pt, 2), round(widget.height_pt, 2))
    return around + b"/Tx BMC\nq\n" + operators + b"\nQ\nEMC", DictionaryObject(
        {
            NameObject("/Type"): NameObject("/XObject"),
            NameObject("/Subtype"): NameObject("/Form"),
            NameObject("/BBox"): ArrayObject(FloatObject(edge) for edge in box),
            NameObject("/Resources"): DictionaryObject({NameObject("/Font"): inks.resources()}),
        }
    )
