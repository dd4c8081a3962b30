"""A checklist of ISO 19005-2 for level B: what of it can be looked at with pypdf, by clause.

No validator: content streams are not interpreted, and clauses about fonts' own tables are looked
at where the cards use them. Each function yields what breaks its clause.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import uharfbuzz
from PIL import ImageCms
from pypdf import PdfReader
from pypdf.generic import ArrayObject, ContentStream, DictionaryObject, IndirectObject, StreamObject

Check = Callable[[bytes, PdfReader], Iterator[str]]
CLAUSES: dict[str, Check] = {}
_PDFAID = "{http://www.aiim.org/pdfa/ns/id/}"
_FORBIDDEN_ACTIONS = {
    "/Launch", "/Sound", "/Movie", "/ResetForm", "/ImportData", "/Hide", "/SetOCGState",
    "/Rendition", "/Trans", "/GoTo3DView", "/JavaScript",
}  # fmt: skip
_BLEND_MODES = {
    "/Normal", "/Compatible", "/Multiply", "/Screen", "/Overlay", "/Darken", "/Lighten",
    "/ColorDodge", "/ColorBurn", "/HardLight", "/SoftLight", "/Difference", "/Exclusion", "/Hue",
    "/Saturation", "/Color", "/Luminosity",
}  # fmt: skip


def clause(number: str) -> Callable[[Check], Check]:
    def known(check: Check) -> Check:
        CLAUSES[number] = check
        return check

    return known


def broken(pdf: bytes) -> dict[str, list[str]]:
    """Clauses that a file breaks, with what was found."""
    reader = PdfReader(io.BytesIO(pdf))
    found = {number: list(check(pdf, reader)) for number, check in CLAUSES.items()}
    return {number: complaints for number, complaints in found.items() if complaints}


def objects(reader: PdfReader) -> Iterator[Any]:
    """Every dictionary and stream that the trailer leads to, once."""
    waiting: list[Any] = [reader.trailer]
    seen: set[int] = set()
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, IndirectObject):
            if thing.idnum in seen:
                continue
            seen.add(thing.idnum)
            thing = thing.get_object()
        if isinstance(thing, ArrayObject):
            waiting += list(thing)
        elif isinstance(thing, DictionaryObject):
            yield thing
            waiting += list(thing.values())


def resolved(thing: Any, key: str) -> Any:
    """The value itself, not a reference to it; None for none."""
    found = thing.get(key)
    return found.get_object() if found is not None else None


def filters_of(stream: Any) -> list[str]:
    told = stream.get("/Filter", [])
    return [str(each) for each in (told if isinstance(told, ArrayObject) else [told])]


@clause("6.1.2 file header")
def _header(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    lines = pdf.split(b"\n", 2)
    if not re.fullmatch(rb"%PDF-1\.[0-7]\r?", lines[0]):
        yield "no %PDF-1.n at the beginning"
    if not lines[1].startswith(b"%") or not all(byte > 127 for byte in lines[1][1:5]):
        yield "no comment of four bytes above 127"


@clause("6.1.3 file trailer")
def _trailer(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    trailer: Any = reader.trailer
    if len(trailer.get("/ID", ())) != 2:
        yield "no ID"
    if "/Encrypt" in trailer:
        yield "encrypted"


@clause("6.1.7.2 filters")
def _filters(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    for thing in objects(reader):
        if isinstance(thing, StreamObject):
            for name in filters_of(thing):
                if name in ("/LZWDecode", "/LZW", "/Crypt"):
                    yield f"the filter {name}"


@clause("6.1.7.1 external streams")
def _external(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    for thing in objects(reader):
        if isinstance(thing, StreamObject) and {"/F", "/FFilter", "/FDecodeParms"} & thing.keys():
            yield "a stream is elsewhere"


@clause("6.2.3 output intent")
def _intent(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    root: Any = reader.root_object
    intents = [
        each.get_object()
        for each in root.get("/OutputIntents", ())
        if each.get_object().get("/S") == "/GTS_PDFA1"
    ]
    if len(intents) != 1 or "/DestOutputProfile" not in intents[0]:
        yield "no output intent of PDF/A with a profile"
        return
    profile = intents[0]["/DestOutputProfile"]
    try:
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile.get_data())).profile.xcolor_space
    except OSError:
        yield "the profile is no ICC profile"
        return
    if {"GRAY": 1, "RGB ": 3, "CMYK": 4}.get(space) != profile.get("/N"):
        yield "N is not that of the profile"


@clause("6.2.4.3 device colours")
def _colours(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    for page in reader.pages:
        contents = page.get_contents()
        forms = [
            ContentStream(thing, reader)
            for thing in objects(reader)
            if isinstance(thing, StreamObject) and thing.get("/Subtype") == "/Form"
        ]
        for content in [*([] if contents is None else [contents]), *forms]:
            if any(operator in (b"k", b"K") for _, operator in content.operations):
                yield "CMYK beside an intent of RGB"
    if any(thing.get("/ColorSpace") == "/DeviceCMYK" for thing in objects(reader)):
        yield "a picture in CMYK"


@clause("6.2.5 extended graphics state")
def _states(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    for thing in objects(reader):
        if "/TR" in thing or thing.get("/TR2", "/Default") != "/Default" or "/HTP" in thing:
            yield "a transfer function"


@clause("6.2.8 images")
def _images(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    for thing in objects(reader):
        more = {"/Alternates", "/OPI"} & thing.keys() or thing.get("/Interpolate")
        if thing.get("/Subtype") == "/Image" and more:
            yield "alternates, OPI or interpolation"


@clause("6.2.9 XObjects")
def _xobjects(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    for thing in objects(reader):
        if thing.get("/Subtype") == "/PS" or {"/Ref", "/PS"} & thing.keys():
            yield "PostScript or a reference to another file"


@clause("6.2.10 transparency")
def _transparency(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    """The standard allows some; a card has none, which needs no blending space."""
    for thing in objects(reader):
        if thing.get("/BM", "/Normal") not in _BLEND_MODES:
            yield "an unknown blend mode"
        opaque = all(float(thing.get(key, 1)) == 1 for key in ("/ca", "/CA") if key in thing)
        if not opaque or thing.get("/SMask", "/None") != "/None":
            yield "something is transparent"


def described(font: Any) -> Any:
    """The font with the descriptor: of a composite font its descendant."""
    return font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font


def fonts(reader: PdfReader) -> Iterator[Any]:
    for thing in objects(reader):
        if thing.get("/Type") == "/Font" and not str(thing.get("/Subtype")).startswith("/CIDFont"):
            yield thing


@clause("6.2.11.4.1 font embedding")
def _embedded(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    for font in fonts(reader):
        descriptor = described(font).get("/FontDescriptor", {})
        if not {"/FontFile", "/FontFile2", "/FontFile3"} & descriptor.keys():
            yield f"{font.get('/BaseFont')} is not embedded"


@clause("6.2.11.3.2 CIDToGIDMap")
def _gids(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    for thing in objects(reader):
        if thing.get("/Subtype") == "/CIDFontType2":
            told = resolved(thing, "/CIDToGIDMap")
            if told != "/Identity" and not isinstance(told, StreamObject):
                yield "a CIDFontType2 without CIDToGIDMap"


def glyph_of(font: Any, cid: int) -> int:
    """The glyph that a CIDFontType2 draws for a CID (ISO 32000-1, 9.7.4.2)."""
    told = resolved(font, "/CIDToGIDMap")
    if not isinstance(told, StreamObject):
        return cid
    table = told.get_data()
    return int.from_bytes(table[2 * cid : 2 * cid + 2], "big")


def cid_widths(array: Any) -> Iterator[tuple[int, float]]:
    """``/W`` of a CIDFont (ISO 32000-1, 9.7.4.3): glyph and width."""
    items = [each.get_object() for each in array]
    while items:
        first, second = items.pop(0), items.pop(0)
        if isinstance(second, ArrayObject):
            yield from ((int(first) + place, float(width)) for place, width in enumerate(second))
        else:
            width = float(items.pop(0))
            yield from ((number, width) for number in range(int(first), int(second) + 1))


@clause("6.2.11.5 font metrics")
def _widths(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    for font in fonts(reader):
        inner = described(font)
        descriptor = inner.get("/FontDescriptor", {})
        if inner.get("/Subtype") != "/CIDFontType2" or "/FontFile2" not in descriptor:
            continue
        face = uharfbuzz.Face(descriptor["/FontFile2"].get_data())
        drawn = uharfbuzz.Font(face)
        for cid, width in cid_widths(inner.get("/W", ())):
            real = drawn.get_glyph_h_advance(glyph_of(inner, cid)) * 1000 / face.upem
            if abs(real - width) > 1:
                yield f"{font.get('/BaseFont')}: CID {cid} is {real:.0f} wide, not {width:.0f}"


@clause("6.2.11.7.2 Unicode")
def _unicode(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    """Asked for by level U; the cards' text shall be found and copied all the same."""
    for font in fonts(reader):
        if "/ToUnicode" not in font and "/DescendantFonts" in font:
            yield f"{font.get('/BaseFont')} has no ToUnicode"


