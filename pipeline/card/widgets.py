"""The text fields of a template, as its widgets show them (ISO 32000-1, 12.5.6.19 and 12.7)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum

from pypdf import PageObject, PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, StreamObject

from core.errors import SettingsError

MULTILINE_FLAG = 1 << 12
"""Bit 13 of a text field's /Ff (ISO 32000-1, table 228)."""

_FONT_OPERATOR = re.compile(r"/(\S+)\s+([\d.]+)\s+Tf")
_COLOUR_OPERATOR = re.compile(r"(?:[\d.]+\s+){3}rg|(?:[\d.]+\s+){4}k|[\d.]+\s+g\b")
_AUTO_SIZE_PT = 11.0


class Quadding(IntEnum):
    """Where a field's text is set (ISO 32000-1, table 222)."""

    LEFT = 0
    CENTRE = 1
    RIGHT = 2


@dataclass(frozen=True, slots=True)
class Widget:
    """One place where a field is shown; a field may have several.

    The rectangle is in points of the page's user space (origin bottom-left, y up). ``colour`` is
    a PDF colour operator with its operands. ``from_top`` when the text starts at the upper edge
    instead of standing in the middle.
    """

    name: str
    page_index: int
    left_pt: float
    bottom_pt: float
    width_pt: float
    height_pt: float
    font_name: str
    size_pt: float
    colour: str
    quadding: Quadding
    from_top: bool


def read_widgets(
    reader: PdfReader, but: Collection[str] = (), signature: str | None = None
) -> tuple[Widget, ...]:
    """Every text field's widgets, in page order.

    Fields named in ``but`` are passed over. ``signature`` may be a signature field. Raises
    SettingsError for any other field that is no text field.
    """
    return tuple(
        _widget(reader, annotation, index, signature)
        for index, annotation in all_widgets(reader)
        if full_name(annotation) not in but
    )


def all_widgets(reader: PdfReader) -> Iterator[tuple[int, DictionaryObject]]:
    """Page index and annotation of every widget, whatever its field is."""
    for index, page in enumerate(reader.pages):
        for annotation in page_annotations(page):
            if annotation.get("/Subtype") == "/Widget":
                yield index, annotation


def page_annotations(page: PageObject) -> Iterator[DictionaryObject]:
    """A page's annotations, references followed."""
    listed = page.get("/Annots")
    for reference in listed.get_object() if listed is not None else ArrayObject():
        annotation = reference.get_object()
        if isinstance(annotation, DictionaryObject):
            yield annotation


def embedded_font(reader: PdfReader, widgets: tuple[Widget, ...]) -> bytes:
    """The TrueType file that the widgets' one font embeds, as it lies in the form's /DR.

    Raises SettingsError when the widgets name several fonts, or the font's file is not there.
    """
    names = {widget.font_name for widget in widgets}
    if len(names) != 1:
        raise SettingsError("the fields of the card template must share one font")
    form = reader.root_object["/AcroForm"].get_object()
    found: object = form
    for key in ("/DR", "/Font", f"/{names.pop()}"):
        found = _child(found, key)
    descendants = _child(found, "/DescendantFonts")
    font = descendants[0].get_object() if isinstance(descendants, ArrayObject) else found
    stream = _child(_child(font, "/FontDescriptor"), "/FontFile2")
    if not isinstance(stream, StreamObject):
        raise SettingsError("the card template does not embed its fields' TrueType font in /DR")
    return stream.get_data()


def _child(parent: object, key: str) -> object:
    if not isinstance(parent, DictionaryObject) or key not in parent:
        return None
    return parent[NameObject(key)].get_object()


def inherited(annotation: DictionaryObject, key: str) -> object:
    """A field attribute, from the widget or the nearest parent that has it (12.7.3.1)."""
    node: object = annotation
    while isinstance(node, DictionaryObject):
        if (value := _child(node, key)) is not None:
            return value
        node = _child(node, "/Parent")
    return None


def field_of(annotation: DictionaryObject) -> DictionaryObject:
    """The field that a widget shows: itself, or the parent that has the field's name."""
    node = annotation
    while "/T" not in node and (parent := _child(node, "/Parent")) is not None:
        assert isinstance(parent, DictionaryObject)
        node = parent
    return node


def full_name(annotation: DictionaryObject) -> str:
    """Partial names from the root down, joined by dots (12.7.3.2)."""
    parts: list[str] = []
    node: object = annotation
    while isinstance(node, DictionaryObject):
        if (part := _child(node, "/T")) is not None:
            parts.append(str(part))
        node = _child(node, "/Parent")
    return ".".join(reversed(parts))


def _edges(annotation: DictionaryObject) -> list[float]:
    """The widget's rectangle: x, y of one corner, x, y of the opposite one (7.9.5)."""
    rectangle = _child(annotation, "/Rect")
    if not isinstance(rectangle, ArrayObject) or len(rectangle) != 4:
        raise SettingsError("a field of the card template has no rectangle")
    return [float(edge) for edge in rectangle]


def _widget(
    reader: PdfReader, annotation: DictionaryObject, page_index: int, signature: str | None
) -> Widget:
    name = full_name(annotation)
    signs = name == signature and inherited(annotation, "/FT") == "/Sig"
    if inherited(annotation, "/FT") != "/Tx" and not signs:
        raise SettingsError(f"the card template's field {name} is not a text field")
    form = _child(reader.root_object, "/AcroForm")
    appearance = str(inherited(annotation, "/DA") or _child(form, "/DA") or "")
    font = _FONT_OPERATOR.search(appearance)
    if font is None and not signs:
        raise SettingsError(f"the card template's field {name} names no font")
    colour = _COLOUR_OPERATOR.search(appearance)
    flags = inherited(annotation, "/Ff")
    quadding = inherited(annotation, "/Q")
    edges = _edges(annotation)
    left, right = sorted(edges[0::2])
    bottom, top = sorted(edges[1::2])
    return Widget(
        name=name,
        page_index=page_index,
        left_pt=left,
        bottom_pt=bottom,
        width_pt=right - left,
        height_pt=top - bottom,
        font_name=font.group(1) if font else "",
        size_pt=(float(font.group(2)) if font else 0) or _AUTO_SIZE_PT,
        colour=colour.group(0) if colour else "0 g",
        quadding=Quadding(quadding) if isinstance(quadding, int) else Quadding.LEFT,
        from_top=bool(flags & MULTILINE_FLAG) if isinstance(flags, int) else False,
    )
