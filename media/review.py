"""What a session keeps of its documents: as read, as confirmed, and the card; in memory only."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.errors import InvalidMessage, NotFound
from media.events import Confirmed
from media.messages import Confirm
from pipeline.types import Document, DocumentStatus, Field, FieldStatus

MAX_DOCUMENTS = 20
PORTRAIT, PAGE, OTHER_PAGE = "portrait", "page", "other_page"
"""Pictures of a document, as a ``result`` names them. ``page`` is of the side that was read."""
_WITHOUT = {
    PORTRAIT: "there is no portrait: the setting pipeline.visual.portrait is off, its page was not "
    "found, or is still looked for",
    PAGE: "there is no picture of the page: the setting pipeline.visual.page is off, or it is "
    "still made",
    OTHER_PAGE: "there is no picture of another side: the setting pipeline.visual.page is off, the "
    "side was not shown, or its picture is still made",
}


def new_record() -> str:
    return secrets.token_hex(16)


@dataclass(slots=True)
class Review:
    """One document on its way to a card; the original stays beside the edits."""

    document: Document
    confirmed: dict[str, str] = field(default_factory=dict)
    edited: list[str] = field(default_factory=list)
    actor: str | None = None
    accepted: Confirm | None = None
    """The message with which it was confirmed."""
    entry: str | None = None
    """The client's own word for data entered by hand."""
    card: bytes | None = None
    images: dict[str, bytes] = field(default_factory=dict)
    """JPEG files by their names in a ``result``, where the settings ask for them."""
    record: str = field(default_factory=new_record)
    """Names it beyond the session, see `media.events`."""

    def confirm(self, fields: Mapping[str, str], actor: str | None, card: bytes) -> None:
        """Keep what was accepted, and the card filled with it."""
        self.confirmed, self.actor, self.card = dict(fields), actor, card
        self.edited = edited_fields(self.document, fields)

    def filled_card(self) -> bytes:
        """The card, PDF. Raises NotFound before the document was confirmed."""
        if self.card is None:
            raise NotFound("there is no card before the document is confirmed")
        return self.card

    def image(self, name: str) -> bytes:
        """A picture of the document, JPEG. Raises NotFound without one, saying why."""
        if name not in self.images:
            raise NotFound(_WITHOUT[name])
        return self.images[name]

    def as_confirmed(self, session: str) -> Confirmed:
        """What listeners are told; ``session`` is the label."""
        assert self.card is not None
        return Confirmed(
            record=self.record,
            session=session,
            document=self.document,
            fields=self.confirmed,
            edited=tuple(self.edited),
            actor=self.actor,
            card=self.card,
        )


class Reviews:
    """The documents of one session, oldest forgotten first beyond MAX_DOCUMENTS."""

    def __init__(self) -> None:
        self._by_id: dict[str, Review] = {}
        self._by_hand = 0

    def add(self, document: Document) -> Review:
        """Keep a document; one that is known gained its other side, and keeps its card."""
        known = self._by_id.get(document.id)
        if known is not None:
            known.document, known.accepted = document, None
            return known
        review = Review(document)
        self._by_id[document.id] = review
        while len(self._by_id) > MAX_DOCUMENTS:
            del self._by_id[next(iter(self._by_id))]
        return review

    def find(self, document_id: str) -> Review | None:
        """The review of a document; None once it was forgotten."""
        return self._by_id.get(document_id)

    def get(self, document_id: str | None, entry: str | None = None) -> Review:
        """The review of a document; None begins one for data entered by hand, unless those of the
        same ``entry`` are here already.

        Raises NotFound for an id that this session does not have.
        """
        if document_id is None:
            again = [each for each in self._by_id.values() if entry and each.entry == entry]
            return again[0] if again else self._by_hand_anew(entry)
        try:
            return self._by_id[document_id]
        except KeyError:
            raise NotFound("this session has no such document") from None

    def _by_hand_anew(self, entry: str | None) -> Review:
        self._by_hand += 1
        document = Document(id=f"h{self._by_hand}", status=DocumentStatus.FAILED, mrz=None)
        review = self.add(document)
        review.entry = entry
        return review

    def all(self) -> list[Review]:
        return list(self._by_id.values())

    def clear(self) -> None:
        self._by_id.clear()


def edited_fields(document: Document, confirmed: Mapping[str, str]) -> list[str]:
    """Names of read fields whose confirmed value differs from what was read.

    A name as the data page spells it, where that agrees with the zone, was read as well.
    """
    return sorted(
        name
        for name, value in confirmed.items()
        if name in document.fields and value not in _as_read(document.fields[name])
    )


def _as_read(field: Field) -> set[str]:
    agrees = field.status is FieldStatus.CORROBORATED and field.printed
    return {field.value or "", field.printed} if agrees and field.printed else {field.value or ""}


def clean_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Fields without surrounding space; empty ones stay, as a guest may have emptied them.

    Raises InvalidMessage for a name that is no snake_case word.
    """
    for name in fields:
        if not (name.isascii() and name.replace("_", "").isalnum() and name == name.lower()):
            raise InvalidMessage("a field's name must be a snake_case word", "fields")
    return {name: value.strip() for name, value in fields.items()}
