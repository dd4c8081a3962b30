"""Values in, a finished registration card out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pypdf import PdfReader, PdfWriter
from pypdf.errors import PyPdfError
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
)

from core.errors import DocumentFillingError, SettingsError
from pipeline.card.font import CardFont, encode
from pipeline.card.glyphs import LEADING, FittedText, fit, printable
from pipeline.card.mapping import FieldRule, formatted, load_mapping
from pipeline.card.widgets import (
    Quadding,
    Widget,
    embedded_font,
    page_annotations,
    read_widgets,
)

PRODUCER = "LobbyLens"
PDF_HEADER = "%PDF-1.7"
_FONT_RESOURCE = "/CardValue"
_INSET_PT = 1.0
_FIRST_LINE_DROP = 0.98
"""From the top of a field down to its first baseline, in font sizes: room for stacked marks."""


class CardFiller:
    """Fills one template; loaded once, safe to use from several threads.

    A filled card is a plain page: no form, no widgets, values set in a subset of the template's
    own font, and neither time nor guest data in its metadata. Nothing is written to disk.

    Raises SettingsError when template or mapping cannot be read or do not fit each other.
    """

    def __init__(self, template: Path, mapping: Path) -> None:
        self._mapping = load_mapping(mapping)
        try:
            data = template.read_bytes()
            reader = PdfReader(io.BytesIO(data))
            widgets = read_widgets(reader)
            if not widgets:
                raise SettingsError(f"the card template {template.name} has no form fields")
            self._font = CardFont(embedded_font(reader, widgets))
            self._background = _without_form(data)
        except OSError as error:
            raise SettingsError(
                f"the card template {template.name} cannot be read: {error.strerror}"
            ) from None
        except PyPdfError:
            raise SettingsError(f"the card template {template.name} is no readable PDF") from None
        self._widgets: dict[str, list[Widget]] = {}
        for widget in widgets:
            self._widgets.setdefault(widget.name, []).append(widget)
        if strangers := self._widgets.keys() ^ self._mapping.fields.keys():
            raise SettingsError(
                "the card template and its mapping disagree on: " + ", ".join(sorted(strangers))
            )

        self._names = frozenset(rule.source for rule in self._mapping.fields.values())

    @property
    def names(self) -> frozenset[str]:
        """JSON names of the values that the card has a place for."""
        return self._names

    def fill(self, fields: Mapping[str, str]) -> bytes:
        """The card with ``fields`` (values by JSON name; dates in ISO 8601) as a PDF.

        Fields left out or blank stay empty. Raises DocumentFillingError, naming the field and
        never its value, for an unknown name, a required value that is missing, a date that is
        none, a text that does not fit; MissingGlyph, naming the character as well, for one that
        the font lacks.
        """
        for name in fields:
            if name not in self.names:
                raise DocumentFillingError(f"the card has no field {name}", field=name)
        texts = {
            form_name: self._text(rule, fields.get(rule.source, ""))
            for form_name, rule in self._mapping.fields.items()
        }
        drawn: dict[int, list[bytes]] = {}
        for form_name, text in texts.items():
            for widget in self._widgets[form_name] if text else ():
                operators = self._set(widget, self._mapping.fields[form_name], text)
                drawn.setdefault(widget.page_index, []).append(operators)
        return self._write(drawn, "".join(texts.values()).replace("\n", ""))

    def _text(self, rule: FieldRule, value: str) -> str:
        name = rule.source
        text = printable(name, value, self._font, multiline=rule.multiline)
        if not text:
            if rule.required:
                raise DocumentFillingError(
                    f"{name} is required on the card and missing", field=name
                )
            return ""
        text = formatted(name, rule, text)
        if len(text) > rule.max_length:
            raise DocumentFillingError(
                f"{name} is longer than the {rule.max_length} characters the card allows",
                field=name,
            )
        return text

    def _set(self, widget: Widget, rule: FieldRule, text: str) -> bytes:
        """Content-stream operators that show ``text`` in the widget's rectangle."""
        fitted = fit(
            text,
            self._font,
            width_pt=widget.width_pt - 2 * _INSET_PT,
            height_pt=widget.height_pt,
            size_pt=widget.size_pt,
            min_size_pt=min(widget.size_pt, self._mapping.min_font_size_pt),
            multiline=rule.multiline,
        )
        if fitted is None:
            raise DocumentFillingError(
                f"{rule.source} is too long for its place on the card", field=rule.source
            )
        lines = []
        baseline = self._first_baseline_pt(widget, fitted)
        for line in fitted.lines:
            spare = widget.width_pt - 2 * _INSET_PT - self._font.width_pt(line, fitted.size_pt)
            shift = {
                Quadding.LEFT: 0.0,
                Quadding.CENTRE: spare / 2,
                Quadding.RIGHT: spare,
            }
            left = widget.left_pt + _INSET_PT + shift[widget.quadding]
            lines.append(b"1 0 0 1 %.2f %.2f Tm %s Tj" % (left, baseline, encode(line)))
            baseline -= LEADING * fitted.size_pt
        font = f"{widget.colour} {_FONT_RESOURCE} {fitted.size_pt:g} Tf".encode("ascii")
        return b"\n".join([b"BT", font, *lines, b"ET"])

    def _first_baseline_pt(self, widget: Widget, fitted: FittedText) -> float:
        if widget.from_top:
            return widget.bottom_pt + widget.height_pt - _FIRST_LINE_DROP * fitted.size_pt
        middle = widget.bottom_pt + widget.height_pt / 2
        if len(fitted.lines) == 1:
            # One baseline for a whole row, whatever had to be set smaller.
            return middle - self._font.cap_height * widget.size_pt / 2
        block = (len(fitted.lines) - 1) * LEADING - self._font.cap_height
        return middle + block * fitted.size_pt / 2

    def _write(self, drawn: Mapping[int, list[bytes]], characters: str) -> bytes:
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(self._background)))
        if drawn:
            font = self._font.embed_subset(writer, characters)
            for page_index, operators in drawn.items():
                _draw_over(writer, page_index, b"\n".join(operators), font)
        writer.metadata = {"/Title": self._mapping.title, "/Producer": PRODUCER}
        writer.pdf_header = PDF_HEADER
        return _written(writer).getvalue()