@clause("6.3 annotations")
def _annotations(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    for page in reader.pages:
        for each in page.get("/Annots", ()):
            told = each.get_object()
            if told.get("/Subtype") in ("/3D", "/Sound", "/Screen", "/Movie", None):
                yield "6.3.1: a type that is not allowed"
            flags = int(told.get("/F", 0))
            if told.get("/Subtype") != "/Popup" and (not flags & 4 or flags & (1 | 2 | 32)):
                yield "6.3.2: not printed, hidden or without view"
            look = told.get("/AP", {})
            if told.get("/Subtype") not in ("/Popup", "/Link") and set(look) != {"/N"}:
                yield "6.3.3: no appearance, or another than the normal one"


@clause("6.4 forms")
def _forms(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    form: Any = reader.root_object.get("/AcroForm", {})
    if form.get("/NeedAppearances"):
        yield "6.4.1: NeedAppearances"
    if "/XFA" in form or "/NeedsRendering" in reader.root_object:
        yield "6.4.2: XFA"
    if any(t.get("/Subtype") == "/Widget" and {"/A", "/AA"} & t.keys() for t in objects(reader)):
        yield "6.4.1: a field acts"


@clause("6.5.1 actions")
def _actions(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    for thing in objects(reader):
        if thing.get("/S") in _FORBIDDEN_ACTIONS:
            yield f"the action {thing['/S']}"
    if "/JavaScript" in reader.root_object.get("/Names", {}):
        yield "scripts by name"


@clause("6.5.2 trigger events")
def _triggers(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    if "/AA" in reader.root_object or any("/AA" in page for page in reader.pages):
        yield "additional actions"


@clause("6.6.2.1 metadata")
def _metadata(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    told: Any = reader.root_object.get("/Metadata")
    if told is None or (told.get("/Type"), told.get("/Subtype")) != ("/Metadata", "/XML"):
        yield "no metadata stream"
        return
    if re.search(rb"<\?xpacket[^>]*(?:bytes|encoding)=", told.get_data()):
        yield "a packet header with bytes or encoding"
    try:
        ElementTree.fromstring(told.get_data().decode())  # noqa: S314, a file of the test's own
    except (ElementTree.ParseError, UnicodeDecodeError):
        yield "not well-formed"


@clause("6.6.4 identification")
def _identified(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    told: Any = reader.root_object.get("/Metadata")
    text = told.get_data().decode(errors="replace") if told is not None else ""
    try:
        tree = ElementTree.fromstring(text)  # noqa: S314, a file of the test's own
    except ElementTree.ParseError:
        yield "cannot be read"
        return
    found = {each.tag.removeprefix(_PDFAID): each.text for each in tree.iter()}
    if found.get("part") != "2" or found.get("conformance") not in ("A", "B", "U"):
        yield "not told to be PDF/A-2"


@clause("6.8 embedded files")
def _files(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    if "/EmbeddedFiles" in reader.root_object.get("/Names", {}):
        yield "files are attached, which would have to be PDF/A themselves"


@clause("6.9 optional content")
def _layers(pdf: bytes, reader: PdfReader) -> Iterator[str]:
    told: Any = reader.root_object.get("/OCProperties", {})
    for each in [told.get("/D", {}), *told.get("/Configs", ())]:
        if told and ("/Name" not in each.get_object() or "/AS" in each.get_object()):
            yield "a configuration without a name, or with AS"
