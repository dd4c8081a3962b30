"""Reads the zone from the pages of one capture: locate, recognise, fuse, decode.

The glyph matcher reads every page; Tesseract is asked where the matcher is unsure. A recogniser
of another kind takes either place, behind ``LineRecogniser``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from core.errors import ModelNotFound, MrzNotFound
from core.log import Log
from core.settings import MrzSettings
from pipeline.mrz.decode import Decoded, decode, starts_well
from pipeline.mrz.fuse import TEMPERATURE, ZoneScores, doubted, fuse, same_zone, together
from pipeline.mrz.glyphs import GlyphMatcher
from pipeline.mrz.grid import PlacedZone
from pipeline.mrz.line_net import LineNet
from pipeline.mrz.parse import assemble
from pipeline.mrz.recognize import LineRecogniser
from pipeline.mrz.search import Hunt, ZoneFinder
from pipeline.mrz.strips import faded, wiped_out
from pipeline.mrz.tesseract import TesseractReader
from pipeline.types import ImageU8, MrzRead

_log = Log("mrz")
_MODELS = Path(__file__).resolve().parents[2] / "models"
_SURE = 0.95
"""Confidence of the weakest character at which no further page is read."""
_CLEAR = 0.995
"""Confidence of the print of the weakest character from which no other opinion of it is asked:
one at ``_SECOND_WEIGHT`` could not change the text. What the text says may still be in doubt."""
_SECOND_WEIGHT = 0.3
_NET_TOLERANCE = 0.3
_MOST_MISFITS = 0.12
_FEW_CHECKS, _MANY_CHECKS = 1, 3
_LEGIBLE = 0.7
"""Mean confidence below which print is none of OCR-B: bars of a barcode reach .6, and in two rows
of them a check digit passes by chance; the worst zones that say anything have about .8."""


@dataclass(frozen=True, slots=True)
class _Reading:
    zone: PlacedZone
    scores: ZoneScores


class MrzReader:
    """Reads zones; made once and used from one thread or several."""

    def __init__(
        self,
        settings: MrzSettings,
        models: Path = _MODELS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``models``: the folder of the models. ``clock`` counts seconds.

        Raises ModelNotFound where the glyphs or Tesseract's language data are missing.
        """
        self._matcher = GlyphMatcher(models)
        self._net = _load_net(models)
        self._finder = ZoneFinder(self._matcher, self._net)
        self._second: LineRecogniser = TesseractReader.load(settings, models)
        self.default_deadline_ms = settings.deadline_ms
        self.clock = clock

    def hunt(self, pages: Sequence[ImageU8]) -> ZoneHunt:
        """A search for the zone on ``pages``, as ``read`` takes them, to be done step by step."""
        return ZoneHunt(self, pages)

    def read(self, pages: Sequence[ImageU8], deadline_ms: float | None = None) -> MrzRead:
        """The zone on ``pages``: views of one document, best first.

        Each page is H×W×3 uint8 BGR or H×W uint8, at any of the four turns. Reading stops as
        soon as every check digit passes and no character is in doubt, or after
        ``deadline_ms`` (by default the setting's), with the best reading so far: a step under
        way is ended first, the longest takes about 50 ms. A zone with faults is returned as
        printed. Raises MrzNotFound when no page shows a zone.
        """
        return self.hunt(pages).read(deadline_ms)

    def hunt_on(self, page: ImageU8) -> Hunt:
        """The search of one page, H×W×3 uint8 BGR or H×W uint8."""
        return Hunt(self._finder, _luma(page))

    def first_opinion(self, zone: PlacedZone) -> ZoneScores:
        """What glyphs and network say of each line; little of what is not seen whole."""
        return _of_whole_print(zone, self._of_print(zone))

    def _of_print(self, zone: PlacedZone) -> ZoneScores:
        by_glyphs = tuple(self._matcher.judged(match) for match in zone.matches)
        if self._net is None:
            return by_glyphs
        known = zone.scores or (None,) * len(zone.strips)
        by_net = tuple(
            self._net.scores(strip) if scores is None else scores
            for strip, scores in zip(zone.strips, known, strict=True)
        )
        return together(by_net, by_glyphs)

    def second_opinion(self, zone: PlacedZone) -> ZoneScores:
        """What Tesseract says of each line."""
        return _of_whole_print(zone, tuple(self._second.scores(strip) for strip in zone.strips))

    def decoded(self, group: Sequence[_Reading], opinion: ZoneScores | None) -> Decoded | None:
        """The group's fused reading, with a further recogniser's opinion if there is one."""
        scores = fuse([r.scores for r in group], [r.zone.likeness**4 for r in group])
        if opinion is not None:
            scores = fuse([scores, opinion], [1.0, _SECOND_WEIGHT])
        if self._net is None:
            return decode(scores)
        return decode(scores, _NET_TOLERANCE, TEMPERATURE)