def _without_form(template: bytes) -> bytes:
    """The template's pages alone: no form, no widgets, no font of theirs."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(template)))
    writer.root_object.pop("/AcroForm", None)
    for page in writer.pages:
        kept = ArrayObject(
            annotation.indirect_reference or annotation
            for annotation in page_annotations(page)
            if annotation.get("/Subtype") != "/Widget"
        )
        page.pop("/Annots", None)
        if kept:
            page[NameObject("/Annots")] = kept
    # The writer still holds what nothing refers to any more; a clone of what it wrote does not.
    plain = PdfWriter(clone_from=PdfReader(_written(writer)))
    return _written(plain).getvalue()


def _written(writer: PdfWriter) -> io.BytesIO:
    stream = io.BytesIO()
    writer.write(stream)
    return stream


def _draw_over(writer: PdfWriter, page_index: int, operators: bytes, font: IndirectObject) -> None:
    """Append ``operators`` to a page, shielded from the graphics state the page ends in."""
    page = writer.pages[page_index]
    resources = cast(DictionaryObject, page["/Resources"].get_object())
    if "/Font" not in resources:
        resources[NameObject("/Font")] = DictionaryObject()
    fonts = cast(DictionaryObject, resources["/Font"].get_object())
    fonts[NameObject(_FONT_RESOURCE)] = font
    below = page.raw_get("/Contents") if "/Contents" in page else ArrayObject()
    array = below.get_object()
    streams = array if isinstance(array, ArrayObject) else [below]
    page[NameObject("/Contents")] = ArrayObject(
        [_stream(writer, b"q"), *streams, _stream(writer, b"Q\n" + operators)]
    )


def _stream(writer: PdfWriter, operators: bytes) -> IndirectObject:
    plain = DecodedStreamObject()
    plain.set_data(operators)
    return writer._add_object(plain.flate_encode())
