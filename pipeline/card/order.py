"""What may be asked of a card: its fields for whoever fills them, and how it shall come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class FieldFormat(StrEnum):
    """The shape of a value.

    text: as it is. date: ISO 8601 in, ``12 AUG 1974`` out (Doc 9303 Part 3, 3.8). time: HH:MM.
    number: 0 to 9999. choice: one of the field's options.
    """

    TEXT = "text"
    DATE = "date"
    TIME = "time"
    NUMBER = "number"
    CHOICE = "choice"


class AskedOf(StrEnum):
    """Who gives a value: the document's zone, the guest, or the hotel's settings."""

    DOCUMENT = "document"
    GUEST = "guest"
    HOTEL = "hotel"


class Variant(StrEnum):
    """flat: a plain page. print: the same, with a mark where to sign. editable: still a form."""

    FLAT = "flat"
    PRINT = "print"
    EDITABLE = "editable"


Stroke = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """A drawn signature: a PNG file, or strokes.

    Points of strokes are ratios 0 to 1 of the pad they were drawn on (origin top-left, y down),
    ``aspect`` its width over its height.
    """

    png: bytes | None = None
    strokes: tuple[Stroke, ...] = ()
    aspect: float = 3.0


@dataclass(frozen=True, slots=True)
class CardOrder:
    """Which card, and how: ``card`` names a folder under templates/, None the server's own.

    ``archival`` asks for PDF/A-2b (ISO 19005-2).
    """

    card: str | None = None
    variant: Variant = Variant.FLAT
    signature: Signature | None = None
    archival: bool = False


@dataclass(frozen=True, slots=True)
class CardField:
    """One value that a card has a place for, under its JSON name.

    ``labels`` is keyed by language (BCP 47); ``options`` of a choice leads to what is printed.
    """

    name: str
    format: FieldFormat
    asked_of: AskedOf
    required: bool
    max_length: int
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CardForm:
    """What a card asks for; ``forbidden`` names what it refuses to hold."""

    name: str
    title: str
    fields: tuple[CardField, ...]
    forbidden: tuple[str, ...]
    law: str
    counsel: str
    signature: bool = False
    """Whether it has a place for a drawn signature."""
