"""Lines of a machine-readable zone to data elements, by the tables of ``formats``.

Doc 9303 Part 3, sections 4.6 (names), 4.8 (dates), 4.9 (check digits), and Parts 4 to 7. Parsing
is lenient: whatever was read is returned, with a status that says what speaks for it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from core.errors import MrzFormatError
from pipeline.mrz import dates
from pipeline.mrz.check_digits import ALPHABET, FILLER, digit_matches
from pipeline.mrz.formats import (
    CHECK_NAMES,
    LAYOUTS,
    CheckedSpan,
    MrzLayout,
    Span,
    layout_of,
)
from pipeline.types import CheckResult, Correction, Field, FieldStatus, MrzRead

_SHORTEST_SHARE = 0.8
"""A line with fewer of its format's characters than this is no line of that format."""

PASSING_BY_CHANCE = 0.1
"""A wrong reading passes a check digit of modulus 10 once in ten times."""

_MAY_LACK_ITS_DIGIT = "optional_data"
"""Empty, it may have a filler for its check digit; a number or date without one is covered up."""

_DIRECT_FIELDS = ("document_code", "issuing_state", "nationality")
_DATE_FIELDS = {"date_of_birth": dates.birth_date, "date_of_expiry": dates.expiry_date}
_OPTIONAL_FIELDS = ("optional_data", "optional_data_2")


def parse_lines(lines: Sequence[str]) -> MrzRead:
    """A zone given as text, every character taken as certain.

    Spaces are dropped, letters raised, and trailing fillers added or removed where a line is
    a little short or long. Raises MrzFormatError when the lines are no Doc 9303 zone.
    """
    cleaned = ["".join(line.split()).upper() for line in lines]
    cleaned = [line for line in cleaned if line]
    if any(c not in ALPHABET for line in cleaned for c in line):
        raise MrzFormatError("The lines hold characters that no machine-readable zone has.")
    layout = _layout_of(cleaned)
    fitted = tuple(_fit(line, layout.line_length) for line in cleaned)
    layout = layout_of(layout.format, fitted)
    certain = tuple((1.0,) * layout.line_length for _ in fitted)
    return assemble(layout, fitted, certain)


def _layout_of(lines: Sequence[str]) -> MrzLayout:
    lengths = [len(line.rstrip(FILLER)) for line in lines]
    fitting = [
        layout
        for layout in LAYOUTS.values()
        if len(lines) == layout.line_count
        and max(lengths) <= layout.line_length
        and max(len(line) for line in lines) >= _SHORTEST_SHARE * layout.line_length
    ]
    if not fitting:
        raise MrzFormatError(
            "The lines are no machine-readable zone of Doc 9303: "
            "expected 2 lines of 44 or 36 characters, or 3 lines of 30."
        )
    longest = max(len(line) for line in lines)
    return min(
        fitting,
        key=lambda layout: (
            abs(layout.line_length - longest),
            lines[0][:1] not in layout.first_letters,
            "V" in layout.first_letters,
        ),
    )


def _fit(line: str, length: int) -> str:
    return line[:length].ljust(length, FILLER)


def assemble(
    layout: MrzLayout,
    lines: tuple[str, ...],
    confidences: tuple[tuple[float, ...], ...],
    corrections: tuple[Correction, ...] = (),
    frames_fused: int = 1,
) -> MrzRead:
    """Lines of the layout's exact shape, with their check digits evaluated, as an MrzRead."""
    checks = check_results(layout, lines)
    return MrzRead(layout.format, lines, confidences, checks, corrections, frames_fused)


def check_results(layout: MrzLayout, lines: Sequence[str]) -> dict[str, CheckResult]:
    """Every check digit on its own; ``not_applicable`` for those that the format lacks."""
    results = dict.fromkeys(CHECK_NAMES, CheckResult.NOT_APPLICABLE)
    for check in layout.check_digits:
        passes = check_passes(layout, check, lines)
        results[check.name] = CheckResult.PASS if passes else CheckResult.FAIL
    return results


def check_passes(layout: MrzLayout, check: CheckedSpan, lines: Sequence[str]) -> bool:
    """Whether one printed check digit fits the data it covers, long numbers included."""
    data, digit = check.data_of(lines), check.digit.of(lines)
    if check.name == "document_number":
        data, digit = document_number(layout, lines)
    if digit == FILLER and check.name != _MAY_LACK_ITS_DIGIT:
        return False
    return digit_matches(data, digit)


def document_number(layout: MrzLayout, lines: Sequence[str]) -> tuple[str, str]:
    """The document number with its check digit.

    In TD1 and TD2 a filler in the check digit's place means that the number goes on in the
    optional data, up to the first filler there, its check digit last (Part 5, section 4.2.2,
    note j).
    """
    number = layout.zone("document_number").span.of(lines)
    digit = next(c for c in layout.check_digits if c.name == "document_number").digit.of(lines)
    rest = overflow_of(layout, lines)
    if rest:
        return number + rest[:-1], rest[-1]
    return number, digit


