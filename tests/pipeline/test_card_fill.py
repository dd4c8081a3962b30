"""Filling: what ends up in the PDF, and what is refused instead."""

from __future__ import annotations

import io
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from pypdf.generic import (
    DictionaryObject,
)

from core.errors import DocumentFillingError, MissingGlyph
from pipeline.card.fill import CardFiller
from pipeline.card.mapping import CARD_FIELDS

TEMPLATES = Path(__file__).parents[2] / "templates"
TEMPLATE = TEMPLATES / "registration_card" / "form.pdf"
MAPPING = TEMPLATES / "registration_card" / "mapping.json"
RULES = TEMPLATES / "registration_card" / "rules.json"

SPECIMEN = {
    "primary_identifier": "ERIKSSON",
    "secondary_identifier": "ANNA MARIA",
    "document_number": "L898902C3",
    "document_code": "P",
    "issuing_state": "UTO",
    "nationality": "UTO",
    "date_of_birth": "1974-08-12",
    "sex": "F",
    "date_of_expiry": "2012-04-15",
}
STAY = {
    "hotel_name": "Hotel Utopia",
    "address": "1 High Street\nUtopia City 10203\nUtopia",
    "email": "anna.maria@example.org",
    "phone": "+99 12 345 67 89",
    "arrival_date": "2026-11-20",
    "departure_date": "2026-11-27",
    "room": "214",
    "vehicle_plate": "UT 123 AE",
}


@pytest.fixture(scope="module")
def filler() -> CardFiller:
    return CardFiller(TEMPLATE, MAPPING, RULES)


def _texts(card: bytes) -> tuple[str, str]:
    """The card's text as pypdf and as PDFium extract it."""
    by_pypdf = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(card)).pages)
    document = pypdfium2.PdfDocument(card)
    by_pdfium = "\n".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    return by_pypdf, by_pdfium


def test_a_text_over_the_card_s_own_limit_is_refused_though_it_would_fit(
    filler: CardFiller,
) -> None:
    assert filler.fill({**SPECIMEN, "room": "i" * 16}).startswith(b"%PDF")
    with pytest.raises(DocumentFillingError, match="longer than the 16 characters") as refused:
        filler.fill({**SPECIMEN, "room": "i" * 17})
    assert refused.value.field == "room" and "iii" not in refused.value.message


def test_every_value_can_be_read_off_the_card(filler: CardFiller) -> None:
    assert SPECIMEN.keys() | STAY.keys() == set(CARD_FIELDS) == filler.names
    dates = {
        "date_of_birth": "12 AUG 1974",
        "date_of_expiry": "15 APR 2012",
        "arrival_date": "20 NOV 2026",
        "departure_date": "27 NOV 2026",
    }
    for text in _texts(filler.fill({**SPECIMEN, **STAY})):
        for value in ({**SPECIMEN, **STAY} | dates).values():
            for line in value.split("\n"):
                assert line in text


def test_what_is_left_blank_stays_blank(filler: CardFiller) -> None:
    empty = "\n".join(_texts(filler.fill(SPECIMEN)))
    blank = "\n".join(_texts(filler.fill({**SPECIMEN, "room": "", "email": "  "})))
    assert blank == empty
    assert "214" not in empty


def test_no_form_remains(filler: CardFiller) -> None:
    card = filler.fill({**SPECIMEN, **STAY})
    reader = PdfReader(io.BytesIO(card))
    assert "/AcroForm" not in reader.root_object
    assert not reader.get_fields()
    assert "/Annots" not in reader.pages[0]
    remaining = [reader.get_object(number) for number in range(1, len(reader.xref[0]) + 1)]
    assert remaining
    for thing in remaining:
        assert not (isinstance(thing, DictionaryObject) and thing.get("/Subtype") == "/Widget")
    assert len(card) < 100_000  # a subset of the font


def test_metadata_holds_neither_guest_nor_time(filler: CardFiller) -> None:
    reader = PdfReader(io.BytesIO(filler.fill({**SPECIMEN, **STAY})))
    assert reader.metadata == {"/Title": "Registration card", "/Producer": "LobbyLens"}
    assert reader.xmp_metadata is None


def test_the_same_values_give_the_same_bytes(filler: CardFiller) -> None:
    assert filler.fill(SPECIMEN) == filler.fill(SPECIMEN)
    assert filler.fill(SPECIMEN) == CardFiller(TEMPLATE, MAPPING, RULES).fill(SPECIMEN)


def test_threads_do_not_disturb_each_other(filler: CardFiller) -> None:
    names = [f"{letter}-Щербакова Γεωργίου {index}" for index, letter in enumerate("ŻÞŁİÕŻđỗ" * 4)]
    guests = [{**SPECIMEN, "primary_identifier": name} for name in names]
    alone = [filler.fill(guest) for guest in guests]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns inside the shortest call
    try:
        with ThreadPoolExecutor(8) as threads:
            together = list(threads.map(filler.fill, guests))
    finally:
        sys.setswitchinterval(usual)
    assert together == alone


