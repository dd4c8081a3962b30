"""Composes the lines of a machine-readable zone from fields, with every check digit right.

The layouts are the reader's own tables, so a composed zone is exact to the character.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.mrz.check_digits import FILLER, check_digit
from pipeline.mrz.formats import LAYOUTS, MrzLayout, Span
from pipeline.mrz.transliterate import to_mrz
from pipeline.types import MrtdFormat


@dataclass(frozen=True, slots=True)
class SpecimenFields:
    """What a document says. Dates are YYMMDD as in the zone; unknown parts are fillers.

    Names are in capitals; ``secondary_identifier`` may be empty. ``sex`` is F, M, X or "<".
    """

    document_code: str = "P"
    issuing_state: str = "UTO"
    primary_identifier: str = "ERIKSSON"
    secondary_identifier: str = "ANNA MARIA"
    document_number: str = "L898902C3"
    nationality: str = "UTO"
    date_of_birth: str = "740812"
    sex: str = "F"
    date_of_expiry: str = "120415"
    optional_data: str = "ZE184226B"
    optional_data_2: str = ""


_CARD = SpecimenFields(document_code="I", document_number="D23145890", optional_data="")
_VISA = SpecimenFields(
    document_code="V",
    document_number="L8988901C",
    nationality="XXX",
    date_of_birth="400907",
    date_of_expiry="961210",
)

DEFAULT_FIELDS = {
    MrtdFormat.TD3: SpecimenFields(),
    MrtdFormat.TD2: _CARD,
    MrtdFormat.TD1: replace(_CARD, document_number="D23145890"),
    MrtdFormat.MRVA: _VISA,
    MrtdFormat.MRVB: replace(_VISA, optional_data=""),
}
"""Close to the examples of Doc 9303 Parts 4 to 7 (state of Utopia)."""


def mrz_name(fields: SpecimenFields, length: int) -> str:
    """Primary and secondary identifier as in the zone (Part 3, section 4.6), cut to ``length``.

    Apostrophes and full stops are left out, hyphens and spaces become one filler, national
    letters are transliterated (section 6).
    """
    primary = to_mrz(fields.primary_identifier)
    secondary = to_mrz(fields.secondary_identifier)
    joined = f"{primary}<<{secondary}" if secondary else primary
    return joined[:length].ljust(length, FILLER)


def compose_lines(mrtd_format: MrtdFormat, fields: SpecimenFields) -> tuple[str, ...]:
    """The zone's lines for ``fields``; a document number over nine characters overflows into
    the optional data of TD1 and TD2 (Part 5, section 4.2.2, note j).

    Raises ValueError where a field is too long for its place.
    """
    layout = LAYOUTS[mrtd_format]
    grid = [[FILLER] * layout.line_length for _ in range(layout.line_count)]
    values = _zone_values(layout, fields)
    for zone in layout.zones:
        _put(grid, zone.span, values[zone.name], zone.name)
    long_number = len(fields.document_number) > 9
    for check in layout.check_digits:
        lines = ["".join(row) for row in grid]
        if check.name == "document_number" and long_number:
            continue
        _put(grid, check.digit, check_digit(check.data_of(lines)), check.name)
    return tuple("".join(row) for row in grid)


def _zone_values(layout: MrzLayout, fields: SpecimenFields) -> dict[str, str]:
    name = layout.zone("name").span
    number, optional = fields.document_number, fields.optional_data
    if len(number) > 9 and layout.overflow is not None:
        rest = number[9:]
        optional = f"{rest}{check_digit(number)}<{optional}".rstrip(FILLER)
        number = number[:9]
    return {
        "document_code": fields.document_code,
        "issuing_state": fields.issuing_state,
        "name": mrz_name(fields, name.stop - name.start),
        "document_number": number,
        "nationality": fields.nationality,
        "date_of_birth": fields.date_of_birth,
        "sex": fields.sex,
        "date_of_expiry": fields.date_of_expiry,
        "optional_data": optional,
        "optional_data_2": fields.optional_data_2,
    }


def _put(grid: list[list[str]], span: Span, value: str, name: str) -> None:
    if len(value) > span.stop - span.start:
        raise ValueError(f"{name} is longer than the {span.stop - span.start} characters it has")
    for offset, character in enumerate(value):
        grid[span.line][span.start + offset] = character