def overflow_of(layout: MrzLayout, lines: Sequence[str]) -> str:
    """What stands in the optional data of a document number too long for its place, or ""."""
    if layout.overflow is None:
        return ""
    check = next(c for c in layout.check_digits if c.name == "document_number")
    number = layout.zone("document_number").span.of(lines)
    if check.digit.of(lines) != FILLER or FILLER in number:
        return ""
    rest = layout.zone(layout.overflow).span.of(lines).split(FILLER)[0]
    return rest if len(rest) >= 2 else ""


def fields_of(read: MrzRead, today: datetime.date) -> dict[str, Field]:
    """The data elements by their protocol names.

    ``today`` decides which century a two-digit year belongs to; such fields say that it was
    inferred. A field without a usable value has status ``missing`` and keeps its raw text.
    """
    layout = layout_of(read.format, read.lines)
    fields = dict(_names(layout, read))
    for name in (*_DIRECT_FIELDS, *_DATE_FIELDS):
        if not layout.has(name):
            fields[name] = Field(None, None, FieldStatus.MISSING, 0.0)
    for name in filter(layout.has, _DIRECT_FIELDS):
        raw, confidence = _raw(layout, read, name)
        fields[name] = _plain(raw.rstrip(FILLER), raw, False, confidence)
    fields["document_number"] = _number_field(layout, read)
    for name in filter(layout.has, _DATE_FIELDS):
        resolve = _DATE_FIELDS[name]
        raw, confidence = _raw(layout, read, name)
        value = resolve(raw, today).iso
        checked = read.check_digits[name] is CheckResult.PASS
        fields[name] = _plain(value, raw, checked, confidence, century_inferred=value is not None)
    raw, confidence = _raw(layout, read, "sex")
    sex = {"M": "M", "F": "F", "X": "X", FILLER: "X"}.get(raw)
    fields["sex"] = _plain(sex, raw, False, confidence)
    for name in filter(layout.has, _OPTIONAL_FIELDS):
        fields[name] = _optional_field(layout, read, name)
    return fields


def _plain(
    value: str | None,
    raw: str,
    checked: bool,
    confidence: float,
    *,
    truncated: bool = False,
    century_inferred: bool = False,
) -> Field:
    if not value:
        return Field(None, raw or None, FieldStatus.MISSING, confidence if raw else 0.0)
    status = FieldStatus.CHECKSUM if checked else FieldStatus.READ
    if checked:
        confidence = confidence / (confidence + (1 - confidence) * PASSING_BY_CHANCE)
    return Field(value, raw, status, confidence, truncated, century_inferred)


def _raw(layout: MrzLayout, read: MrzRead, name: str) -> tuple[str, float]:
    """A zone's characters and the confidence of the least certain one."""
    span = layout.zone(name).span
    return span.of(read.lines), _confidence(read.confidences, span)


def _confidence(confidences: Sequence[Sequence[float]], span: Span) -> float:
    row = confidences[span.line] if span.line < len(confidences) else ()
    return min(row[span.start : span.stop], default=0.0)


def _number_field(layout: MrzLayout, read: MrzRead) -> Field:
    _, confidence = _raw(layout, read, "document_number")
    number, _ = document_number(layout, read.lines)
    rest = overflow_of(layout, read.lines)
    if rest and layout.overflow is not None:
        zone = layout.zone(layout.overflow).span
        over = Span(zone.line, zone.start, zone.start + len(rest))
        confidence = min(confidence, _confidence(read.confidences, over))
    checked = read.check_digits["document_number"] is CheckResult.PASS
    value = " ".join(part for part in number.split(FILLER) if part)
    return _plain(value, number, checked, confidence)


def _optional_field(layout: MrzLayout, read: MrzRead, name: str) -> Field:
    """Optional data; its own check digit covers it in TD3, the composite in TD1 and TD2."""
    raw, confidence = _raw(layout, read, name)
    if name == layout.overflow:
        raw = raw[len(overflow_of(layout, read.lines)) :]
    own = read.check_digits["optional_data"]
    covering = own if own is not CheckResult.NOT_APPLICABLE else read.check_digits["composite"]
    value = " ".join(part for part in raw.split(FILLER) if part)
    return _plain(value, raw, covering is CheckResult.PASS, confidence)


def _names(layout: MrzLayout, read: MrzRead) -> Mapping[str, Field]:
    """Primary and secondary identifier (Part 3, section 4.6; truncation Part 4, 4.2.3).

    A letter in the last position says that names may have been cut, whichever of the two.
    """
    span = layout.zone("name").span
    zone = span.of(read.lines)
    text = zone.rstrip(FILLER)
    truncated = len(zone) == len(text) > 0
    primary, separator, secondary = text.partition(FILLER * 2)
    second_start = span.start + len(primary) + len(separator)
    second = Span(span.line, second_start, second_start + len(secondary))
    if layout.has("given_names"):
        second = layout.zone("given_names").span
        secondary = second.of(read.lines).rstrip(FILLER)
    parts = {
        "primary_identifier": (primary, Span(span.line, span.start, span.start + len(primary))),
        "secondary_identifier": (secondary, second),
    }
    return {
        name: _plain(
            " ".join(word for word in raw.split(FILLER) if word),
            raw,
            False,
            _confidence(read.confidences, where),
            truncated=truncated,
        )
        for name, (raw, where) in parts.items()
    }
