"""Cards with two sides: which one was shown, what to ask for next, and both as one document.

A card of the size of TD1 carries its zone on the back (Doc 9303 Part 5, section 3); every other
format has zone and data on one page, and is complete with it. Pure: ``judge`` takes what has been
so far and a reading, and says what follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.geometry import aspect_ratio, landscape
from pipeline.types import (
    Detection,
    Document,
    DocumentStatus,
    GuidanceCode,
    MrtdFormat,
    Side,
)

OTHER = {Side.FRONT: Side.BACK, Side.BACK: Side.FRONT}

_SURE_FRAMES = 4
"""Frames that must agree before the zone counts as seen or missing: the network errs on some."""
_CARD_ASPECT = (1.5, 1.8)
"""Width to height of what is a card rather than a page: TD1 has 1.586, pages have 1.42 and less.
Visas, with 1.5, are part of a page."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Where a document with two sides stands.

    wanted: sides of a card to be taken. pending: the document whose other side is awaited, with
    the side that was taken. wrong: a picture of a card showed no zone, and the zone is needed.
    """

    wanted: int = 1
    pending: Document | None = None
    taken: Side | None = None
    wrong: bool = False

    @property
    def asked(self) -> Side:
        """The side to be shown next; the front where either will do."""
        if self.taken is not None:
            return OTHER[self.taken]
        return Side.BACK if self.wrong else Side.FRONT


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a reading.

    sides: the state from now on. show: the document as far as it is known, None where there is
    nothing to show. advice: what to ask the guest for, None where the reading speaks for itself.
    ends: whether the picture served, so that it is not to be tried again. kept: whether it is the
    one with which its other side is awaited.
    """

    sides: Sides
    show: Document | None
    advice: GuidanceCode | None = None
    ends: bool = True
    kept: bool = False


class ZoneWatch:
    """Whether the zone is in view, as the last few frames agree. One thread at a time."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._run = 0
        self._last: bool | None = None
        self.seen: bool | None = None
        """None while that is not known."""

    def update(self, detection: Detection | None) -> bool | None:
        """Take in one frame; without a document nothing is known any more."""
        if detection is None:
            self.reset()
            return None
        now = detection.mrz_quad_px is not None
        self._run = self._run + 1 if now is self._last else 1
        self._last = now
        if self._run >= _SURE_FRAMES:
            self.seen = now
        return self.seen


class SidePatience:
    """For how long a wrong side is told: when the guest has had time to turn it, the reading
    judges, since the network may err. One thread at a time."""

    def __init__(self, turn_ms: float) -> None:
        self._turn_ms = turn_ms
        self.reset()

    def reset(self) -> None:
        self._since_ms: float | None = None

    def told(self, fault: GuidanceCode | None, now_ms: float) -> GuidanceCode | None:
        """The fault of one frame, or None where it has stood for too long."""
        if fault is None:
            self._since_ms = None
            return None
        if self._since_ms is None:
            self._since_ms = now_ms
        return None if now_ms - self._since_ms >= self._turn_ms else fault


def is_card(detection: Detection, width_px: int, height_px: int) -> bool:
    """Whether the document is of the size of TD1, which has its zone on the back."""
    if detection.mrtd_format is not None:
        return detection.mrtd_format is MrtdFormat.TD1
    low, high = _CARD_ASPECT
    aspect = aspect_ratio(landscape(detection.quad_px), width_px, height_px)
    return low < aspect < high


def side_shown(card: bool, zone_seen: bool | None) -> Side:
    """The side in view: a card's zone is on the back, everybody else's page is the front."""
    return Side.BACK if card and zone_seen else Side.FRONT


def fault_of(sides: Sides, card: bool, zone_seen: bool | None) -> GuidanceCode | None:
    """What is wrong with the side in view, None while that is not known."""
    if not card or zone_seen is None or _barcode_pending(sides):
        return None
    if sides.pending is not None and sides.taken is side_shown(card, zone_seen):
        return GuidanceCode.SAME_SIDE_AGAIN
    return GuidanceCode.WRONG_SIDE if sides.wrong and not zone_seen else None


def has_turned(sides: Sides, card: bool, zone_seen: bool | None) -> bool:
    """Whether the awaited side is in view, though the document never left it."""
    waits = sides.pending is not None and card and zone_seen is not None
    waits = waits and not _barcode_pending(sides)
    return waits and sides.taken is not side_shown(card, zone_seen)


def _barcode_pending(sides: Sides) -> bool:
    """Whether a licence's other side is awaited: the network knows zones, not barcodes, so that
    both of its sides look alike to it, and only taking it away tells that it was turned."""
    return sides.pending is not None and sides.pending.barcode is not None


def judge(sides: Sides, document: Document, card: bool, new_id: Callable[[], str]) -> Verdict:
    """What a reading of a document (a ``card`` by its shape, when no zone was read) means.

    The document's id is that of the pending one while its other side was awaited; a document that
    turns out to be another gets an id from ``new_id``.
    """
    side = _side_of(document, card)
    fresh = Sides(sides.wanted)
    pending = sides.pending
    if pending is None:
        return _first(fresh, document, side)
    if side is None or _differ(pending, document):
        return _first(fresh, replace(document, id=new_id()), side)
    if side is sides.taken:
        better = document if document.status is DocumentStatus.COMPLETE else pending
        again = replace(sides, pending=replace(better, sides=(side,)))
        kept = better is document
        return Verdict(again, None, GuidanceCode.SAME_SIDE_AGAIN, kept=kept)
    return Verdict(fresh, joined(pending, document, side))


def joined(first: Document, second: Document, side: Side) -> Document:
    """Both sides as one document: what was read is that of the side with the zone."""
    read = first if first.was_read else second
    return replace(read, id=first.id, sides=(*first.sides, side))


def _first(sides: Sides, document: Document, side: Side | None) -> Verdict:
    """The first side of a document. ``side`` is None for a page that has no other."""
    read = document.status is not DocumentStatus.FAILED
    if side is None:
        return Verdict(sides, document, ends=read)
    document = replace(document, sides=(side,))
    if sides.wanted == 2:
        pending = replace(sides, pending=document, taken=side)
        shown = document if read else None
        return Verdict(pending, shown, GuidanceCode.TURN_OVER, kept=True)
    if read:
        return Verdict(sides, document)
    return Verdict(replace(sides, wrong=True), document, GuidanceCode.WRONG_SIDE, ends=False)


def _side_of(document: Document, card: bool) -> Side | None:
    """The side that a reading shows; None for a document with one page."""
    if document.mrz is not None:
        return Side.BACK if document.mrz.format is MrtdFormat.TD1 else None
    if document.barcode is not None:
        return Side.BACK
    return Side.FRONT if card and document.status is DocumentStatus.FAILED else None


def _differ(pending: Document, document: Document) -> bool:
    """Whether two sides were read that are not of one document."""
    if not (pending.was_read and document.was_read):
        return False
    number = "document_number"
    both = [one.fields[number].raw if number in one.fields else None for one in (pending, document)]
    return pending.format != document.format or both[0] != both[1]
