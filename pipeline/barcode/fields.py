"""A driving licence's barcode as a document, in the words that the zones of Doc 9303 use.

A barcode has error correction, so that it is read rightly or not at all; it has no check digits.
Its fields are therefore ``read``, never ``checksum``, and the document is always to be reviewed.
"""

from __future__ import annotations

import datetime

from pipeline.barcode.aamva import AamvaRead
from pipeline.mrz.states import CODES
from pipeline.types import (
    BarcodeRead,
    CheckResult,
    Document,
    DocumentStatus,
    Field,
    FieldStatus,
    Quality,
)

_MISSING = Field(None, None, FieldStatus.MISSING, 0.0)
_SEXES = {"1": "M", "2": "F", "9": "X", "M": "M", "F": "F", "X": "X"}
"""ISO/IEC 5218's digits, and the letters of the oldest version."""
_NOT_STATED = "NONE"
"""Stands in place of a middle name or a suffix that the holder does not have."""
_CENTURIES = ("19", "20")
_CUT = "T"


def barcode_document(
    document_id: str, read: AamvaRead, quality: Quality | None, today: datetime.date
) -> Document:
    """The document that the barcode describes, status ``needs_review``.

    ``checks``: ``expiry`` (valid through its date of expiry) and ``barcode_lengths``, whether the
    data are as long as their header says.
    """
    fields = fields_of(read)
    return Document(
        document_id,
        DocumentStatus.NEEDS_REVIEW,
        None,
        fields,
        {
            "expiry": _expiry(fields["date_of_expiry"], today),
            "mrz_viz_match": CheckResult.NOT_APPLICABLE,
            "barcode_lengths": CheckResult.PASS if read.lengths_fit else CheckResult.FAIL,
        },
        quality,
        barcode=BarcodeRead(read.symbology, "AAMVA", read.version, read.issuer, read.document_type),
    )


def fields_of(read: AamvaRead) -> dict[str, Field]:
    """The data elements by their protocol names; those that a licence has not are ``missing``.

    A licence does not tell a nationality. ``address`` is one line; ``name_suffix`` and
    ``date_of_issue`` are there when the barcode has them.
    """
    get = read.elements.get
    fields = {
        "document_code": _MISSING,
        "issuing_state": _state(get("DCG")),
        "nationality": _MISSING,
        **_names(read),
        "document_number": _text(get("DAQ")),
        "date_of_birth": _date(get("DBB")),
        "sex": _sex(get("DBC")),
        "date_of_expiry": _date(get("DBA")),
    }
    also = {
        "date_of_issue": _date(get("DBD")),
        "name_suffix": _text(_stated(get("DCU") or get("DAE"))),
        "address": _text(_address(read)),
    }
    return {**fields, **{name: field for name, field in also.items() if field.value}}


def _names(read: AamvaRead) -> dict[str, Field]:
    """Versions differ: 01 has one name, surname first, by commas, or its parts; 02 and 03 have the
    given names in one element; from 04 on first and middle names are apart."""
    get = read.elements.get
    whole = [part.strip() for part in get("DAA", "").split(",")]
    surname = get("DCS") or get("DAB") or whole[0]
    first, middle = get("DAC"), _stated(get("DAD"))
    given = " ".join(part for part in (first, middle) if part)
    given = given or get("DCT") or " ".join(filter(None, whole[1:3]))
    return {
        "primary_identifier": _name(surname, get("DDE") == _CUT),
        "secondary_identifier": _name(given, _CUT in (get("DDF"), get("DDG"))),
    }


def _name(raw: str, truncated: bool) -> Field:
    value = " ".join(raw.replace(",", " ").split())
    if not value:
        return _MISSING
    return Field(value, raw, FieldStatus.READ, 1.0, truncated)


def _text(raw: str | None) -> Field:
    return Field(raw, raw, FieldStatus.READ, 1.0) if raw else _MISSING


def _unusable(raw: str | None) -> Field:
    """Nothing can be made of what was read; the raw text stays, to be looked at."""
    return Field(None, raw, FieldStatus.MISSING, 0.0)


def _stated(raw: str | None) -> str | None:
    return None if raw is not None and raw.upper() == _NOT_STATED else raw


def _state(raw: str | None) -> Field:
    code = (raw or "").upper()
    return Field(code, raw, FieldStatus.READ, 1.0) if code in CODES else _unusable(raw)


def _sex(raw: str | None) -> Field:
    sex = _SEXES.get((raw or "").upper())
    return Field(sex, raw, FieldStatus.READ, 1.0) if sex else _unusable(raw)


def _date(raw: str | None) -> Field:
    """MMDDCCYY (United States) or CCYYMMDD (Canada, and all of version 01).

    Neither the country nor the version is asked: 19 and 20, where a century stands, are no
    months, so that eight digits cannot mean a date in both ways.
    """
    if raw is None or len(raw) != 8 or not (raw.isascii() and raw.isdigit()):
        return _unusable(raw)
    year, month, day = (
        (raw[:4], raw[4:6], raw[6:]) if raw[:2] in _CENTURIES else (raw[4:], raw[:2], raw[2:4])
    )
    if year[:2] not in _CENTURIES:
        return _unusable(raw)
    try:
        date = datetime.date(int(year), int(month), int(day))
    except ValueError:
        return _unusable(raw)
    return Field(date.isoformat(), raw, FieldStatus.READ, 1.0)


def _address(read: AamvaRead) -> str:
    """Street, town, jurisdiction and postal code in one line, as a card has it."""
    get = read.elements.get
    town = " ".join(part for part in (get("DAJ"), _postal_code(get("DAK", ""))) if part)
    parts = (get("DAG") or get("DAL"), get("DAH") or get("DAM"), get("DAI") or get("DAN"), town)
    return ", ".join(part for part in parts if part)


def _postal_code(raw: str) -> str:
    """Nine digits of the United States: the last four are zeros where they are not known."""
    if len(raw) == 9 and raw.isdigit():
        return raw[:5] if raw.endswith("0000") else f"{raw[:5]}-{raw[5:]}"
    return raw


def _expiry(field: Field, today: datetime.date) -> CheckResult:
    if field.value is None:
        return CheckResult.NOT_DONE
    return CheckResult.PASS if today.isoformat() <= field.value else CheckResult.FAIL
