"""Archived cards against a checklist of ISO 19005-2, and the checklist against broken files."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)

from pipeline.card.order import CardOrder, Signature
from tests.pipeline.card_names import filler, values
from tests.pipeline.pdfa_clauses import CLAUSES, broken, fonts, objects
from tests.pipeline.test_card_order import EVERY_CARD, PLAIN

STROKES = (((0.1, 0.2), (0.5, 0.8), (0.9, 0.3)),)


def archived(folder: Any = PLAIN) -> bytes:
    order = CardOrder(archival=True, signature=Signature(strokes=STROKES))
    told = values(folder, secondary_identifier="王小明 محمد")
    card: bytes = filler(folder).fill(told, order)
    return card


@EVERY_CARD
def test_an_archived_card_breaks_no_clause(folder: Any) -> None:
    assert broken(archived(folder)) == {}


def named(**entries: Any) -> DictionaryObject:
    return DictionaryObject({NameObject(f"/{key}"): value for key, value in entries.items()})


def name(text: str) -> NameObject:
    return NameObject(f"/{text}")


def stream(data: bytes, **entries: Any) -> StreamObject:
    made = DecodedStreamObject()
    made.set_data(data)
    made.update(named(**entries))
    return made


def put(where: DictionaryObject, key: str, value: Any) -> None:
    where[NameObject(f"/{key}")] = value


def first(writer: PdfWriter, wanted: Callable[[Any], bool]) -> Any:
    """The first object of a kind, in the writer."""
    for number in range(1, len(writer._objects) + 1):
        found = writer.get_object(number)
        if isinstance(found, DictionaryObject) and wanted(found):
            return found
    raise AssertionError("there is none")


def state(writer: PdfWriter, **entries: Any) -> None:
    resources: Any = writer.pages[0]["/Resources"]
    put(resources, "ExtGState", named(Broken=named(**entries)))


def picture(writer: PdfWriter, **entries: Any) -> None:
    image = stream(b"\0", Type=name("XObject"), Subtype=name("Image"), Width=NumberObject(1),
                   Height=NumberObject(1), ColorSpace=name("DeviceGray"),
                   BitsPerComponent=NumberObject(8))  # fmt: skip
    image.update(named(**entries))
    resources: Any = writer.pages[0]["/Resources"]
    things = resources.setdefault(NameObject("/XObject"), DictionaryObject()).get_object()
    put(things, "Broken", writer._add_object(image))


def annotation(writer: PdfWriter, flags: int, *, look: bool) -> None:
    note = FreeText(text="x", rect=(10, 10, 40, 40))
    put(note, "F", NumberObject(flags))
    if look:
        put(note, "AP", named(N=writer._add_object(stream(b"", Subtype=name("Form")))))
    elif "/AP" in note:
        del note["/AP"]
    writer.add_annotation(0, note)
    added: Any = writer.pages[0]["/Annots"]
    put(added[0].get_object(), "F", NumberObject(flags))


def root_of(writer: PdfWriter) -> Any:
    return writer.root_object


def spoil_intent(writer: PdfWriter) -> None:
    root_of(writer)["/OutputIntents"][0].get_object()["/DestOutputProfile"][NameObject("/N")] = (
        NumberObject(4)
    )


def spoil_xmp(writer: PdfWriter, old: bytes, new: bytes) -> None:
    before = root_of(writer)["/Metadata"].get_data()
    assert old in before
    told = stream(before.replace(old, new), Type=name("Metadata"), Subtype=name("XML"))
    put(root_of(writer), "Metadata", writer._add_object(told))


def spoil_width(writer: PdfWriter) -> None:
    font = first(writer, lambda it: it.get("/Subtype") == "/CIDFontType2")
    widths = font["/W"]
    put(font, "W", ArrayObject([widths[0], ArrayObject([FloatObject(77)])]))


def spoil_content(writer: PdfWriter) -> None:
    before = writer.pages[0].get_contents()
    assert before is not None
    contents = stream(b"0 0 0 1 k 10 10 5 5 re f\n" + before.get_data())
    put(writer.pages[0], "Contents", writer._add_object(contents))


def spoil_embedding(writer: PdfWriter) -> None:
    descriptor = first(writer, lambda it: "/FontFile2" in it)
    del descriptor["/FontFile2"]


def without(wanted: Callable[[Any], bool], key: str) -> Callable[[PdfWriter], object]:
    def spoil(writer: PdfWriter) -> None:
        del first(writer, wanted)[f"/{key}"]

    return spoil


def script() -> DictionaryObject:
    return named(S=name("JavaScript"), JS=TextStringObject("app.alert(1)"))


SPOILERS: list[tuple[str, Callable[[PdfWriter], object]]] = [
    ("6.1.7.2", lambda w: put(first(w, lambda it: "/FontFile2" in it), "Spoilt",
                              w._add_object(stream(b"\x80\x0b\x60", Filter=name("LZWDecode"))))),
    ("6.1.7.1", lambda w: put(root_of(w), "Spoilt",
                              w._add_object(stream(b"", F=TextStringObject("elsewhere"))))),
    ("6.2.3", spoil_intent),
    ("6.2.3", lambda w: root_of(w).pop("/OutputIntents")),
    ("6.2.4.3", spoil_content),
    ("6.2.4.3", lambda w: picture(w, ColorSpace=name("DeviceCMYK"))),
    ("6.2.5", lambda w: state(w, TR=name("Identity"))),
    ("6.2.8", lambda w: picture(w, Interpolate=BooleanObject(True))),
    ("6.2.9", lambda w: picture(w, Subtype=name("PS"))),
    ("6.2.10", lambda w: state(w, ca=FloatObject(0.5))),
    ("6.2.10", lambda w: state(w, BM=name("Sparkle"))),
    ("6.2.11.4.1", spoil_embedding),
    ("6.2.11.3.2", without(lambda it: it.get("/Subtype") == "/CIDFontType2", "CIDToGIDMap")),
    ("6.2.11.5", spoil_width),
    ("6.2.11.7.2", without(lambda it: "/DescendantFonts" in it, "ToUnicode")),
    ("6.3", lambda w: annotation(w, 4, look=False)),
    ("6.3", lambda w: annotation(w, 2, look=True)),
    ("6.4", lambda w: put(root_of(w), "AcroForm", named(Fields=ArrayObject(),
                                                        NeedAppearances=BooleanObject(True)))),
    ("6.4", lambda w: put(root_of(w), "AcroForm", named(Fields=ArrayObject(),
                                                        XFA=TextStringObject("x")))),
    ("6.5.1", lambda w: put(root_of(w), "OpenAction", script())),
    ("6.5.2", lambda w: put(w.pages[0], "AA", named(O=named(S=name("GoTo"))))),
    ("6.6.2.1", lambda w: root_of(w).pop("/Metadata")),
    ("6.6.2.1", lambda w: spoil_xmp(w, b"</rdf:RDF>", b"</rdf:RD>")),
    ("6.6.4", lambda w: spoil_xmp(w, b"<pdfaid:part>2<", b"<pdfaid:part>1<")),
    ("6.8", lambda w: w.add_attachment("a.txt", b"x")),
    ("6.9", lambda w: put(root_of(w), "OCProperties", named(D=named(AS=ArrayObject())))),
]  # fmt: skip


def written(writer: PdfWriter) -> bytes:
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


@pytest.fixture(scope="module")
def good() -> bytes:
    return archived()


def test_writing_a_card_anew_breaks_nothing(good: bytes) -> None:
    """So that what is found below is what was spoilt."""
    assert broken(written(PdfWriter(clone_from=PdfReader(io.BytesIO(good))))) == {}
    reader = PdfReader(io.BytesIO(good))
    assert len(list(fonts(reader))) >= 2 and len(list(objects(reader))) > 20


@pytest.mark.parametrize(("number", "spoil"), SPOILERS, ids=[each[0] for each in SPOILERS])
def test_a_broken_file_is_found_by_its_clause(
    good: bytes, number: str, spoil: Callable[[PdfWriter], object]
) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(good)))
    spoil(writer)
    found = [each.split()[0] for each in broken(written(writer))]
    assert number in found


@pytest.mark.parametrize(
    ("number", "old", "new"),
    [("6.1.2", b"%PDF-1.7\n%", b"%PDF-1.7\n "), ("6.1.3", b"/ID", b"/IX")],
)
def test_a_broken_frame_is_found_by_its_clause(
    good: bytes, number: str, old: bytes, new: bytes
) -> None:
    assert number in [each.split()[0] for each in broken(good.replace(old, new))]


def test_an_encrypted_card_is_found(good: bytes) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(good)))
    writer.encrypt("", "owner", algorithm="RC4-128")
    assert any("6.1.3" in each for each in broken(written(writer)))


def test_every_clause_has_its_broken_file() -> None:
    tried = {number for number, _ in SPOILERS} | {"6.1.2", "6.1.3"}
    assert tried == {each.split()[0] for each in CLAUSES}
