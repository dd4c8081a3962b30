"""Payloads of driving licences' barcodes: every version, and everything that can be wrong."""

from __future__ import annotations

import datetime
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import BarcodeFormatError
from models.training.licence import ELEMENTS, ISSUER, payload
from pipeline.barcode.aamva import MAX_BYTES, MAX_VALUE, parse_aamva
from pipeline.barcode.fields import barcode_document, fields_of
from pipeline.types import CheckResult, DocumentStatus, FieldStatus

TODAY = datetime.date(2026, 1, 1)
VERSIONS = {
    1: {"DAA": "WAYFARER,ILSE,MAREN LUISE", "DBB": "19740812", "DBC": "F", "DCS": "", "DAC": ""},
    2: {"DCT": "ILSE,MAREN,LUISE", "DAC": "", "DAD": ""},
    3: {"DCT": "ILSE MAREN LUISE", "DAC": "", "DAD": ""},
    **{version: {} for version in range(4, 14)},
}


def values(data: bytes) -> dict[str, str | None]:
    return {name: field.value for name, field in fields_of(parse_aamva(data)).items()}


def changed(**elements: str) -> dict[str, str]:
    return {name: value for name, value in {**ELEMENTS, **elements}.items() if value}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_tells_the_same_person(version: int) -> None:
    elements = changed(**VERSIONS[version])
    if version == 1:
        del elements["DAD"], elements["DCG"]
    data = payload(elements, version=version)
    read = parse_aamva(data)
    assert (read.version, read.issuer, read.document_type) == (version, ISSUER, "DL")
    assert read.lengths_fit
    assert values(data) == {
        "document_code": None,
        "issuing_state": None if version == 1 else "UTO",
        "nationality": None,
        "primary_identifier": "WAYFARER",
        "secondary_identifier": "ILSE MAREN LUISE",
        "document_number": "D12345678",
        "date_of_birth": "1974-08-12",
        "sex": "F",
        "date_of_expiry": "2030-12-10",
        "date_of_issue": "2019-06-06",
        "address": "12 HARBOUR LANE, PORT EXAMPLE, UT 00001",
    }


def test_the_standards_own_example_is_read() -> None:
    """The specimen that Annex D of the standard prints."""
    data = (
        b"@\n\x1e\rANSI 636000100102DL00410278ZV03190008DLDAQT64235789\nDCSSAMPLE\nDDEN\n"
        b"DACMICHAEL\nDDFN\nDADJOHN\nDDGN\nDCUJR\nDCAD\nDCBK\nDCDPH\nDBD06062019\nDBB06061986\n"
        b"DBA12102024\nDBC1\nDAU068 in\nDAYBRO\nDAG2300 WEST BROAD STREET\nDAIRICHMOND\nDAJVA\n"
        b"DAK232690000  \nDCF2424244747474786102204\nDCGUSA\nDCK123456789\nDDAF\nDDB06062018\n"
        b"DDC06062020\nDDD1\rZVZVA01\r"
    )
    read = parse_aamva(data)
    assert (read.issuer, read.lengths_fit) == ("636000", True)
    told = values(data)
    assert (told["primary_identifier"], told["secondary_identifier"]) == ("SAMPLE", "MICHAEL JOHN")
    assert (told["name_suffix"], told["sex"], told["issuing_state"]) == ("JR", "M", "USA")
    assert told["date_of_birth"] == "1986-06-06" and told["address"] is not None
    assert told["address"].endswith("RICHMOND, VA 23269")


def test_a_licence_is_read_and_never_proven() -> None:
    document = barcode_document("d1", parse_aamva(payload()), None, TODAY)
    assert document.status is DocumentStatus.NEEDS_REVIEW
    assert document.was_read and document.format == "AAMVA" and document.mrz is None
    statuses = {field.status for field in document.fields.values()}
    assert statuses == {FieldStatus.READ, FieldStatus.MISSING}
    assert document.fields["nationality"].status is FieldStatus.MISSING
    assert document.fields["secondary_identifier"].truncated
    assert not document.fields["primary_identifier"].truncated
    assert document.checks["expiry"] is CheckResult.PASS
    assert document.checks["barcode_lengths"] is CheckResult.PASS


@pytest.mark.parametrize(
    ("day", "told"),
    [("2030-12-10", CheckResult.PASS), ("2030-12-11", CheckResult.FAIL)],
)
def test_it_is_valid_through_its_last_day(day: str, told: CheckResult) -> None:
    today = datetime.date.fromisoformat(day)
    assert barcode_document("d", parse_aamva(payload()), None, today).checks["expiry"] is told


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)), st.booleans())
def test_a_date_is_the_same_in_either_order(date: datetime.date, canadian: bool) -> None:
    raw = date.strftime("%Y%m%d" if canadian else "%m%d%Y")
    assert values(payload(changed(DBB=raw)))["date_of_birth"] == date.isoformat()


@pytest.mark.parametrize("raw", ["13452019", "19741301", "00000000", "1974", "0812197", "ABCDEFGH"])
def test_a_day_that_does_not_exist_is_missing_and_stays_as_it_was_read(raw: str) -> None:
    field = fields_of(parse_aamva(payload(changed(DBB=raw))))["date_of_birth"]
    assert (field.value, field.raw, field.status) == (None, raw, FieldStatus.MISSING)