def test_nothing_is_written_to_disk(
    filler: CardFiller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    filler.fill({**SPECIMEN, **STAY})
    assert list(tmp_path.iterdir()) == []


def test_a_card_is_filled_in_less_than_150_ms(filler: CardFiller) -> None:
    took = []
    for _ in range(5):
        start = time.perf_counter()
        filler.fill({**SPECIMEN, **STAY})
        took.append(time.perf_counter() - start)
    assert min(took) < 0.150


def test_an_unknown_field_is_named(filler: CardFiller) -> None:
    with pytest.raises(DocumentFillingError, match="shoe_size") as caught:
        filler.fill({**SPECIMEN, "shoe_size": "ZE184226B"})
    assert "ZE184226B" not in caught.value.message


def test_a_forbidden_field_is_named_and_never_printed(filler: CardFiller) -> None:
    with pytest.raises(DocumentFillingError, match=r"^optional_data must not") as caught:
        filler.fill({**SPECIMEN, "optional_data": "ZE184226B"})
    assert caught.value.field == "optional_data"
    assert "ZE184226B" not in caught.value.message


@pytest.mark.parametrize("given_as", [None, "", " \u00a0"])
@pytest.mark.parametrize(
    "name", ["primary_identifier", "document_number", "nationality", "date_of_birth"]
)
def test_a_missing_required_value_is_named(
    filler: CardFiller, name: str, given_as: str | None
) -> None:
    fields = {key: value for key, value in SPECIMEN.items() if key != name}
    if given_as is not None:
        fields[name] = given_as
    with pytest.raises(DocumentFillingError, match=f"^{name} is required"):
        filler.fill(fields)


def test_a_character_without_glyph_is_an_error_that_names_it(filler: CardFiller) -> None:
    with pytest.raises(MissingGlyph, match=r"U\+738B CJK .*secondary_identifier") as caught:
        filler.fill({**SPECIMEN, "secondary_identifier": "ANNA 王"})
    assert caught.value.code == "MISSING_GLYPH"
    assert "ANNA" not in caught.value.message


@pytest.mark.parametrize("value", ["אנה", "آنا", "A\u202eB", "A\tB"])
def test_what_would_be_printed_wrong_is_refused(filler: CardFiller, value: str) -> None:
    with pytest.raises(DocumentFillingError, match="primary_identifier"):
        filler.fill({**SPECIMEN, "primary_identifier": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("room", "1" * 17),  # more characters than the mapping allows
        ("room", "W" * 16),  # too wide at the smallest size
        ("primary_identifier", "W" * 100),  # one word, wider than the field
        ("primary_identifier", "A" * 121),
        ("address", "\n".join(["Utopia"] * 12)),  # too many lines
        ("email", "m" * 110 + "@utopia.eu"),
    ],
)
def test_what_is_too_long_is_refused_and_never_cut(
    filler: CardFiller, name: str, value: str
) -> None:
    with pytest.raises(DocumentFillingError, match=f"^{name} is (too long|longer)") as caught:
        filler.fill({**SPECIMEN, name: value})
    assert value not in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("primary_identifier", "Wolfeschlegelsteinhausenbergerdorff " * 3 + "zu Utopia"),
        ("secondary_identifier", "ANNA MARIA " * 10),
        ("address", "Apartment 12, Long Street of the Founders of Utopia 1023, Utopia City " * 3),
        ("email", "anna.maria.wolfeschlegelsteinhausen@guests.utopia.example.org"),
    ],
)
def test_long_values_are_set_smaller_and_stay_whole(
    filler: CardFiller, name: str, value: str
) -> None:
    for text in _texts(filler.fill({**SPECIMEN, name: value})):
        assert "".join(value.split()) in "".join(text.split())


_LETTERS = st.sampled_from(
    "ABCXYZabcxyzÀÉÎÕÜßæøåŁłŻżŹźŠšČčŘřŮůĞğİŞşȘșȚțĀāĶķĢģÞþÐðŐőỄễỘộẠạỮữ"
    "ΑΒΓΔΕΩαβγδεωάέήίόύώАБВГДЯабвгдяЁёЇїЄєҐґЂђЋћЏџ"
)
_WORDS = st.lists(st.text(_LETTERS, min_size=1, max_size=24), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(words=_WORDS)
def test_a_name_is_printed_whole_or_refused(words: list[str]) -> None:
    name = " ".join(words)
    try:
        card = _shared_filler().fill({**SPECIMEN, "primary_identifier": name})
    except DocumentFillingError as error:
        assert error.message.startswith("primary_identifier is")
        return
    for text in _texts(card):
        assert "".join(words) in "".join(text.split())


_loaded: list[CardFiller] = []


def _shared_filler() -> CardFiller:
    """Hypothesis runs one test many times: load the template once."""
    if not _loaded:
        _loaded.append(CardFiller(TEMPLATE, MAPPING, RULES))
    return _loaded[0]
