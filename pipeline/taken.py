"""The picture that is being read: whose it is, and which side of a document it seems to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.sides import OTHER, Sides, is_card, side_shown
from pipeline.types import Document, Shot, Side


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture that is being read.

    id: of the document. card: whether it shows a card of two sides. side: the one that it seems to
    show. next_side: the one that will be asked for. known: what was read for certain already.
    """

    id: str
    card: bool
    side: Side
    next_side: Side | None
    known: Document | None = None


def taken(
    best: Shot | None,
    sides: Sides,
    zone_seen: bool | None,
    new_id: Callable[[], str],
    known: Document | None,
) -> Taken:
    """What the ``best`` frame of a picture shows; ``zone_seen``: what the frames before say, None
    where they say nothing."""
    card = zone_there = False
    if best is not None and best.detection is not None:
        card = is_card(best.detection, best.frame.width_px, best.frame.height_px)
        zone_there = best.detection.mrz_quad_px is not None
    side = side_shown(card, zone_there if zone_seen is None else zone_seen)
    asks = sides.wanted == 2 and card and sides.pending is None
    # The other side of a document goes by the same id.
    capture_id = sides.pending.id if sides.pending else new_id()
    return Taken(
        capture_id,
        card,
        side,
        OTHER[side] if asks else None,
        replace(known, id=capture_id, quality=best.quality) if known and best else None,
    )