@pytest.mark.parametrize(
    ("element", "raw", "name"),
    [("DBC", "7", "sex"), ("DCG", "QQQ", "issuing_state"), ("DAQ", "unavl", "document_number")],
)
def test_what_means_nothing_is_missing(element: str, raw: str, name: str) -> None:
    field = fields_of(parse_aamva(payload(changed(**{element: raw}))))[name]
    assert (field.value, field.status) == (None, FieldStatus.MISSING)


def test_none_stands_for_no_middle_name_but_may_be_a_surname() -> None:
    told = values(payload(changed(DAD="NONE", DCS="NONE")))
    assert (told["primary_identifier"], told["secondary_identifier"]) == ("NONE", "ILSE")


@pytest.mark.parametrize(
    "wrong",
    [{"length": 12}, {"length": 9999}, {"offset": 7}, {"offset": 9000}, {"entries": 3}],
    ids=str,
)
def test_wrong_lengths_cut_nothing_off_and_are_told(wrong: dict[str, int]) -> None:
    data = payload(**wrong)  # type: ignore[arg-type]
    assert values(data) == values(payload())
    assert not parse_aamva(data).lengths_fit
    document = barcode_document("d", parse_aamva(data), None, TODAY)
    assert document.checks["barcode_lengths"] is CheckResult.FAIL


def test_another_subfile_is_not_the_licences() -> None:
    data = payload(further="ZUZUADSTRANGER\nDAQX\r")
    assert parse_aamva(data).lengths_fit
    assert values(data) == values(payload())


def test_carriage_returns_between_elements_are_taken() -> None:
    head, body = payload()[:31], payload()[31:]
    assert values(head + body.replace(b"\n", b"\r\n")) == values(payload())


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-8"])
def test_letters_beyond_ascii(charset: str) -> None:
    data = payload().replace(b"WAYFARER", "CÔTÉ-NÚÑEZ".encode(charset))
    assert values(data)["primary_identifier"] == "CÔTÉ-NÚÑEZ"


def test_lengths_count_bytes() -> None:
    surname = "FIÀ".encode().decode("iso-8859-1")
    data = payload(changed(DCS=surname))
    assert parse_aamva(data).lengths_fit and values(data)["primary_identifier"] == "FIÀ"


@pytest.mark.parametrize("bad", ["WAY\x00FARER", "WAY\x1bFARER", "W" * (MAX_VALUE + 1)])
def test_a_value_with_control_characters_or_too_long_is_left_out(bad: str) -> None:
    told = values(payload(changed(DCS=bad)))
    assert told["primary_identifier"] is None and told["document_number"] == "D12345678"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"@",
        b"@\n\x1e\rANSI ",
        b"@\n\x1e\rANSI 636999",
        b"HTTPS://EXAMPLE.COM/BOARDING",
        payload(kind="ZU"),
        payload({}),
        payload({"XXX": "1"}),
        payload()[:31],
        "@\n\x1e\rANSI 636999".encode("utf-16"),
        b"\xff\xfe" * 40,
        b"@\n\x1e\rANSI 636999100001DL00310400DL" + b"DAQ1\n" * 25_000,
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_what_is_no_licence_is_a_clear_error(data: bytes) -> None:
    with pytest.raises(BarcodeFormatError) as told:
        parse_aamva(data)
    assert told.value.message.startswith("The barcode") and told.value.status == 422
    assert "636999" not in told.value.message


@given(st.integers(0, len(payload())))
def test_a_cut_payload_gives_what_it_still_holds_or_an_error(length: int) -> None:
    """No element is ever another one's; only the last may be short."""
    try:
        read = parse_aamva(payload()[:length])
    except BarcodeFormatError:
        return
    assert not read.lengths_fit or length == len(payload())
    names = list(read.elements)
    assert all(read.elements[name] == ELEMENTS[name] for name in names[:-1])
    assert ELEMENTS[names[-1]].startswith(read.elements[names[-1]])


@given(st.binary(max_size=400))
@example(b"@\n\x1e\rANSI 636999990000DL99999999")
def test_any_bytes_are_a_licence_or_an_error(data: bytes) -> None:
    for payload_bytes in (data, payload()[:31] + data, payload() + data):
        try:
            read = parse_aamva(payload_bytes)
        except BarcodeFormatError as error:
            assert len(payload_bytes) <= MAX_BYTES or "longer" in error.message
            continue
        document = barcode_document("d", read, None, TODAY)
        for field in document.fields.values():
            assert not re.search(r"[\x00-\x1f\x7f-\x9f]", field.value or "")
            assert field.status is not FieldStatus.CHECKSUM


@given(
    st.dictionaries(
        st.from_regex(r"D[A-D][A-Z]", fullmatch=True),
        st.text(st.characters(codec="ascii", categories=("L", "N", "P")), max_size=30).filter(
            lambda text: text.upper() != "UNAVL"
        ),
        min_size=1,
    )
)
def test_what_is_written_is_read(elements: dict[str, str]) -> None:
    data = payload(elements)
    kept = {name: value for name, value in elements.items() if value}
    if not kept or len(data) > MAX_BYTES:
        with pytest.raises(BarcodeFormatError):
            parse_aamva(data)
        return
    read = parse_aamva(data)
    assert (dict(read.elements), read.lengths_fit) == (kept, True)
