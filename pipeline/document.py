"""A zone as read to a document: fields in the words of Doc 9303, what was checked, a status."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from pipeline.mrz.dates import expiry_date
from pipeline.mrz.formats import layout_of
from pipeline.mrz.parse import fields_of
from pipeline.types import CheckResult, Document, DocumentStatus, MrzRead, Quality

BEYOND_DOUBT = 0.95
"""Confidence that every character of a reading without doubt reaches."""

_NOTHING_CHECKED: Mapping[str, CheckResult] = {
    "expiry": CheckResult.NOT_DONE,
    "mrz_viz_match": CheckResult.NOT_DONE,
}


def read_document(
    document_id: str, read: MrzRead, quality: Quality | None, today: datetime.date
) -> Document:
    """The document that the zone describes.

    ``complete`` only if every check digit that the format has passes; else ``needs_review``,
    with all that was read. ``today`` settles centuries and whether the document has expired
    (it is valid through its date of expiry).
    """
    checks = {**_NOTHING_CHECKED, "expiry": _expiry(read, today)}
    return Document(
        document_id,
        DocumentStatus.COMPLETE if is_complete(read) else DocumentStatus.NEEDS_REVIEW,
        read,
        fields_of(read, today),
        checks,
        quality,
    )


def is_complete(read: MrzRead) -> bool:
    """Whether no check digit fails."""
    settled = (CheckResult.PASS, CheckResult.NOT_APPLICABLE)
    return all(result in settled for result in read.check_digits.values())


def is_sure(read: MrzRead) -> bool:
    """Whether no check digit fails and every character is beyond doubt, those of names too."""
    return is_complete(read) and is_legible(read)


def is_legible(read: MrzRead) -> bool:
    """Whether every character is beyond doubt; the printed check digits may still be wrong."""
    return min(min(row) for row in read.confidences) >= BEYOND_DOUBT


def failed_document(document_id: str, quality: Quality | None) -> Document:
    """A document on which no zone was found: no fields, nothing checked."""
    return Document(document_id, DocumentStatus.FAILED, None, {}, _NOTHING_CHECKED, quality)


def _expiry(read: MrzRead, today: datetime.date) -> CheckResult:
    layout = layout_of(read.format, read.lines)
    if not layout.has("date_of_expiry"):
        return CheckResult.NOT_DONE
    raw = layout.zone("date_of_expiry").span.of(read.lines)
    last_day = expiry_date(raw, today).last_day
    if last_day is None:
        return CheckResult.NOT_DONE
    return CheckResult.PASS if today <= last_day else CheckResult.FAIL
