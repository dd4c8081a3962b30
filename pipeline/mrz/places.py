"""Which field a character of a machine-readable zone belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.mrz.check_digits import FILLER
from pipeline.mrz.formats import MrzLayout
from pipeline.mrz.parse import overflow_of


def field_at(layout: MrzLayout, lines: Sequence[str], line: int, position: int) -> str | None:
    """The field, by its protocol name, that holds or proves the character there.

    Line and position from zero. A check digit counts to the field that it covers; None for the
    composite check digit, which covers many, and for a place outside the layout.
    """
    for check in layout.check_digits:
        if (check.digit.line, check.digit.start) == (line, position):
            return None if check.name == "composite" else check.name
    for zone in layout.zones:
        span = zone.span
        if span.line != line or not span.start <= position < span.stop:
            continue
        if zone.name == "name":
            return _identifier(layout, span.of(lines), position - span.start)
        if zone.name == "given_names":
            return "secondary_identifier"
        if zone.name == layout.overflow and position - span.start < len(overflow_of(layout, lines)):
            return "document_number"
        return zone.name
    return None


def _identifier(layout: MrzLayout, names: str, index: int) -> str:
    """Primary up to the two fillers, secondary from them on (Doc 9303 Part 3, section 4.6)."""
    separator = names.rstrip(FILLER).find(FILLER * 2)
    primary = layout.has("given_names") or separator < 0 or index < separator
    return "primary_identifier" if primary else "secondary_identifier"