class ZoneHunt:
    """A search for the zone on views of one document, best first: at a glance, then thoroughly.

    What was found is kept from one step to the next. One thread at a time.
    """

    def __init__(self, reader: MrzReader, pages: Sequence[ImageU8]) -> None:
        """``pages``: as ``MrzReader.read`` takes them."""
        self._reader = reader
        self._pages = [reader.hunt_on(page) for page in pages]
        self._known: list[_Reading] = []
        self._spent_s = 0.0

    def look(self) -> MrzRead | None:
        """The zone, if one cheap look more at the first page shows it clearly; else None.

        The first look is at the page as it lies, the second at its sides; others add nothing.
        """
        began = self._reader.clock()
        read = None
        if self._pages:
            page = self._pages[0]
            reading = self._likeliest(page.look())
            decoded = None if reading is None else self._reader.decoded([reading], None)
            if decoded is not None and _is_zone(decoded):
                clear = page.settled and decoded.legible >= _CLEAR
                read = _told(decoded, 1) if clear or _is_sure(decoded) else None
        self._spent_s += self._reader.clock() - began
        return read

    def read(self, deadline_ms: float | None = None) -> MrzRead:
        """The zone; see ``MrzReader.read``. Time spent on looks counts."""
        reader = self._reader
        limit = reader.default_deadline_ms if deadline_ms is None else deadline_ms
        end = reader.clock() + limit / 1000 - self._spent_s

        def expired() -> bool:
            return reader.clock() >= end

        readings: list[_Reading] = []
        decoded: Decoded | None = None
        for page in self._pages:
            reading = self._likeliest(page.find(expired))
            if reading is not None:
                readings.append(reading)
                decoded = reader.decoded(_agreeing(readings), None)
                if decoded is not None and _is_sure(decoded):
                    break
            if expired():
                break
        if decoded is None:
            raise MrzNotFound("No machine-readable zone was found on the document.")
        group = _agreeing(readings)
        if not _is_sure(decoded) and decoded.legible < _CLEAR and not expired():
            decoded = reader.decoded(group, reader.second_opinion(group[0].zone)) or decoded
        if not _is_zone(decoded):
            raise MrzNotFound("The print on the document is no machine-readable zone.")
        return _told(decoded, len(group))

    def _likeliest(self, zones: Sequence[PlacedZone]) -> _Reading | None:
        """The first that reads as a zone: other print in OCR-B may look more like one."""
        first: _Reading | None = None
        for zone in zones:
            reading = self._reading(zone)
            first = first or reading
            decoded = self._reader.decoded([reading], None) if len(zones) > 1 else None
            if decoded is not None and _is_zone(decoded):
                return reading
        return first

    def _reading(self, zone: PlacedZone) -> _Reading:
        for known in self._known:
            if known.zone is zone:
                return known
        self._known.append(_Reading(zone, self._reader.first_opinion(zone)))
        return self._known[-1]


def _of_whole_print(zone: PlacedZone, scores: ZoneScores) -> ZoneScores:
    """``scores`` with little said of what a reflection or anything else has spoilt."""
    return tuple(
        doubted(row, wiped_out(strip) | faded(strip) | match.marred)
        for row, strip, match in zip(scores, zone.strips, zone.matches, strict=True)
    )


def _told(decoded: Decoded, fused: int) -> MrzRead:
    return assemble(decoded.layout, decoded.lines, decoded.confidences, decoded.corrections, fused)


def _load_net(models: Path) -> LineNet | None:
    try:
        return LineNet.load(models)
    except ModelNotFound as error:
        _log.warning("zones are read without the line network", reason=str(error))
        return None


def _luma(page: ImageU8) -> ImageU8:
    if page.ndim == 2 or not page.size:
        return page[..., 0] if page.ndim == 3 else page
    return np.asarray(cv2.cvtColor(page, cv2.COLOR_BGR2GRAY), np.uint8)


def _agreeing(readings: Sequence[_Reading]) -> list[_Reading]:
    """The largest group of readings of one text, the most legible first."""
    groups = [
        [other for other in readings if same_zone(reading.scores, other.scores)]
        for reading in readings
    ]
    largest = max(groups, key=lambda group: (len(group), sum(r.zone.likeness for r in group)))
    return sorted(largest, key=lambda reading: -reading.zone.likeness)


def _is_sure(decoded: Decoded) -> bool:
    weakest = min(min(row) for row in decoded.confidences)
    return decoded.complete and weakest >= _SURE


def _is_zone(decoded: Decoded) -> bool:
    """Whether the lines are a zone at all, however faulty: no other print in two lines."""
    if decoded.empty:
        return False
    if decoded.passing >= _MANY_CHECKS:
        return True
    every = [share for row in decoded.confidences for share in row]
    if sum(every) < _LEGIBLE * len(every):
        return False
    plausible = decoded.misfits <= _MOST_MISFITS and decoded.passing >= _FEW_CHECKS
    return starts_well(decoded) and (plausible or decoded.misfits == 0)
