"""Searches a page for its zone: both ways round, at two scales, and by what one row tells.

A page seen at an angle, or with a row lost in glare, shows only some rows of its zone as rows of
print. Where what was found fits no format well, the zone is sought again by moving one good row
up and down by the rows' distance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from pipeline.mrz.glyphs import GlyphMatcher
from pipeline.mrz.grid import STRETCHES, PlacedZone, place
from pipeline.mrz.line_net import LineNet
from pipeline.mrz.locate import WORKING_SIDE_PX, Band, TextRow, bands_of, find_rows
from pipeline.types import ImageU8

_BANDS_TRIED = 4
_ROWS_TRIED = 2
_LEAST_LIKENESS = 0.62
"""Below this the cells hold something else than OCR-B."""
_CLEAR_LIKENESS = 0.8
_WELL_SHAPED = 0.82
"""Below this the print may be flatter or taller than OCR-B."""
_BEYOND_DOUBT = 0.86
"""A zone placed less well than this may lack a row, or have one that runs askew."""
_PERHAPS = 0.5
"""Likeness from which other proportions of the print are worth trying."""
_SLANTS = ((7.0, 2 * WORKING_SIDE_PX), (18.0, WORKING_SIDE_PX))
"""Turns in degrees, each way, at which a page without a zone is searched again, and the scale."""
_STRONG_BEAT = 0.4
_USUAL_STEPS = (2.5, 1.9)
"""Distances of rows over their pitch: of passports, and of many cards."""
_OFFSETS = ((0, 1), (-1, 0), (0, 1, 2), (-1, 0, 1), (-2, -1, 0))
"""Rows of a zone, counted from the one that is known."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A zone, the view and band that it was found in, and the best zone of another band."""

    view: ImageU8
    band: Band
    zone: PlacedZone
    other: PlacedZone | None

    @property
    def zones(self) -> tuple[PlacedZone, ...]:
        """Those that hold glyphs, likeliest first."""
        both = (self.zone,) if self.other is None else (self.zone, self.other)
        return tuple(zone for zone in both if zone.likeness >= _LEAST_LIKENESS)


def _never() -> bool:
    return False


@dataclass(slots=True)
class _Tried:
    """What one scale of search has left open, and when to stop."""

    expired: Callable[[], bool]
    doubtful: list[tuple[ImageU8, Band]] = field(default_factory=list)


class ZoneFinder:
    """Finds zones; holds only constants, so threads may share it."""

    def __init__(self, matcher: GlyphMatcher, net: LineNet | None) -> None:
        """``net`` puts the cells right where the glyphs alone misplace them."""
        self._matcher = matcher
        self._net = net

    def find(self, luma: ImageU8, expired: Callable[[], bool] = _never) -> tuple[PlacedZone, ...]:
        """The likeliest zone of an H×W uint8 page, and the next likely; see ``Hunt.find``."""
        return Hunt(self, luma).find(expired)

    def by_bands(
        self, best: _Found | None, view: ImageU8, side: int, tried: _Tried
    ) -> _Found | None:
        """The best zone after the view's bands at one scale; ``tried.doubtful`` gets what may be
        part of a zone."""
        rows = find_rows(view, side)
        bands = sorted(bands_of(rows)[:_BANDS_TRIED], key=lambda band: not band.sure)
        best = self._best(best, view, bands, STRETCHES, tried.expired)
        if not _settled(best):
            tried.doubtful += [(view, band) for band in bands[:_ROWS_TRIED]]
            if not bands:
                tried.doubtful += [(view, band) for band in _alone(rows)]
        return best

    def by_rows(self, best: _Found | None, tried: _Tried) -> _Found | None:
        """The best zone after moving single rows of the likeliest bands up and down."""
        doubtful = sorted(tried.doubtful, key=lambda found: -found[1].beat)
        if best is not None and best.zone.likeness >= _LEAST_LIKENESS:
            doubtful = [(best.view, best.band)]
        for view, band in doubtful[:_ROWS_TRIED]:
            best = self._best(best, view, tuple(_by_one_row(band)), (), tried.expired)
            if tried.expired() or _settled(best):
                break
        return best

    def _best(
        self,
        best: _Found | None,
        view: ImageU8,
        bands: Sequence[Band],
        stretches: Sequence[float],
        expired: Callable[[], bool],
    ) -> _Found | None:
        for rank, band in enumerate(bands):
            clear = best is not None and best.zone.likeness >= _CLEAR_LIKENESS
            if clear and not band.sure:
                continue
            found = [self._placed(view, band, 1.0)]
            likeness = found[0].likeness if found[0] else 0.0
            if likeness < _WELL_SHAPED and (rank == 0 or likeness > _PERHAPS):
                found += [self._placed(view, band, stretch) for stretch in stretches]
            for zone in found:
                if zone is not None:
                    best = _ranked(best, view, band, zone)
            if expired():
                break
        return best

    def _placed(self, view: ImageU8, band: Band, stretch: float) -> PlacedZone | None:
        zone = place(view, band, self._matcher, stretch)
        if zone is None or zone.likeness < _LEAST_LIKENESS:
            return zone
        return self._followed(zone)

    def _followed(self, zone: PlacedZone) -> PlacedZone:
        """The zone with its cells where the network sees characters."""
        if self._net is None:
            return zone
        followed = [self._net.follow(strip) for strip in zone.strips]
        strips, scores = (tuple(column) for column in zip(*followed, strict=True))
        matches = tuple(
            seen if new is old else self._matcher.match(new, seen.cut)
            for new, old, seen in zip(strips, zone.strips, zone.matches, strict=True)
        )
        return PlacedZone(strips, matches, scores)


