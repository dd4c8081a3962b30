"""A form's pages as plain paper, and what is drawn over them."""

from __future__ import annotations

import io
from typing import cast

from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
)

from pipeline.card.frames import frame
from pipeline.card.widgets import page_annotations

PRODUCER = "LobbyLens"
PDF_HEADER = "%PDF-1.7"


def without_form(form: bytes) -> bytes:
    """The form's pages alone: no fields, no widgets, no font of theirs; their frames stay."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(form)))
    writer.root_object.pop("/AcroForm", None)
    for index, page in enumerate(writer.pages):
        widgets = [a for a in page_annotations(page) if a.get("/Subtype") == "/Widget"]
        if frames := b"\n".join(filter(None, map(frame, widgets))):
            draw_over(writer, index, frames, DictionaryObject())
        kept = ArrayObject(
            annotation.indirect_reference or annotation
            for annotation in page_annotations(page)
            if annotation.get("/Subtype") != "/Widget"
        )
        page.pop("/Annots", None)
        if kept:
            page[NameObject("/Annots")] = kept
    # The writer still holds what nothing refers to any more; a clone of what it wrote does not.
    plain = PdfWriter(clone_from=PdfReader(written(writer)))
    return written(plain).getvalue()


def written(writer: PdfWriter) -> io.BytesIO:
    """The file, as it would lie on disk."""
    stream = io.BytesIO()
    writer.write(stream)
    return stream


def draw_over(
    writer: PdfWriter, page_index: int, operators: bytes, resources: DictionaryObject
) -> None:
    """Append ``operators`` to a page, shielded from the graphics state the page ends in.

    ``resources`` holds what they name: /Font, /XObject.
    """
    page = writer.pages[page_index]
    there = cast(DictionaryObject, page["/Resources"].get_object())
    for kind, entries in resources.items():
        if kind not in there:
            there[NameObject(kind)] = DictionaryObject()
        cast(DictionaryObject, there[kind].get_object()).update(entries)
    below = page.raw_get("/Contents") if "/Contents" in page else ArrayObject()
    array = below.get_object()
    streams = array if isinstance(array, ArrayObject) else [below]
    page[NameObject("/Contents")] = ArrayObject(
        [add_stream(writer, b"q"), *streams, add_stream(writer, b"Q\n" + operators)]
    )


def add_stream(
    writer: PdfWriter,
    data: bytes,
    entries: DictionaryObject | None = None,
    *,
    packed: bool = True,
) -> IndirectObject:
    """Add a stream with further dictionary entries."""
    plain = DecodedStreamObject()
    plain.set_data(data)
    stream = plain.flate_encode() if packed else plain
    stream.update(entries or {})
    return writer._add_object(stream)
