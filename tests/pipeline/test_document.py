"""From a zone as read to a document."""

from __future__ import annotations

import datetime

import pytest

from models.training.mrz_lines import DEFAULT_FIELDS, SpecimenFields, compose_lines
from pipeline.document import failed_document, is_complete, read_document
from pipeline.mrz.parse import parse_lines
from pipeline.types import CheckResult, DocumentStatus, FieldStatus, MrtdFormat, MrzRead, Quality

TODAY = datetime.date(2026, 11, 20)
QUALITY = Quality(80, 50, 60, 20, 2, 0, 16, 81.5)


def zone(mrtd_format: MrtdFormat = MrtdFormat.TD3, **said: str) -> MrzRead:
    fields = SpecimenFields(**said) if said else DEFAULT_FIELDS[mrtd_format]
    return parse_lines(compose_lines(mrtd_format, fields))


@pytest.mark.parametrize("mrtd_format", list(MrtdFormat))
def test_complete_when_every_check_digit_passes(mrtd_format: MrtdFormat) -> None:
    document = read_document("d1", zone(mrtd_format), QUALITY, TODAY)
    assert document.status is DocumentStatus.COMPLETE
    assert document.id == "d1"
    assert document.quality is QUALITY
    assert document.mrz is not None
    assert document.mrz.format is mrtd_format
    assert document.fields["primary_identifier"].value == "ERIKSSON"
    assert ("optional_data_2" in document.fields) == (mrtd_format is MrtdFormat.TD1)


def test_a_faulty_zone_still_returns_what_was_read() -> None:
    lines = compose_lines(MrtdFormat.TD3, SpecimenFields())
    faulty = parse_lines((lines[0], lines[1][:9] + "7" + lines[1][10:]))
    document = read_document("d1", faulty, QUALITY, TODAY)
    assert not is_complete(faulty)
    assert document.status is DocumentStatus.NEEDS_REVIEW
    assert document.fields["document_number"].value == "L898902C3"
    assert document.fields["document_number"].status is FieldStatus.READ
    assert document.fields["date_of_birth"].status is FieldStatus.CHECKSUM


@pytest.mark.parametrize(
    ("expiry", "result"),
    [
        ("261120", CheckResult.PASS),
        ("261119", CheckResult.FAIL),
        ("2611<<", CheckResult.PASS),
        ("2610<<", CheckResult.FAIL),
        ("26<<<<", CheckResult.PASS),
        ("120415", CheckResult.FAIL),
        ("991231", CheckResult.FAIL),
        ("<<<<<<", CheckResult.NOT_DONE),
        ("269999", CheckResult.NOT_DONE),
    ],
)
def test_expiry(expiry: str, result: CheckResult) -> None:
    document = read_document("d1", zone(date_of_expiry=expiry), QUALITY, TODAY)
    assert document.checks == {"expiry": result, "mrz_viz_match": CheckResult.NOT_DONE}


def test_the_clock_is_given() -> None:
    before = datetime.date(2012, 4, 15)
    document = read_document("d1", zone(), QUALITY, before)
    assert document.checks["expiry"] is CheckResult.PASS


def test_confidence_grows_with_a_check_digit() -> None:
    read = zone()
    doubtful = tuple(tuple(0.8 for _ in row) for row in read.confidences)
    shaky = MrzRead(read.format, read.lines, doubtful, read.check_digits)
    fields = read_document("d1", shaky, QUALITY, TODAY).fields
    assert fields["primary_identifier"].confidence == pytest.approx(0.8)
    assert fields["document_number"].confidence == pytest.approx(0.8 / (0.8 + 0.02))


def test_failed() -> None:
    document = failed_document("d2", QUALITY)
    assert document.status is DocumentStatus.FAILED
    assert document.mrz is None
    assert dict(document.fields) == {}
    assert set(document.checks.values()) == {CheckResult.NOT_DONE}
