"""``python server.py template check FILE``: looks at a PDF form before guests do.

FILE is a card's folder or a hotel's own PDF. Told are its fields and fonts, what is mapped and
what is not; written are a sample card as PDF and PNG, and for a PDF without a mapping a first
draft of one, and of rules.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pypdfium2
from pypdf import PdfReader
from pypdf.errors import PyPdfError

from core.errors import LobbyLensError, SettingsError
from pipeline.card.fill import FORM, MAPPING, RULES, CardFiller
from pipeline.card.fonts import FontShelf, named_folders
from pipeline.card.inspection import form_fonts
from pipeline.card.mapping import AskedOf, CardMapping, FieldFormat, FieldRule, load_mapping
from pipeline.card.rules import CardRules, load_rules
from pipeline.card.specimen import specimen_value
from pipeline.card.widgets import all_widgets, full_name, inherited
from pipeline.card.wording import SIGNATURES, plain_words, source_of

_KINDS = {"/Tx": "text", "/Btn": "button", "/Ch": "choice", "/Sig": "signature"}
_FROM_ZONE = frozenset(
    {
        "primary_identifier",
        "secondary_identifier",
        "nationality",
        "date_of_birth",
        "sex",
        "document_code",
        "document_number",
        "issuing_state",
        "date_of_expiry",
    }
)
_DRAFT_RULES = {
    "counsel": "have counsel confirm",
    "law": "",
    "required": [],
    "forbidden": ["optional_data", "personal_number"],
}
_PREVIEW_SCALE = 2.0


@dataclass(frozen=True, slots=True)
class FormField:
    """A field as the form has it; ``places`` counts its widgets."""

    name: str
    kind: str
    places: int
    page: int


def main(arguments: list[str], out: TextIO = sys.stdout) -> int:
    """The exit status: 0 when the sample was made, 1 when the form cannot be used."""
    parser = argparse.ArgumentParser(
        prog="server.py template check", description="Look at a card's form and try it out."
    )
    parser.add_argument("file", type=Path, help="a PDF form, or a card's folder")
    parser.add_argument("--mapping", type=Path, help=f"without it {MAPPING} beside the form")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the sample")
    parser.add_argument("--font", type=Path, action="append", default=[], help="folder of fonts")
    given = parser.parse_args(arguments)
    try:
        for line in check(given.file, given.mapping, given.out, _shelf(given.font)):
            out.write(line + "\n")
    except LobbyLensError as error:
        out.write(f"not usable: {error.message}\n")
        return 1
    return 0


def _shelf(folders: list[Path]) -> FontShelf:
    return FontShelf(named_folders(folders, "--font")) if folders else FontShelf()


def check(file: Path, mapping: Path | None, out: Path, shelf: FontShelf) -> Iterator[str]:
    """Lines of the report, while the sample is made. Raises SettingsError, MissingGlyph and
    DocumentFillingError for what keeps the form from being used."""
    form = file / FORM if file.is_dir() else file
    reader = _read(form)
    fields = form_fields(reader)
    yield f"{form}: {len(reader.pages)} page(s), {len(fields)} field(s)"
    yield "fonts:"
    for name, embedded in sorted(form_fonts(reader).items()):
        yield f"  {name}: {'embedded' if embedded else 'NOT embedded'}"
    beside = mapping or form.parent / MAPPING
    drafted = not beside.exists()
    if mapping and drafted:
        raise SettingsError(f"there is no mapping {mapping}")
    known = draft_mapping(fields, form.stem) if drafted else load_mapping(beside)
    rules_file = form.parent / RULES
    rules = load_rules(rules_file) if rules_file.exists() else CardRules()
    yield f"law: {rules.law or 'none named'}"
    if rules.counsel:
        yield f"  {rules.counsel}"
    yield "fields:"
    unmapped = 0
    for field in fields:
        told = _told(field, known, rules)
        unmapped += told.startswith("UNMAPPED")
        places = f", {field.places} places" if field.places > 1 else ""
        yield f"  {field.name} ({field.kind}, page {field.page}{places}): {told}"
    yield f"unmapped: {unmapped}"
    listed = {field.name for field in fields}
    for name in sorted({*known.fields} - listed):
        yield f"  {name}: in the mapping, NOT in the form"
    filler = CardFiller(
        form, _without(known, listed), rules_file if rules_file.exists() else None, shelf
    )
    values = {rule.source: specimen_value(rule) for rule in known.fields.values()}
    pdf = filler.fill({name: value for name, value in values.items() if name in filler.names})
    out.mkdir(parents=True, exist_ok=True)
    if drafted:
        (out / MAPPING).write_text(_written(known), encoding="utf-8")
        (out / RULES).write_text(json.dumps(_DRAFT_RULES, indent=1) + "\n", encoding="utf-8")
        yield f"drafts: {out / MAPPING}, {out / RULES}"
    (out / "sample.pdf").write_bytes(pdf)
    yield f"a sample: {out / 'sample.pdf'}"
    for path in _pictures(pdf, out):
        yield f"a picture of it: {path}"
    lacking = [script for script, there in shelf.installed().items() if not there]
    yield f"scripts without an installed font: {', '.join(lacking) or 'none'}"


def _read(form: Path) -> PdfReader:
    try:
        return PdfReader(io.BytesIO(form.read_bytes()))
    except OSError as error:
        raise SettingsError(f"{form} cannot be read: {error.strerror}") from None
    except PyPdfError:
        raise SettingsError(f"{form} is no readable PDF") from None


def form_fields(reader: PdfReader) -> list[FormField]:
    """Every field of the form, in page order."""
    found: dict[str, FormField] = {}
    for page, annotation in all_widgets(reader):
        name = full_name(annotation)
        kind = _KINDS.get(str(inherited(annotation, "/FT")), "unknown")
        before = found.get(name)
        places = before.places + 1 if before else 1
        found[name] = FormField(name, kind, places, before.page if before else page + 1)
    return list(found.values())


def draft_mapping(fields: list[FormField], title: str) -> CardMapping:
    """A first mapping, from names that speak for themselves; the rest is left unfilled."""
    rules = {}
    for field in fields:
        source = source_of(field.name)
        if field.kind == "text" and source:
            date = source.endswith("_date") or source.startswith("date_of_")
            rules[field.name] = FieldRule(
                source,
                max_length=11 if date else 120,
                format=FieldFormat.DATE if date else FieldFormat.TEXT,
                multiline=source == "address",
                asked_of=_asked_of(source),
            )
    signing = [f.name for f in fields if f.kind == "signature"]
    signing += [f.name for f in fields if f.kind == "text" and plain_words(f.name) in SIGNATURES]
    signs = next(iter(signing), None)
    others = tuple(f.name for f in fields if f.name not in rules and f.name != signs)
    return CardMapping(title, 6.0, rules, signs, others)


def _asked_of(source: str) -> AskedOf:
    if source in _FROM_ZONE:
        return AskedOf.DOCUMENT
    return AskedOf.HOTEL if source.startswith("hotel_") else AskedOf.GUEST


def _told(field: FormField, mapping: CardMapping, rules: CardRules) -> str:
    if field.name == mapping.signature:
        return f"the place of a drawn signature{_because(rules, 'signature')}"
    if rule := mapping.fields.get(field.name):
        required = ", required" if rule.source in rules.required else ""
        limits = f"{rule.format.value}, at most {rule.max_length} characters{required}"
        return f"{rule.source} ({limits}){_because(rules, rule.source)}"
    return "UNMAPPED, stays empty"


def _because(rules: CardRules, name: str) -> str:
    return f": {rules.sources[name]}" if name in rules.sources else ""


def _without(mapping: CardMapping, listed: set[str]) -> CardMapping:
    """The mapping with every field it does not know left unfilled, so that a sample comes out."""
    rules = {name: rule for name, rule in mapping.fields.items() if name in listed}
    signature = mapping.signature if mapping.signature in listed else None
    others = tuple(sorted(listed - rules.keys() - {signature}))
    return CardMapping(mapping.title, mapping.min_font_size_pt, rules, signature, others)


def _written(mapping: CardMapping) -> str:
    fields = {
        name: {
            "source": rule.source,
            "format": rule.format.value,
            "max_length": rule.max_length,
            "multiline": rule.multiline,
            "asked_of": rule.asked_of.value,
        }
        for name, rule in mapping.fields.items()
    }
    whole = {
        "title": mapping.title,
        "min_font_size_pt": mapping.min_font_size_pt,
        "signature": mapping.signature,
        "unfilled": mapping.unfilled,
        "fields": fields,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _pictures(pdf: bytes, out: Path) -> Iterator[Path]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        for number, page in enumerate(document, start=1):
            path = out / f"sample-{number}.png"
            page.render(scale=_PREVIEW_SCALE).to_pil().save(path)
            yield path
    finally:
        document.close()
