"""What a PDF's pages and form use: fonts, and things that an archive does not take."""

from __future__ import annotations

from collections.abc import Iterator

from pypdf import PdfReader, PdfWriter
from pypdf.generic import ContentStream, DictionaryObject, PdfObject

from pipeline.card.widgets import page_annotations

_OTHER_COLOURS = frozenset({b"k", b"K"})


def fonts_of(resources: PdfObject | None) -> dict[str, bool]:
    """Names of the fonts in a resource dictionary, and whether each is embedded."""
    fonts: dict[str, bool] = {}
    for font in _entries(resources, "/Font"):
        inner = font.get("/DescendantFonts")
        described = inner.get_object()[0].get_object() if inner is not None else font
        descriptor = described.get("/FontDescriptor", DictionaryObject()).get_object()
        name = str(font.get("/BaseFont", "/unnamed"))[1:]
        fonts[name] = any(f"/FontFile{n}" in descriptor for n in ("", "2", "3"))
    return fonts


def form_fonts(reader: PdfReader) -> dict[str, bool]:
    """The same for all pages and the form of a file."""
    fonts: dict[str, bool] = {}
    for page in reader.pages:
        fonts |= fonts_of(page.get("/Resources"))
    form = reader.root_object.get("/AcroForm")
    return fonts | (fonts_of(form.get_object().get("/DR")) if form is not None else {})


def obstacles(writer: PdfWriter) -> Iterator[str]:
    """What keeps a file of plain pages from being PDF/A-2b, as far as it is looked for.

    Looked for are fonts that are not embedded, transparency, CMYK colours, annotations,
    scripts and attachments; form XObjects are looked into.
    """
    for key in ("/OpenAction", "/AA", "/Names", "/AcroForm"):
        if key in writer.root_object:
            yield f"the file has {key}"
    for page in writer.pages:
        if any(True for _ in page_annotations(page)):
            yield "a page has annotations"
        yield from _in_resources(page.get("/Resources"), 0)
        contents = page.get_contents()
        if contents is not None and _uses_cmyk(contents):
            yield "CMYK colours are used"


def _in_resources(resources: PdfObject | None, depth: int) -> Iterator[str]:
    for name, embedded in fonts_of(resources).items():
        if not embedded:
            yield f"the font {name} is not embedded"
    for state in _entries(resources, "/ExtGState"):
        opaque = all(float(state.get(key, 1)) == 1 for key in ("/ca", "/CA"))
        if not opaque or state.get("/SMask", "/None") != "/None":
            yield "something is transparent"
    for thing in _entries(resources, "/XObject"):
        if "/SMask" in thing:
            yield "a picture is transparent"
        if thing.get("/Subtype") == "/Form" and depth < 5:
            yield from _in_resources(thing.get("/Resources"), depth + 1)


def _uses_cmyk(contents: ContentStream) -> bool:
    return any(operator in _OTHER_COLOURS for _, operator in contents.operations)


def _entries(resources: PdfObject | None, key: str) -> Iterator[DictionaryObject]:
    whole = resources.get_object() if resources is not None else None
    listed = whole.get(key) if isinstance(whole, DictionaryObject) else None
    named = listed.get_object() if listed is not None else DictionaryObject()
    for entry in named.values() if isinstance(named, DictionaryObject) else ():
        found = entry.get_object()
        if isinstance(found, DictionaryObject):
            yield found
