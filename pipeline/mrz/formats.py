"""The layouts of machine-readable zones as tables.

Doc 9303: TD1 is Part 5, TD2 Part 6, TD3 Part 4, MRV-A and MRV-B Part 7, each in its section 4.2.
A further layout, such as a national card's own, is one more ``MrzLayout``: parsing, reading and
drawing take everything from here. Lines and positions count from zero; spans exclude their end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from pipeline.mrz.check_digits import ALPHABET, DIGITS, FILLER, LETTERS
from pipeline.types import MrtdFormat


class CharacterSet(Enum):
    """What a position may hold (the A, N and A/N of Doc 9303); the value lists it."""

    LETTERS = LETTERS + FILLER
    CODE = FILLER + LETTERS + DIGITS
    DIGITS = DIGITS
    DATE = DIGITS + FILLER
    CHECK = DIGITS + FILLER
    SEX = "MFX" + FILLER
    ANY = ALPHABET


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``stop`` (excluded) of one line."""

    line: int
    start: int
    stop: int

    def of(self, lines: Sequence[str]) -> str:
        """The characters of this span; fewer where the line ends early."""
        return lines[self.line][self.start : self.stop] if self.line < len(lines) else ""


@dataclass(frozen=True, slots=True)
class Zone:
    """One data element; ``name`` is the field's name in the protocol."""

    name: str
    span: Span
    characters: CharacterSet


@dataclass(frozen=True, slots=True)
class CheckedSpan:
    """A check digit at ``digit`` over the characters of ``over``, joined in order."""

    name: str
    digit: Span
    over: tuple[Span, ...]

    def data_of(self, lines: Sequence[str]) -> str:
        """The characters that the check digit is computed over."""
        return "".join(span.of(lines) for span in self.over)


@dataclass(frozen=True, slots=True)
class MrzLayout:
    """One format: line count and length, data elements, check digits, first letters.

    ``first_letters`` are those that the document code may begin with. ``overflow`` is the
    element that takes the rest of a document number longer than nine characters, if any
    (Part 5, section 4.2.2, note j; Part 6, the same). ``prefix``: what the first line of a
    national layout begins with; it has the shape of ``format`` but a table of its own.
    """

    format: MrtdFormat
    line_count: int
    line_length: int
    first_letters: str
    zones: tuple[Zone, ...]
    check_digits: tuple[CheckedSpan, ...]
    overflow: str | None = None
    prefix: str = ""

    def has(self, name: str) -> bool:
        """Whether the format has an element of that name."""
        return any(zone.name == name for zone in self.zones)

    def zone(self, name: str) -> Zone:
        """The element of that name; KeyError if the format has none."""
        for zone in self.zones:
            if zone.name == name:
                return zone
        raise KeyError(name)

    def character_sets(self) -> tuple[tuple[CharacterSet, ...], ...]:
        """What each position of each line may hold."""
        grid = [[CharacterSet.ANY] * self.line_length for _ in range(self.line_count)]
        for zone in self.zones:
            for position in range(zone.span.start, zone.span.stop):
                grid[zone.span.line][position] = zone.characters
        for check in self.check_digits:
            grid[check.digit.line][check.digit.start] = CharacterSet.CHECK
        return tuple(tuple(row) for row in grid)


CHECK_NAMES = (
    "document_number",
    "date_of_birth",
    "date_of_expiry",
    "optional_data",
    "composite",
)
"""Every check digit of every format, in the order of the protocol."""


def _check(name: str, line: int, position: int, *over: Span) -> CheckedSpan:
    return CheckedSpan(name, Span(line, position, position + 1), over)


def _name_line(line: int, start: int, stop: int) -> Zone:
    return Zone("name", Span(line, start, stop), CharacterSet.LETTERS)


def _heading(line: int) -> tuple[Zone, Zone]:
    return (
        Zone("document_code", Span(line, 0, 2), CharacterSet.CODE),
        Zone("issuing_state", Span(line, 2, 5), CharacterSet.LETTERS),
    )


def _lower_line(optional_stop: int) -> tuple[Zone, ...]:
    """The second line, which all two-line formats share up to the optional data."""
    return (
        Zone("document_number", Span(1, 0, 9), CharacterSet.ANY),
        Zone("nationality", Span(1, 10, 13), CharacterSet.LETTERS),
        Zone("date_of_birth", Span(1, 13, 19), CharacterSet.DATE),
        Zone("sex", Span(1, 20, 21), CharacterSet.SEX),
        Zone("date_of_expiry", Span(1, 21, 27), CharacterSet.DATE),
        Zone("optional_data", Span(1, 28, optional_stop), CharacterSet.ANY),
    )


