"""What became of a document, for those beyond the session: stored, told to other systems.

They hold guest data in memory; a listener decides by its settings what of it goes further.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.types import Document, ImageU8

Picture = ImageU8
"""H×W×3 uint8 BGR."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A document was read. ``record`` names it beyond its session, whose secret it does not hold;
    ``page`` is its picture, H×W×3 uint8 BGR; ``session`` is the label, "" for an upload."""

    record: str
    session: str
    document: Document
    page: Picture


@dataclass(frozen=True, slots=True)
class OtherSide:
    """A document that was told of has another side, of which ``page`` is the picture; what was
    read is that of the side with the zone, as told. H×W×3 uint8 BGR."""

    record: str
    session: str
    document: Document
    page: Picture


@dataclass(frozen=True, slots=True)
class BetterPage:
    """``page`` is a better picture, H×W×3 uint8 BGR, of one that was told: a still that nobody
    waited for. ``other``: that of ``OtherSide``."""

    record: str
    page: Picture
    other: bool


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A guest or clerk confirmed a document's fields, by ICAO names; ``card`` is a PDF."""

    record: str
    session: str
    document: Document
    fields: Mapping[str, str]
    edited: tuple[str, ...]
    actor: str | None
    card: bytes


Event = Captured | OtherSide | BetterPage | Confirmed
Listener = Callable[[Event], None]
"""Called on the event loop; must return at once and raise nothing."""
