"""Which value goes into which field of the card, and in what shape.

A mapping is a JSON file beside its form. Its keys are the names of the form fields in the PDF;
each tells the ``source`` (the JSON name of the value), its ``format``, who gives it, its limits.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ConfigDict, with_config

from core.errors import DocumentFillingError, SettingsError
from pipeline.card.order import AskedOf, FieldFormat
from pipeline.card.reading import read_json
from pipeline.types import Document

__all__ = [
    "CARD_FIELDS",
    "AskedOf",
    "CardMapping",
    "FieldFormat",
    "FieldRule",
    "card_fields",
    "formatted",
    "load_mapping",
]

CARD_FIELDS = (
    "hotel_name",
    "primary_identifier",
    "secondary_identifier",
    "nationality",
    "date_of_birth",
    "sex",
    "document_code",
    "document_number",
    "issuing_state",
    "date_of_expiry",
    "address",
    "email",
    "phone",
    "arrival_date",
    "departure_date",
    "room",
    "vehicle_plate",
)
"""Fields of the plain registration card, in reading order.

``optional_data`` is left out on purpose: it may hold a personal number, and a card is to hold no
more than the stay needs.
"""

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ISO_DATE = re.compile(r"(?a:(\d{4})(?:-(\d\d|XX))?(?:-(\d\d|XX))?)")
_TIME = re.compile(r"(?a:([01]\d|2[0-3]):([0-5]\d))")
_NUMBER = re.compile(r"(?a:\d{1,4})")


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one form field is filled.

    ``max_length`` counts characters as printed. ``multiline`` lets a text that is too long for
    one line at full size go on in the next, as far as the field's height allows. ``options``
    (for a choice) leads from the JSON value to what is printed.
    """

    source: str
    max_length: int
    format: FieldFormat = FieldFormat.TEXT
    multiline: bool = False
    asked_of: AskedOf = AskedOf.GUEST
    options: Mapping[str, str] = field(default_factory=dict)


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True, slots=True)
class CardMapping:
    """A whole mapping; ``fields`` is keyed by the names of the form fields in the PDF.

    ``title`` becomes the title of the filled PDF. No text is set smaller than
    ``min_font_size_pt``. ``signature`` names the field whose place a drawn signature takes.
    ``unfilled`` names fields of the form that are left alone.
    """

    title: str
    min_font_size_pt: float
    fields: Mapping[str, FieldRule]
    signature: str | None = None
    unfilled: tuple[str, ...] = ()


def load_mapping(path: Path) -> CardMapping:
    """Read a mapping file. Raises SettingsError that says what is wrong with it."""
    mapping = read_json(CardMapping, path, "the card mapping")
    for name, rule in mapping.fields.items():
        if rule.max_length < 1:
            raise SettingsError(f"the card mapping {path.name}: {name}: max_length is below 1")
        if (rule.format is FieldFormat.CHOICE) != bool(rule.options):
            raise SettingsError(
                f"the card mapping {path.name}: {name}: a choice has options, nothing else does"
            )
    if mapping.min_font_size_pt <= 0:
        raise SettingsError(f"the card mapping {path.name}: min_font_size_pt is not above 0")
    return mapping


def card_fields(
    document: Document,
    confirmed: Mapping[str, str],
    names: Collection[str] = CARD_FIELDS,
) -> dict[str, str]:
    """What the card can show of a document: values by their JSON names.

    A confirmed value wins over the one read, also when it is empty: then the field stays blank.
    Only ``names`` are kept, so a value that the card has no place for never reaches it.
    """
    read = {name: field.value for name, field in document.fields.items()}
    merged = {**read, **confirmed}
    return {name: value for name in names if (value := merged.get(name))}


def formatted(name: str, rule: FieldRule, value: str) -> str:
    """``value`` as it is printed. Raises DocumentFillingError that names the field."""
    match rule.format:
        case FieldFormat.DATE:
            return _printed_date(name, value)
        case FieldFormat.TIME if not _TIME.fullmatch(value):
            raise DocumentFillingError(f"{name} is not a time in the form HH:MM", field=name)
        case FieldFormat.NUMBER if not _NUMBER.fullmatch(value):
            raise DocumentFillingError(f"{name} is not a number from 0 to 9999", field=name)
        case FieldFormat.CHOICE if value not in rule.options:
            known = ", ".join(rule.options)
            raise DocumentFillingError(f"{name} is none of {known}", field=name)
        case FieldFormat.CHOICE:
            return rule.options[value]
    return value


def _printed_date(name: str, value: str) -> str:
    """Day, month in letters, year: no country reads the first two the other way round.

    Unknown parts are left out or written XX, as Doc 9303 Part 3, 3.8 does for dates of birth.
    """
    match = _ISO_DATE.fullmatch(value)
    if match is None:
        raise DocumentFillingError(f"{name} is not a date in the form YYYY-MM-DD", field=name)
    year, month, day = match.groups()
    known_month = month if month not in (None, "XX") else None
    known_day = day if day not in (None, "XX") else None
    try:
        datetime.date(int(year), int(known_month or 1), int(known_day or 1))
    except ValueError:
        raise DocumentFillingError(f"{name} is no day of the calendar", field=name) from None
    if known_month is None and known_day is not None:
        raise DocumentFillingError(f"{name} has a day without a month", field=name)
    printed_month = _MONTHS[int(known_month) - 1] if known_month else month
    return " ".join(part for part in (day, printed_month, year) if part)