class Hunt:
    """The search of one page, H×W uint8, which goes on where it stopped. One thread at a time."""

    def __init__(self, finder: ZoneFinder, luma: ImageU8) -> None:
        self._finder = finder
        self._luma = luma
        self._fresh = _views(luma) if min(luma.shape) >= 2 else iter(())
        self._views: list[ImageU8] = []
        self._tried = _Tried(_never)
        self._best: _Found | None = None

    @property
    def settled(self) -> bool:
        """Whether a zone is placed so well that nothing further would be tried."""
        return _settled(self._best)

    def look(self) -> tuple[PlacedZone, ...]:
        """One cheap look more, at the page as it lies, then on its side: dark print in plain rows.

        Returns what all looks have shown so far, as ``find``.
        """
        view = next(self._fresh, None)
        if view is not None and not self.settled:
            self._views.append(view)
            self._best = self._finder.by_bands(self._best, view, WORKING_SIDE_PX, self._tried)
        return self._zones()

    def find(self, expired: Callable[[], bool] = _never) -> tuple[PlacedZone, ...]:
        """The likeliest zone, at any turn, and the next likely; or none.

        Light print on dark ground is sought where dark print shows no clear zone.

        ``expired`` is asked after every band and view; once it says so, nothing further is tried
        and the best zone so far is returned.
        """
        self._tried.expired = expired
        if self.settled or min(self._luma.shape) < 2:
            return self._zones()
        for view in self._fresh:
            self._views.append(view)
            self._best = self._finder.by_bands(self._best, view, WORKING_SIDE_PX, self._tried)
            if self.settled or expired():
                return self._zones()
        self._best = self._finder.by_rows(self._best, self._tried)
        if not self._clear and not expired():
            self._at(self._views, 2 * WORKING_SIDE_PX, expired)
        if not self._clear and not expired():
            negative = np.asarray(cv2.bitwise_not(self._luma), np.uint8)
            self._at(_views(negative), WORKING_SIDE_PX, expired)
        for turn, side in _SLANTS:
            if self._best is None and not expired():
                self._at(_slanted(self._luma, turn), side, expired)
        return self._zones()

    def _at(self, views: Iterable[ImageU8], side: int, expired: Callable[[], bool]) -> None:
        """The best zone in the views, at one scale of search."""
        tried = _Tried(expired)
        for view in views:
            self._best = self._finder.by_bands(self._best, view, side, tried)
            if self.settled or expired():
                return
        self._best = self._finder.by_rows(self._best, tried)

    @property
    def _clear(self) -> bool:
        return self._best is not None and self._best.zone.likeness >= _CLEAR_LIKENESS

    def _zones(self) -> tuple[PlacedZone, ...]:
        return () if self._best is None else self._best.zones


def _settled(best: _Found | None) -> bool:
    return best is not None and best.zone.likeness >= _BEYOND_DOUBT


def _ranked(best: _Found | None, view: ImageU8, band: Band, zone: PlacedZone) -> _Found:
    """The best two zones of different bands, after one more."""
    if best is None:
        return _Found(view, band, zone, None)
    same = best.view is view and best.band is band
    if zone.likeness > best.zone.likeness:
        return _Found(view, band, zone, best.other if same else best.zone)
    if not same and (best.other is None or zone.likeness > best.other.likeness):
        return replace(best, other=zone)
    return best


def _views(luma: ImageU8) -> Iterator[ImageU8]:
    """The page as it is and on its side; what is upside down is told later."""
    yield luma
    yield np.asarray(cv2.rotate(luma, cv2.ROTATE_90_CLOCKWISE), np.uint8)


def _slanted(luma: ImageU8, slant_deg: float) -> Iterator[ImageU8]:
    """The page turned by more than rows may be tilted."""
    for view in _views(luma):
        height, width = view.shape
        for turn in (-slant_deg, slant_deg):
            matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0)
            slanted = cv2.warpAffine(view, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
            yield np.asarray(slanted, np.uint8)


def _alone(rows: Sequence[TextRow]) -> Iterator[Band]:
    """Bands whose second row is only supposed: long rows without another beside them."""
    for row in rows[:_ROWS_TRIED]:
        if row.beat < _STRONG_BEAT:
            continue
        down = np.array([-row.direction[1], row.direction[0]])
        for step in _USUAL_STEPS:
            yield Band((row, _moved(row, down * step * row.pitch_px)))


def _by_one_row(band: Band) -> Iterator[Band]:
    """The bands that each row of ``band`` would belong to, were the others not known."""
    for row in (band.rows[0], band.rows[-1]):
        along = np.asarray(row.direction)
        down = np.array([-along[1], along[0]])
        ends = np.subtract(band.rows[-1].centre_px, band.rows[0].centre_px)
        step = float(ends @ down) / (len(band.rows) - 1)
        for offsets in _OFFSETS:
            yield Band(tuple(_moved(row, down * step * offset) for offset in offsets))


def _moved(row: TextRow, shift: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> TextRow:
    x, y = np.add(row.centre_px, shift)
    return replace(row, centre_px=(float(x), float(y)))
