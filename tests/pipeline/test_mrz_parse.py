"""Parsing by the tables of Doc 9303 Parts 4 to 7, against its published examples."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from core.errors import MrzFormatError
from models.training.mrz_lines import DEFAULT_FIELDS, SpecimenFields, compose_lines
from pipeline.mrz.formats import CHECK_NAMES, LAYOUTS
from pipeline.mrz.parse import fields_of, parse_lines
from pipeline.types import CheckResult, Field, FieldStatus, MrtdFormat
from tests.pipeline.zones import altered

TODAY = datetime.date(2026, 11, 20)

TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
TD1 = (
    "I<UTOD231458907<<<<<<<<<<<<<<<",
    "7408122F1204159UTO<<<<<<<<<<<6",
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)
TD1_LONG = (
    "I<UTOD23145890<7349<<<<<<<<<<<",
    "3407127M9507122UTO<<<<<<<<<<<2",
    "STEVENSON<<PETER<JOHN<<<<<<<<<",
)
TD2 = (
    "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<",
    "D231458907UTO7408122F1204159<<<<<<<6",
)
TD2_LONG = (
    "I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<",
    "D23145890<UTO3407127M95071227349<<<8",
)
MRVA = (
    "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L8988901C4XXX4009078F96121096ZE184226B<<<<<<",
)
MRVB = (
    "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<",
    "L8988901C4XXX4009078F9612109<<<<<<<<",
)
PUBLISHED = {
    "TD3": (MrtdFormat.TD3, TD3),
    "TD1": (MrtdFormat.TD1, TD1),
    "TD1, long number": (MrtdFormat.TD1, TD1_LONG),
    "TD2": (MrtdFormat.TD2, TD2),
    "TD2, long number": (MrtdFormat.TD2, TD2_LONG),
    "MRV-A": (MrtdFormat.MRVA, MRVA),
    "MRV-B": (MrtdFormat.MRVB, MRVB),
}


def fields(lines: tuple[str, ...]) -> dict[str, Field]:
    return fields_of(parse_lines(lines), TODAY)


def values(lines: tuple[str, ...]) -> dict[str, str | None]:
    return {name: found.value for name, found in fields(lines).items()}


@pytest.mark.parametrize(("mrtd_format", "lines"), PUBLISHED.values(), ids=PUBLISHED)
def test_every_published_example_passes(mrtd_format: MrtdFormat, lines: tuple[str, ...]) -> None:
    read = parse_lines(lines)
    assert read.format is mrtd_format
    assert read.lines == lines
    has = {check.name for check in LAYOUTS[mrtd_format].check_digits}
    assert dict(read.check_digits) == {
        name: CheckResult.PASS if name in has else CheckResult.NOT_APPLICABLE
        for name in CHECK_NAMES
    }


def test_td3_fields() -> None:
    assert values(TD3) == {
        "primary_identifier": "ERIKSSON",
        "secondary_identifier": "ANNA MARIA",
        "document_code": "P",
        "issuing_state": "UTO",
        "nationality": "UTO",
        "document_number": "L898902C3",
        "date_of_birth": "1974-08-12",
        "date_of_expiry": "2012-04-15",
        "sex": "F",
        "optional_data": "ZE184226B",
    }


@pytest.mark.parametrize("lines", [TD1_LONG, TD2_LONG], ids=["TD1", "TD2"])
def test_document_number_longer_than_nine_characters(lines: tuple[str, ...]) -> None:
    """Part 5, section 4.2.2, note j: the rest and the check digit stand in the optional data."""
    found = fields(lines)
    assert found["document_number"].value == "D23145890734"
    assert found["document_number"].status is FieldStatus.CHECKSUM
    assert found["optional_data"].value is None
    assert found["primary_identifier"].value == "STEVENSON"


def test_long_number_leaves_the_rest_of_the_optional_data() -> None:
    document = replace(DEFAULT_FIELDS[MrtdFormat.TD1], document_number="D23145890734")
    lines = compose_lines(MrtdFormat.TD1, replace(document, optional_data="AB12"))
    assert values(lines)["document_number"] == "D23145890734"
    assert values(lines)["optional_data"] == "AB12"


def test_statuses_say_what_a_check_digit_covers() -> None:
    statuses = {name: found.status for name, found in fields(TD3).items()}
    covered = {"document_number", "date_of_birth", "date_of_expiry", "optional_data"}
    assert {n for n, s in statuses.items() if s is FieldStatus.CHECKSUM} == covered
    assert {s for n, s in statuses.items() if n not in covered} == {FieldStatus.READ}


@pytest.mark.parametrize("name", [*PUBLISHED, "French card"])
def test_names_are_never_proven_by_a_check_digit(name: str) -> None:
    """Not even on the French card, whose composite check digit covers them."""
    french = "IDFRABERTHIER<<<<<<<<<<<<<<<<<<<<<<<", "8806923102858CORINNE<<<<<<<6512068F6"
    lines = PUBLISHED[name][1] if name in PUBLISHED else french
    assert CheckResult.FAIL not in parse_lines(lines).check_digits.values()
    found = fields(lines)
    for identifier in ("primary_identifier", "secondary_identifier"):
        assert found[identifier].status is FieldStatus.READ


@pytest.mark.parametrize("lines", [lines for _, lines in PUBLISHED.values()], ids=PUBLISHED)
def test_every_truncation_parses_or_is_refused(lines: tuple[str, ...]) -> None:
    for number, line in enumerate(lines):
        for length in range(len(line)):
            for part in (line[:length], line[length:]):
                cut = (*lines[:number], part, *lines[number + 1 :])
                try:
                    read = parse_lines(cut)
                except MrzFormatError:
                    continue
                assert fields_of(read, TODAY)["primary_identifier"].status is not None
                shape = (len(read.lines), {len(row) for row in read.lines})
                layout = LAYOUTS[read.format]
                assert shape == (layout.line_count, {layout.line_length})


@pytest.mark.parametrize(
    ("line", "start", "text", "check"),
    [
        (1, 0, "<<<<<<<<<<", "document_number"),
        (1, 13, "<<<<<<<", "date_of_birth"),
        (1, 21, "<<<<<<<", "date_of_expiry"),
        (1, 43, "<", "composite"),
    ],
)
def test_fillers_alone_prove_nothing(line: int, start: int, text: str, check: str) -> None:
    """Only empty optional data may have a filler for its check digit; of a date that is unknown
    it is 0 (Part 3, section 4.8)."""
    assert parse_lines(altered(TD3, line, start, text)).check_digits[check] is CheckResult.FAIL
    if text == "<<<<<<<":
        known = altered(TD3, line, start, "<<<<<<0")
        assert parse_lines(known).check_digits[check] is CheckResult.PASS


def test_a_failing_check_digit_leaves_the_field_as_read() -> None:
    lines = altered(TD3, 1, 0, "L898902C4")
    read = parse_lines(lines)
    found = fields_of(read, TODAY)
    assert read.check_digits["document_number"] is CheckResult.FAIL
    assert read.check_digits["composite"] is CheckResult.FAIL
    assert read.check_digits["date_of_birth"] is CheckResult.PASS
    assert found["document_number"].value == "L898902C4"
    assert found["document_number"].status is FieldStatus.READ
    assert found["date_of_birth"].status is FieldStatus.CHECKSUM


@pytest.mark.parametrize("digit", ["<", "0"])
def test_check_digit_of_empty_optional_data(digit: str) -> None:
    """Part 4, section 4.2.2: a zero or a filler, both right."""
    lines = compose_lines(MrtdFormat.TD3, SpecimenFields(optional_data=""))
    read = parse_lines(altered(lines, 1, 42, digit))
    assert read.check_digits["optional_data"] is CheckResult.PASS
    assert read.check_digits["composite"] is CheckResult.PASS


@pytest.mark.parametrize(
    ("raw", "born", "expires"),
    [
        ("740812", "1974-08-12", "2074-08-12"),
        ("261120", "2026-11-20", "2026-11-20"),
        ("261121", "1926-11-21", "2026-11-21"),
        ("770101", "1977-01-01", "1977-01-01"),
        ("760101", "1976-01-01", "2076-01-01"),
        ("000229", "2000-02-29", "2000-02-29"),
        ("7408<<", "1974-08", "2074-08"),
        ("74<<<<", "1974", "2074"),
        ("26<<<<", "2026", "2026"),
        ("2612<<", "1926-12", "2026-12"),
        ("<<<<<<", None, None),
        ("<<0812", None, None),
        ("74<<12", None, None),
        ("741301", None, None),
        ("740231", None, None),
        ("7A0812", None, None),
    ],
)
def test_dates(raw: str, born: str | None, expires: str | None) -> None:
    """Part 3, section 4.8: unknown parts are fillers; the century is inferred and says so."""
    found = fields(altered(altered(TD3, 1, 13, raw), 1, 21, raw))
    for name, value in (("date_of_birth", born), ("date_of_expiry", expires)):
        assert found[name].value == value
        assert found[name].raw == raw
        assert found[name].century_inferred == (value is not None)
        assert (found[name].status is FieldStatus.MISSING) == (value is None)


@pytest.mark.parametrize(
    ("printed", "value"), [("F", "F"), ("M", "M"), ("X", "X"), ("<", "X"), ("8", None)]
)
def test_sex(printed: str, value: str | None) -> None:
    found = fields(altered(TD3, 1, 20, printed))["sex"]
    assert (found.value, found.raw) == (value, printed)


@pytest.mark.parametrize(
    ("printed", "primary", "secondary", "truncated"),
    [
        ("ERIKSSON<<ANNA<MARIA", "ERIKSSON", "ANNA MARIA", False),
        ("ARKFREITH", "ARKFREITH", None, False),
        ("VAN<DER<MUELLEN<<MARIE", "VAN DER MUELLEN", "MARIE", False),
        ("ERIKSSON<<ANNA<<MARIA", "ERIKSSON", "ANNA MARIA", False),
        (
            "NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K",
            "NILAVADHANANANDA",
            "CHAYAPA DEJTHAMRONG K",
            True,
        ),
        (
            "BENNELONG<WOOLOOMOOLOO<WARRANDYTE<WARNA",
            "BENNELONG WOOLOOMOOLOO WARRANDYTE WARNA",
            None,
            True,
        ),
        ("", None, None, False),
    ],
)
def test_names(printed: str, primary: str | None, secondary: str | None, truncated: bool) -> None:
    """Part 3, section 4.6, and the truncation rules of Part 4, section 4.2.3."""
    found = fields((f"P<UTO{printed}".ljust(44, "<"), TD3[1]))
    assert found["primary_identifier"].value == primary
    assert found["secondary_identifier"].value == secondary
    for name, value in (("primary_identifier", primary), ("secondary_identifier", secondary)):
        assert found[name].status is (FieldStatus.READ if value else FieldStatus.MISSING)
        assert found[name].truncated == (truncated and value is not None)
        assert "<" not in (found[name].value or "")


def test_germany_is_one_letter() -> None:
    found = fields(altered(altered(TD3, 0, 2, "D<<"), 1, 10, "D<<"))
    assert found["issuing_state"].value == found["nationality"].value == "D"
    assert found["nationality"].raw == "D<<"


@pytest.mark.parametrize(
    "lines",
    [
        ("P<UTOERIKSSON<<ANNA<MARIA", TD3[1]),
        (TD3[0] + "<", TD3[1]),
        (f" {TD3[0].lower()} ", TD3[1], ""),
        tuple(" ".join(line) for line in TD3),
    ],
    ids=["short line", "one filler more", "lower case and blank line", "spaced out"],
)
def test_lenient_about_how_lines_are_written_down(lines: tuple[str, ...]) -> None:
    assert parse_lines(lines).lines == TD3


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("",),
        TD3[:1],
        (*TD3, *TD3),
        ("P<UTO", "L898902C36"),
        ("P<UTOÉRIKSSON".ljust(44, "<"), TD3[1]),
        ("X" * 60, "Y" * 60),
    ],
    ids=["nothing", "empty", "one line", "four lines", "short", "no MRZ letter", "too long"],
)
def test_what_is_no_zone(lines: tuple[str, ...]) -> None:
    with pytest.raises(MrzFormatError):
        parse_lines(lines)