_LOWER_CHECKS = (
    _check("document_number", 1, 9, Span(1, 0, 9)),
    _check("date_of_birth", 1, 19, Span(1, 13, 19)),
    _check("date_of_expiry", 1, 27, Span(1, 21, 27)),
)

TD3 = MrzLayout(
    MrtdFormat.TD3,
    2,
    44,
    "P",
    (*_heading(0), _name_line(0, 5, 44), *_lower_line(42)),
    (
        *_LOWER_CHECKS,
        _check("optional_data", 1, 42, Span(1, 28, 42)),
        _check("composite", 1, 43, Span(1, 0, 10), Span(1, 13, 20), Span(1, 21, 43)),
    ),
)

TD2 = MrzLayout(
    MrtdFormat.TD2,
    2,
    36,
    "IAC",
    (*_heading(0), _name_line(0, 5, 36), *_lower_line(35)),
    (
        *_LOWER_CHECKS,
        _check("composite", 1, 35, Span(1, 0, 10), Span(1, 13, 20), Span(1, 21, 35)),
    ),
    overflow="optional_data",
)

TD1 = MrzLayout(
    MrtdFormat.TD1,
    3,
    30,
    "IAC",
    (
        *_heading(0),
        Zone("document_number", Span(0, 5, 14), CharacterSet.ANY),
        Zone("optional_data", Span(0, 15, 30), CharacterSet.ANY),
        Zone("date_of_birth", Span(1, 0, 6), CharacterSet.DATE),
        Zone("sex", Span(1, 7, 8), CharacterSet.SEX),
        Zone("date_of_expiry", Span(1, 8, 14), CharacterSet.DATE),
        Zone("nationality", Span(1, 15, 18), CharacterSet.LETTERS),
        Zone("optional_data_2", Span(1, 18, 29), CharacterSet.ANY),
        _name_line(2, 0, 30),
    ),
    (
        _check("document_number", 0, 14, Span(0, 5, 14)),
        _check("date_of_birth", 1, 6, Span(1, 0, 6)),
        _check("date_of_expiry", 1, 14, Span(1, 8, 14)),
        _check("composite", 1, 29, Span(0, 5, 30), Span(1, 0, 7), Span(1, 8, 15), Span(1, 18, 29)),
    ),
    overflow="optional_data",
)

MRVA = MrzLayout(
    MrtdFormat.MRVA,
    2,
    44,
    "V",
    (*_heading(0), _name_line(0, 5, 44), *_lower_line(44)),
    _LOWER_CHECKS,
)

MRVB = MrzLayout(
    MrtdFormat.MRVB,
    2,
    36,
    "V",
    (*_heading(0), _name_line(0, 5, 36), *_lower_line(36)),
    _LOWER_CHECKS,
)

FRENCH_CARD = MrzLayout(
    MrtdFormat.TD2,
    2,
    36,
    "I",
    (
        *_heading(0),
        _name_line(0, 5, 30),
        Zone("optional_data", Span(0, 30, 36), CharacterSet.ANY),
        Zone("document_number", Span(1, 0, 12), CharacterSet.ANY),
        Zone("given_names", Span(1, 13, 27), CharacterSet.LETTERS),
        Zone("date_of_birth", Span(1, 27, 33), CharacterSet.DATE),
        Zone("sex", Span(1, 34, 35), CharacterSet.SEX),
    ),
    (
        _check("document_number", 1, 12, Span(1, 0, 12)),
        _check("date_of_birth", 1, 33, Span(1, 27, 33)),
        _check("composite", 1, 35, Span(0, 0, 36), Span(1, 0, 35)),
    ),
    prefix="IDFRA",
)
"""The French identity card of 1988 to 2021: surname and issuing office in the first line; number,
given names and date of birth in the second. It states neither nationality nor expiry."""

_NATIONAL = (FRENCH_CARD,)

LAYOUTS: Mapping[MrtdFormat, MrzLayout] = MappingProxyType(
    {layout.format: layout for layout in (TD1, TD2, TD3, MRVA, MRVB)}
)


def layouts_of_shape(line_count: int, line_length: int) -> tuple[MrzLayout, ...]:
    """The layouts with that many lines of that many characters, national ones last."""
    return tuple(
        layout
        for layout in (*LAYOUTS.values(), *_NATIONAL)
        if (layout.line_count, layout.line_length) == (line_count, line_length)
    )


def layout_of(mrtd_format: MrtdFormat, lines: Sequence[str]) -> MrzLayout:
    """The table for lines of a format: a national one where the first line says so."""
    for layout in _NATIONAL:
        shape = (len(lines), len(lines[0]) if lines else 0)
        if (
            layout.format is mrtd_format
            and shape == (layout.line_count, layout.line_length)
            and lines[0].startswith(layout.prefix)
        ):
            return layout
    return LAYOUTS[mrtd_format]
