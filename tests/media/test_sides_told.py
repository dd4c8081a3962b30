"""A card's sides on the wire, and what becomes of a document that gains its other side."""

from __future__ import annotations

import pytest

from media import reports
from media.messages import CaptureMessage
from media.review import Reviews
from pipeline.types import Capture, Document, DocumentStatus, Exposure, Side, Trigger
from tests.fakes import QUALITY


def undeveloped() -> Capture:
    raise AssertionError("telling of a picture needs none")


@pytest.mark.parametrize(
    ("side", "next_side", "told"),
    [
        (Side.FRONT, Side.BACK, ("front", "back", "back")),
        (Side.BACK, Side.FRONT, ("back", "front", None)),
        (Side.BACK, None, ("back", None, None)),
    ],
)
def test_the_capture_tells_its_side_and_the_next(
    side: Side, next_side: Side | None, told: tuple[str, str | None, str | None]
) -> None:
    taken = Exposure("d1", QUALITY, Trigger.AUTO, 3, undeveloped, side, next_side)
    message = reports.capture(None, taken)
    assert isinstance(message, CaptureMessage)
    assert (message.side, message.next_side, message.next) == told


def test_a_document_that_gains_its_other_side_keeps_its_card() -> None:
    reviews = Reviews()
    one = reviews.add(Document("d1", DocumentStatus.COMPLETE, None, sides=(Side.BACK,)))
    one.card, one.confirmed = b"%PDF", {"surname": "ERIKSSON"}
    both = Document("d1", DocumentStatus.COMPLETE, None, sides=(Side.BACK, Side.FRONT))
    assert reviews.add(both) is one
    assert (one.document, one.card) == (both, b"%PDF")
    assert len(reviews.all()) == 1
