"""Text and dates before they reach the page: what is printable, and how it fits."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from core.errors import DocumentFillingError, MissingGlyph, SettingsError
from pipeline.card.font import CardFont
from pipeline.card.glyphs import LEADING, fit, printable
from pipeline.card.mapping import (
    CARD_FIELDS,
    FieldFormat,
    FieldRule,
    card_fields,
    formatted,
    load_mapping,
)
from pipeline.card.rules import load_rules
from pipeline.card.widgets import embedded_font, read_widgets
from pipeline.types import Document, DocumentStatus, Field, FieldStatus

TEMPLATES = Path(__file__).parents[2] / "templates"
DATE = FieldRule(source="date_of_birth", max_length=11, format=FieldFormat.DATE)


@pytest.fixture(scope="module")
def font() -> CardFont:
    reader = PdfReader(io.BytesIO((TEMPLATES / "registration_card" / "form.pdf").read_bytes()))
    return CardFont(embedded_font(reader, read_widgets(reader, but=("signature",))))


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("Łódź", "Łódź"),
        ("  ERIKSSON\u00a0", "ERIKSSON"),
        ("Nguye\u0302\u0303n", "Nguyễn"),  # decomposed: letter, circumflex, tilde
        ("I\u0307smail", "İsmail"),
        ("\u212bse", "Åse"),  # the Ångström sign is the letter
        ("O\u2019Neill \u2013 Šmíd", "O\u2019Neill \u2013 Šmíd"),
        ("Hawai\u02bbi ªº №", "Hawai\u02bbi ªº №"),
    ],
)
def test_printable_text_is_composed_and_trimmed(font: CardFont, typed: str, printed: str) -> None:
    assert printable("primary_identifier", typed, font, multiline=False) == printed


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_line_breaks_belong_to_fields_of_several_lines(font: CardFont, line_break: str) -> None:
    typed = f"1 High Street{line_break}Utopia"
    assert printable("address", typed, font, multiline=True) == "1 High Street\nUtopia"
    with pytest.raises(DocumentFillingError, match="invisible character U\\+000"):
        printable("email", typed, font, multiline=False)


@pytest.mark.parametrize(
    ("character", "named"),
    [
        ("\u4e2d", "U+4E2D CJK UNIFIED IDEOGRAPH-4E2D"),
        ("\u3042", "U+3042 HIRAGANA LETTER A"),
        ("\uac00", "U+AC00 HANGUL SYLLABLE GA"),
        ("\u0e01", "U+0E01 THAI CHARACTER KO KAI"),
        ("\u0905", "U+0905 DEVANAGARI LETTER A"),
        ("\U0001f600", "U+1F600 GRINNING FACE"),
        ("\U0001d400", "U+1D400 MATHEMATICAL BOLD CAPITAL A"),
    ],
)
def test_a_character_without_glyph_is_named(font: CardFont, character: str, named: str) -> None:
    with pytest.raises(MissingGlyph) as caught:
        printable("primary_identifier", f"Secret{character}", font, multiline=False)
    assert named in caught.value.message
    assert "primary_identifier" in caught.value.message
    assert "Secret" not in caught.value.message


@pytest.mark.parametrize("sequence", ["q\u0301", "e\u0303\u0307", "a\u20dd", "\u0e81\u0eb4"])
def test_a_mark_without_its_precomposed_letter_is_refused(font: CardFont, sequence: str) -> None:
    with pytest.raises(DocumentFillingError):
        printable("primary_identifier", f"N{sequence}n", font, multiline=False)


def test_a_script_that_needs_shaping_is_refused(font: CardFont) -> None:
    assert font.covers("\u0e81")
    with pytest.raises(DocumentFillingError, match="U\\+0E81 LAO LETTER KO in room"):
        printable("room", "\u0e81", font, multiline=False)


def test_the_refused_mark_is_named(font: CardFont) -> None:
    with pytest.raises(MissingGlyph, match=r"U\+0301 COMBINING ACUTE ACCENT in room"):
        printable("room", "q\u0301", font, multiline=False)


@pytest.mark.parametrize(
    "text", ["\u05d0\u05d1\u05d2", "\u0645\u062d\u0645\u062f", "A\u0627", "\u0661\u0662", "\u07ca"]
)
def test_text_from_right_to_left_is_refused(font: CardFont, text: str) -> None:
    with pytest.raises(DocumentFillingError, match="right to left") as caught:
        printable("secondary_identifier", text, font, multiline=False)
    assert "secondary_identifier" in caught.value.message


@pytest.mark.parametrize(
    "character",
    ["\x00", "\t", "\x1b", "\x7f", "\x85", "\u00ad", "\u200b", "\u200d", "\u202e", "\u2028",
     "\u2066", "\ufeff", "\ufff9", "\ue000", "\ud800", "\u0378"],
)  # fmt: skip
def test_what_nobody_can_see_is_refused(font: CardFont, character: str) -> None:
    with pytest.raises(DocumentFillingError, match=f"U\\+{ord(character):04X} .*in address"):
        printable("address", f"A{character}B", font, multiline=True)


def test_text_keeps_its_size_while_it_fits(font: CardFont) -> None:
    fitted = fit(
        "ERIKSSON", font, width_pt=200, height_pt=20, size_pt=11, min_size_pt=7, multiline=False
    )
    assert fitted is not None
    assert (fitted.lines, fitted.size_pt) == (("ERIKSSON",), 11)


def test_long_text_is_set_smaller_but_never_too_small(font: CardFont) -> None:
    text = "W" * 20
    full = font.width_pt(text, 11)
    shrunk = fit(
        text, font, width_pt=0.8 * full, height_pt=20, size_pt=11, min_size_pt=7, multiline=False
    )
    assert shrunk is not None
    assert 0.75 * 11 <= shrunk.size_pt <= 0.8 * 11
    assert font.width_pt(text, shrunk.size_pt) <= 0.8 * full
    smallest = full * 7 / 11
    for width, fits in ((smallest + 0.1, True), (smallest - 0.1, False)):
        fitted = fit(
            text, font, width_pt=width, height_pt=20, size_pt=11, min_size_pt=7, multiline=False
        )
        assert (fitted is not None) is fits


def test_lines_break_at_spaces_and_line_breaks_only(font: CardFont) -> None:
    width = font.width_pt("Anna Maria", 10) + 1
    fitted = fit(
        "Anna Maria\nof Utopia City", font, width_pt=width,
        height_pt=60, size_pt=10, min_size_pt=10, multiline=True,
    )  # fmt: skip
    assert fitted is not None
    assert fitted.lines == ("Anna Maria", "of Utopia", "City")
    one_word = fit(
        "W" * 30, font, width_pt=100, height_pt=60, size_pt=10, min_size_pt=10, multiline=True
    )
    assert one_word is None


def test_lines_never_leave_the_height(font: CardFont) -> None:
    for count in range(2, 6):
        text = "\n".join(["Utopia"] * count)
        fitted = fit(
            text, font, width_pt=100, height_pt=40, size_pt=11, min_size_pt=8, multiline=True
        )
        if count * LEADING * 8 > 40:
            assert fitted is None
        else:
            assert fitted is not None
            assert count * LEADING * fitted.size_pt <= 40


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("1974-08-12", "12 AUG 1974"),
        ("2024-02-29", "29 FEB 2024"),
        ("1974-08", "AUG 1974"),
        ("1974-08-XX", "XX AUG 1974"),
        ("1974-XX-XX", "XX XX 1974"),
        ("1974", "1974"),
    ],
)
def test_dates_are_printed_without_ambiguity(value: str, printed: str) -> None:
    assert formatted("date_of_birth", DATE, value) == printed


@pytest.mark.parametrize(
    "value",
    ["12/08/1974", "12 AUG 1974", "740812", "1974-13-01", "2023-02-29", "1974-08-00", "0000-01-01",
     "1974-XX-12", "1974-8-1", "1974-08-12T00:00", "\u0661\u0669\u0667\u0664-08-12", "unknown"],
)  # fmt: skip
def test_what_is_no_date_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(DocumentFillingError, match="date_of_birth") as caught:
        formatted("date_of_birth", DATE, value)
    assert value not in caught.value.message


def _document(**values: str | None) -> Document:
    fields = {
        name: Field(value=value, raw=value, status=FieldStatus.READ, confidence=0.9)
        for name, value in values.items()
    }
    return Document(id="d1", status=DocumentStatus.COMPLETE, mrz=None, fields=fields)


def test_confirmed_values_win_over_read_ones() -> None:
    document = _document(
        primary_identifier="ERIKSS0N", secondary_identifier="ANNA MARIA", sex="F", nationality=None
    )
    confirmed = {"primary_identifier": "ERIKSSON", "room": "214", "sex": ""}
    assert card_fields(document, confirmed) == {
        "primary_identifier": "ERIKSSON",
        "secondary_identifier": "ANNA MARIA",
        "room": "214",
    }


def test_what_the_card_has_no_place_for_never_reaches_it() -> None:
    document = _document(primary_identifier="ERIKSSON", optional_data="ZE184226B")
    confirmed = {"actor": "desk", "optional_data": "ZE184226B"}
    assert card_fields(document, confirmed) == {"primary_identifier": "ERIKSSON"}
    assert card_fields(document, confirmed, ("optional_data",)) == {"optional_data": "ZE184226B"}


def test_the_project_s_mapping_holds_the_project_s_fields() -> None:
    mapping = load_mapping(TEMPLATES / "registration_card" / "mapping.json")
    assert tuple(mapping.fields) == CARD_FIELDS
    assert all(rule.source == name for name, rule in mapping.fields.items())
    rules = load_rules(TEMPLATES / "registration_card" / "rules.json")
    assert rules.required == {
        "primary_identifier",
        "document_number",
        "nationality",
        "date_of_birth",
    }


def _mapping(**changes: Any) -> dict[str, Any]:
    rule = {"source": "room", "max_length": 8, **changes.pop("rule", {})}
    return {"title": "Card", "min_font_size_pt": 7, "fields": {"room": rule}, **changes}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "card.json"),
        ("[]", "card.json"),
        (json.dumps({"title": "Card"}), "min_font_size_pt"),
        (json.dumps(_mapping(colour="red")), "colour"),
        (json.dumps(_mapping(rule={"format": "money"})), "fields.room.format"),
        (json.dumps(_mapping(rule={"max_length": 0})), "max_length"),
        (json.dumps(_mapping(rule={"maxlength": 3})), "maxlength"),
        (json.dumps(_mapping(min_font_size_pt=0)), "min_font_size_pt"),
    ],
)
def test_a_wrong_mapping_is_refused_by_name(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "card.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=complaint):
        load_mapping(path)


def test_a_missing_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.json"):
        load_mapping(tmp_path / "none.json")


def test_a_file_that_is_no_font_is_refused() -> None:
    with pytest.raises(SettingsError, match="font"):
        CardFont(b"no font at all")
