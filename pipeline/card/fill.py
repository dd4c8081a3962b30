"""Values in, a finished registration card out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from pypdf import PdfReader, PdfWriter
from pypdf.errors import PyPdfError
from pypdf.generic import DictionaryObject, NameObject

from core.errors import DocumentFillingError, SettingsError
from pipeline.card import editable, signature
from pipeline.card.archive import make_archival
from pipeline.card.font import CardFont
from pipeline.card.fonts import FontShelf
from pipeline.card.glyphs import fit, printable
from pipeline.card.mapping import CardMapping, FieldRule, formatted, load_mapping
from pipeline.card.order import CardField, CardOrder, Variant
from pipeline.card.output import PDF_HEADER, PRODUCER, draw_over, without_form, written
from pipeline.card.placing import INSET_PT, Inks, PlacedText, place
from pipeline.card.rules import CardRules, load_rules
from pipeline.card.shaping import Shaper, han_state
from pipeline.card.widgets import Widget, all_widgets, embedded_font, full_name, read_widgets

FORM, MAPPING, RULES = "form.pdf", "mapping.json", "rules.json"
_PLAIN = CardOrder()


class CardFiller:
    """Fills one form; loaded once, safe to use from several threads.

    A filled card is a plain page unless it is ordered otherwise: no form, no widgets, values set
    in subsets of the fonts, and neither time nor guest data in its metadata. Nothing is written
    to disk. Without a ``shelf``, what the form's own font cannot set is refused.

    Raises SettingsError when form, mapping or rules cannot be read or do not fit each other.
    """

    def __init__(
        self,
        template: Path,
        mapping: Path | CardMapping,
        rules: Path | None = None,
        shelf: FontShelf | None = None,
    ) -> None:
        self.mapping = load_mapping(mapping) if isinstance(mapping, Path) else mapping
        self.rules = load_rules(rules) if rules else CardRules()
        self._shelf = shelf
        try:
            self._form = template.read_bytes()
            reader = PdfReader(io.BytesIO(self._form))
            listed = {full_name(annotation) for _, annotation in all_widgets(reader)}
            if not listed:
                raise SettingsError(f"the card template {template.name} has no form fields")
            widgets = read_widgets(reader, self.mapping.unfilled, self.mapping.signature)
            values = tuple(w for w in widgets if w.name != self.mapping.signature)
            self._font = CardFont(_own_font(reader, values, shelf))
            self._background = without_form(self._form)
        except OSError as error:
            raise SettingsError(
                f"the card template {template.name} cannot be read: {error.strerror}"
            ) from None
        except PyPdfError:
            raise SettingsError(f"the card template {template.name} is no readable PDF") from None
        self._widgets: dict[str, list[Widget]] = {}
        for widget in widgets:
            self._widgets.setdefault(widget.name, []).append(widget)
        self._check_names(listed)
        self.names = frozenset(rule.source for rule in self.mapping.fields.values())
        self._check_rules()

    @classmethod
    def of(cls, folder: Path, shelf: FontShelf | None = None) -> CardFiller:
        """The card in a folder: form.pdf, mapping.json, rules.json."""
        return cls(folder / FORM, folder / MAPPING, folder / RULES, shelf)

    def _check_names(self, listed: set[str]) -> None:
        known = {*self.mapping.fields, *self.mapping.unfilled}
        if self.mapping.signature is not None:
            known.add(self.mapping.signature)
        if strangers := listed ^ known:
            raise SettingsError(
                "the card template and its mapping disagree on: " + ", ".join(sorted(strangers))
            )

    def _check_rules(self) -> None:
        if held := self.rules.forbidden & self.names:
            raise SettingsError(f"the card has a place for what it must not hold: {sorted(held)}")
        if lacking := self.rules.required - self.names:
            raise SettingsError(f"the card has no place for what it requires: {sorted(lacking)}")

    @property
    def forbidden(self) -> frozenset[str]:
        """JSON names of values that the card must not hold."""
        return self.rules.forbidden

    @property
    def takes_signature(self) -> bool:
        """Whether a drawn signature has a place on this card."""
        return bool(self._widgets.get(self.mapping.signature or ""))

    def fields(self, labels: Mapping[str, Mapping[str, str]]) -> tuple[CardField, ...]:
        """What the card asks for, in its order; ``labels`` by form name and language."""
        return tuple(
            CardField(
                rule.source,
                rule.format,
                rule.asked_of,
                rule.source in self.rules.required,
                rule.max_length,
                labels.get(name, {}),
                rule.options,
            )
            for name, rule in self.mapping.fields.items()
        )

    def fill(self, fields: Mapping[str, str], order: CardOrder = _PLAIN) -> bytes:
        """The card with ``fields`` (values by JSON name; dates in ISO 8601) as a PDF.

        Fields left out or blank stay empty. Raises DocumentFillingError, naming the field and
        never its value, for an unknown or forbidden name, a required value that is missing, a
        date that is none, a text that does not fit; MissingGlyph, naming the character as well,
        for one that no font has.
        """
        if order.archival and order.variant is Variant.EDITABLE:
            raise DocumentFillingError("a card to archive cannot be editable", field="variant")
        self.rules.check(fields)
        for name in fields:
            if name not in self.names and name not in self.forbidden:
                raise DocumentFillingError(f"the card has no field {name}", field=name)
        state = han_state(fields.values(), fields.get("nationality", ""))
        shaper = Shaper(self._font, self._shelf, state)
        texts = {
            form_name: self._text(rule, fields.get(rule.source, ""), shaper)
            for form_name, rule in self.mapping.fields.items()
        }
        placed = [
            self._placed(widget, self.mapping.fields[form_name], text, shaper)
            for form_name, text in texts.items()
            for widget in (self._widgets[form_name] if text else ())
        ]
        if order.variant is Variant.EDITABLE:
            return self._write_form(texts, placed, order)
        return self._write_pages(placed, order)

    def _text(self, rule: FieldRule, value: str, shaper: Shaper) -> str:
        name = rule.source
        text = printable(
            name,
            value,
            self._font,
            multiline=rule.multiline,
            setter=shaper if self._shelf else None,
        )
        if not text:
            if name in self.rules.required:
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

    def _placed(self, widget: Widget, rule: FieldRule, text: str, shaper: Shaper) -> PlacedText:
        fitted = fit(
            text,
            shaper,
            width_pt=widget.width_pt - 2 * INSET_PT,
            height_pt=widget.height_pt,
            size_pt=widget.size_pt,
            min_size_pt=min(widget.size_pt, self.mapping.min_font_size_pt),
            multiline=rule.multiline,
        )
        if fitted is None:
            raise DocumentFillingError(
                f"{rule.source} is too long for its place on the card", field=rule.source
            )
        return place(widget, fitted, shaper, self._font.cap_height)

    def _write_pages(self, placed: list[PlacedText], order: CardOrder) -> bytes:
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(self._background)))
        inks = Inks(writer, self._font, placed)
        drawn: dict[int, list[bytes]] = {}
        for text in placed:
            drawn.setdefault(text.widget.page_index, []).append(inks.operators(text))
        fonts = DictionaryObject({NameObject("/Font"): inks.resources()})
        for page_index, operators in drawn.items():
            draw_over(writer, page_index, b"\n".join(operators), fonts)
        self._sign(writer, order)
        if order.variant is Variant.PRINT:
            writer.root_object[NameObject("/ViewerPreferences")] = DictionaryObject(
                {NameObject("/PrintScaling"): NameObject("/None")}
            )
        if order.archival:
            content = b"".join(line for page in drawn.values() for line in page)
            make_archival(writer, self.mapping.title, content)
        return self._finish(writer)

    def _write_form(
        self, texts: Mapping[str, str], placed: list[PlacedText], order: CardOrder
    ) -> bytes:
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(self._form)))
        editable.fill_form(writer, texts, placed, Inks(writer, self._font, placed))
        self._sign(writer, order)
        return self._finish(writer)

    def _sign(self, writer: PdfWriter, order: CardOrder) -> None:
        """The drawn signature; or, on a card to print, a mark where to sign by hand."""
        places = self._widgets.get(self.mapping.signature or "", [])
        if order.signature is not None and not places:
            raise DocumentFillingError("the card has no place for a signature", field="signature")
        for spot in places:
            if order.signature is not None:
                operators, resources = signature.draw(writer, order.signature, spot)
            elif order.variant is Variant.PRINT:
                operators, resources = signature.mark(spot), DictionaryObject()
            else:
                continue
            draw_over(writer, spot.page_index, operators, resources)

    def _finish(self, writer: PdfWriter) -> bytes:
        writer.metadata = {"/Title": self.mapping.title, "/Producer": PRODUCER}
        writer.pdf_header = PDF_HEADER
        return written(writer).getvalue()


def _own_font(reader: PdfReader, widgets: tuple[Widget, ...], shelf: FontShelf | None) -> bytes:
    """The form's own font; where it embeds none that can be used, one of the shelf."""
    try:
        return embedded_font(reader, widgets)
    except SettingsError:
        if shelf is None or (data := shelf.latin()) is None:
            raise
        return data
