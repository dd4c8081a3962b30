"""What a page's words say of the fields read in its zone."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from models.training.mrz_lines import SpecimenFields, compose_lines
from pipeline.document import read_document
from pipeline.mrz.parse import parse_lines
from pipeline.types import (
    CheckResult,
    Document,
    DocumentStatus,
    FieldStatus,
    MrtdFormat,
    Quality,
)
from pipeline.visual.compare import corroborated
from pipeline.visual.dates import printed_dates
from pipeline.visual.states import names_state
from pipeline.visual.words import Print, Word

TODAY = datetime.date(2026, 11, 21)
QUALITY = Quality(80, 50, 60, 20, 2, 0, 16, 81.5)
Box = tuple[int, int, int, int]


def document(**said: str) -> Document:
    lines = compose_lines(MrtdFormat.TD3, SpecimenFields(**said))
    return read_document("d1", parse_lines(lines), QUALITY, TODAY)


def page(
    *rows: tuple[str, str],
    confidence: float = 0.95,
    again: dict[str, str] | None = None,
    spells: bool = True,
    heading: str = "",
) -> Print:
    """A page of captions, each with its value below; ``again``: what a second look says instead."""
    words: list[Word] = []
    lines: dict[Box, str] = {}

    def put(text: str, left: int, top: int, height: int) -> None:
        placed = []
        for part in text.split():
            box = (left, top, left + 12 * len(part), top + height)
            placed.append(Word(part, box, confidence))
            left = box[2] + 8
        words.extend(placed)
        for start in range(len(placed)):
            for stop in range(start + 1, len(placed) + 1):
                span = placed[start:stop]
                edges = (span[0].box[0], top, span[-1].box[2], top + height)
                said = " ".join(word.text for word in span)
                lines[edges] = (again or {}).get(said, said)

    put(heading, 100, 40, 40)
    for row, (caption, value) in enumerate(rows):
        put(caption, 450, 200 + 90 * row, 15)
        put(value, 450, 226 + 90 * row, 24)
    return Print(tuple(words), lambda box: (lines.get(box, ""), confidence), spells, 180)


TRUE_PAGE = (
    ("Code / Code", "UTO"),
    ("Passport No. / N°", "L898902C3"),
    ("Surname / Nom", "Eriksson"),
    ("Given names / Prénoms", "Anna Maria"),
    ("Nationality / Nationalité", "UTOPIAN"),
    ("Date of birth / Date de naissance", "12 AUG/AOÛT 1974"),
    ("Sex / Sexe", "F"),
    ("Date of expiry / Date d'expiration", "15.04.2012"),
)


def test_every_field_that_agrees_is_corroborated_unless_a_check_digit_speaks() -> None:
    after = corroborated(document(), [page(*TRUE_PAGE)], TODAY)
    status = {name: field.status for name, field in after.fields.items()}
    for name in ("primary_identifier", "secondary_identifier", "nationality", "sex"):
        assert status[name] is FieldStatus.CORROBORATED
    assert status["issuing_state"] is FieldStatus.CORROBORATED
    for name in ("document_number", "date_of_birth", "date_of_expiry"):
        assert status[name] is FieldStatus.CHECKSUM
        assert after.fields[name].printed
    assert after.checks["mrz_viz_match"] is CheckResult.PASS
    assert after.status is DocumentStatus.COMPLETE
    assert after.fields["primary_identifier"].printed == "Eriksson"


def test_a_year_in_full_settles_the_century() -> None:
    before = document(date_of_birth="240812")
    assert before.fields["date_of_birth"].value == "2024-08-12"
    after = corroborated(before, [page(("Date of birth", "12 AUG 1924"))], TODAY)
    assert after.fields["date_of_birth"].value == "1924-08-12"
    assert not after.fields["date_of_birth"].century_inferred
    short = corroborated(before, [page(("Date of birth", "12 AUG 24"))], TODAY)
    assert short.fields["date_of_birth"].century_inferred


@pytest.mark.parametrize(
    ("surname", "printed"),
    [("Müller", "Müller"), ("Łukaszewicz", "ŁUKASZEWICZ"), ("Ångström", "Ångström"), ("Li", "Li")],
)
def test_a_name_comes_back_in_its_own_letters(surname: str, printed: str) -> None:
    before = document(primary_identifier=surname)
    field = corroborated(before, [page(("Surname", printed))], TODAY).fields["primary_identifier"]
    assert (field.status, field.printed) == (FieldStatus.CORROBORATED, printed)
    assert field.value == before.fields["primary_identifier"].value


@pytest.mark.parametrize(
    "seen",
    [
        page(("Surname", "Müller"), again={"Müller": "Muller"}),
        page(("Surname", "Müller"), spells=False),
        page(("Surname", "müller")),
    ],
    ids=["looks differ", "letters not known", "no capital"],
)
def test_a_spelling_in_doubt_is_not_given(seen: Print) -> None:
    field = corroborated(document(primary_identifier="Müller"), [seen], TODAY).fields[
        "primary_identifier"
    ]
    assert (field.status, field.printed) == (FieldStatus.CORROBORATED, None)


def test_a_short_name_counts_only_below_its_caption() -> None:
    before = document(primary_identifier="Li")
    elsewhere = corroborated(before, [page(("Place of birth", "LI"), ("Sex", "F"))], TODAY)
    assert elsewhere.fields["primary_identifier"].status is FieldStatus.READ


CONTRADICTIONS = [
    ("primary_identifier", "Surname / Nom", "HOLMGREN"),
    ("document_number", "Passport No.", "XK4417723"),
    ("date_of_birth", "Date of birth", "27 SEP 1963"),
    ("date_of_expiry", "Date of expiry", "29/11/2031"),
    ("sex", "Sex / Sexe", "M"),
    ("nationality", "Nationality", "SWE"),
]


@pytest.mark.parametrize(("name", "caption", "value"), CONTRADICTIONS)
def test_a_sure_contradiction_is_a_conflict_for_review(name: str, caption: str, value: str) -> None:
    before = document()
    after = corroborated(before, [page((caption, value))], TODAY)
    field = after.fields[name]
    assert (field.status, field.printed) == (FieldStatus.CONFLICT, value)
    assert field.value == before.fields[name].value
    assert after.checks["mrz_viz_match"] is CheckResult.FAIL
    assert after.status is DocumentStatus.NEEDS_REVIEW


@pytest.mark.parametrize(("name", "caption", "value"), CONTRADICTIONS)
def test_what_is_not_sure_changes_nothing(name: str, caption: str, value: str) -> None:
    before = document()
    unsure = page((caption, value), confidence=0.6)
    two_looks = page((caption, value), again={value: value + "1"})
    no_caption = page(("Remarks", value))
    for seen in (unsure, two_looks, no_caption, page()):
        assert corroborated(before, [seen], TODAY) is before, name


@pytest.mark.parametrize(
    ("caption", "value"),
    [
        ("Date of birth", "12 AUG 2517"),
        ("Date of birth", "18 AUG 2074"),
        ("Date of issue", "27 SEP 1963"),
        ("Place and date of birth", "27 SEP 1963"),
        ("Passport No.", "L8989O2C8"),
        ("Passport No.", "L898902C34567"),
        ("Personal No. of the passport holder", "XK4417723"),
        ("Surname", "ERIKSON"),
        ("Surname", "NILSSON ERIKSSON"),
        ("Surname", "ERlKSS0N"),
        ("Name at birth / Nom de naissance, née", "HOLMGREN"),
        ("Sexo", "M"),
        ("Nationality", "SWEDISH"),
        ("Nationality", "QQQ"),
    ],
)
def test_what_may_be_true_of_the_same_person_is_no_conflict(caption: str, value: str) -> None:
    after = corroborated(document(), [page((caption, value))], TODAY)
    assert all(field.status is not FieldStatus.CONFLICT for field in after.fields.values())


def test_the_other_side_may_agree_where_one_says_nothing() -> None:
    front = page(("Surname", "Eriksson"))
    back = page(("Document No.", "L898902C3"), ("Date of birth", "12.08.1974"))
    after = corroborated(document(), [back, front], TODAY)
    assert after.fields["primary_identifier"].status is FieldStatus.CORROBORATED
    assert after.checks["mrz_viz_match"] is CheckResult.PASS
    failed = replace(document(), mrz=None, fields={})
    assert corroborated(failed, [front], TODAY) is failed


def test_the_heading_names_the_issuing_state_and_no_nationality() -> None:
    after = corroborated(document(), [page(heading="UTOPIA")], TODAY)
    assert after.fields["issuing_state"].status is FieldStatus.CORROBORATED
    assert after.fields["nationality"].status is FieldStatus.READ


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("12 JAN/JAN 1990", {"1990-01-12"}),
        ("12 janv. 1990", {"1990-01-12"}),
        ("12 AUG / AOÛT 1974", {"1974-08-12"}),
        ("12JAN1990", {"1990-01-12"}),
        ("12.01.1990", {"1990-01-12", "1990-12-01"}),
        ("12 01 1990", {"1990-01-12", "1990-12-01"}),
        ("1990-01-12", {"1990-01-12"}),
        ("31/01/1990", {"1990-01-31"}),
        ("12 MAR 1290", set()),
        ("31.02.1990", set()),
        ("12 JAN/FEB 1990", set()),
        ("12 XYZ 1990", set()),
        ("1234567", set()),
        ("UTOPIAN", set()),
        ("12/01/1990 and more of it that is no date", set()),
    ],
)
def test_printed_dates(text: str, days: set[str]) -> None:
    assert {date.iso for date in printed_dates(text)} == days


def test_two_digits_of_a_year_leave_the_century_open() -> None:
    (date,) = printed_dates("12 AUG 74")
    assert date.iso is None
    assert date.is_day("740812") and not date.is_day("740813")
    assert any(each.is_day("900112") for each in printed_dates("12/01/90"))


@pytest.mark.parametrize(
    ("word", "code", "names"),
    [("UTOPIENNE", "UTO", True), ("ÖSTERREICH", "AUT", True), ("DEUTSCH", "D", True),
     ("AUSTRALIAN", "AUT", False), ("FRANÇAISE", "FRA", True), ("SWEDISH", "UTO", False)],
)  # fmt: skip
def test_states_by_their_names(word: str, code: str, names: bool) -> None:
    assert names_state(word, code) is names
