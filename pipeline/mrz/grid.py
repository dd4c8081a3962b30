"""Lays the grid of character cells over a band of rows.

All lines of a zone share their pitch, their left edge and their number of characters, and every
cell of the grid holds a glyph, fillers included, while none stands just outside. That decides
the line length (30, 36 or 44), where lines begin, and which way up the page is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.mrz.formats import LAYOUTS
from pipeline.mrz.glyphs import CellMatch, GlyphMatcher
from pipeline.mrz.locate import Band, median_direction
from pipeline.mrz.recognize import CharacterScores
from pipeline.mrz.strips import (
    STRIP_HEIGHT_PX,
    STRIP_PITCH_PX,
    Ink,
    LineStrip,
    cut,
    flipped,
    follow,
    ink_of,
    level,
    product,
    without_glare,
)
from pipeline.types import ImageU8

Floats = NDArray[np.float32]

_LIKE_A_GLYPH = 0.6
"""Correlation between what blank or foreign cells reach and what blurred glyphs reach."""
_SURE = 0.7
_SPARE_CELLS = 20
_SPARE_PX = 16
"""Cut above and below a strip, for rows whose box is askew or has caught other print."""
_PITCHES = np.arange(0.93, 1.071, 0.0025) * STRIP_PITCH_PX
_PHASES = 2 * np.pi * np.arange(120 * STRIP_PITCH_PX) / _PITCHES[:, None]
_WAVES = np.concatenate([np.cos(_PHASES), np.sin(_PHASES)]).astype(np.float32)
_SAME_EDGE = 0.75
"""How far, in pitches, the left edges of lines may lie apart."""
_FEWEST_FOR_FIT = 8
_KNOWN_FOR_BEND = 0.8
"""Share of a line over which glyphs must be known for a bend to be followed."""
_LEAST_BEND_PX = 1.0
STRETCHES = (0.85, 1.2, 1.4)


@dataclass(frozen=True, slots=True)
class PlacedZone:
    """Lines with their cells, and how each cell looks like a glyph.

    ``scores``: what the line network has said of each line already, None where it was not asked.
    """

    strips: tuple[LineStrip, ...]
    matches: tuple[CellMatch, ...]
    scores: tuple[CharacterScores | None, ...] | None = None

    @property
    def likeness(self) -> float:
        """Mean correlation of the cells, -1 to 1."""
        return float(np.mean([match.best.mean() for match in self.matches]))

    @property
    def shape(self) -> tuple[int, int]:
        """Number of lines and of characters in each."""
        return len(self.strips), len(self.strips[0].centres_px)


@dataclass(frozen=True, slots=True)
class _GridLine:
    """One row under a grid that runs over its whole strip."""

    ink: Ink
    centres: Floats
    seen: CellMatch


def place(
    luma: ImageU8, band: Band, matcher: GlyphMatcher, stretch: float = 1.0
) -> PlacedZone | None:
    """The band's lines with their cells, turned upright; None if no format's shape fits.

    ``stretch``: how much taller the print is taken to be than OCR-B at the band's pitch; one of
    ``STRETCHES`` where the glyphs look too flat or too tall.
    """
    inks = _inks(luma, band, stretch)
    upright = _best_shape([_grid_line(ink, matcher) for ink in inks])
    turned = _best_shape([_grid_line(flipped(ink), matcher) for ink in reversed(inks)])
    _total, length, lines, starts = max((upright, turned), key=lambda found: found[0])
    if length == 0:
        return None
    refined = [
        _refined(line, line.centres[start : start + length], matcher)
        for line, start in zip(lines, starts, strict=True)
    ]
    return PlacedZone(tuple(strip for strip, _ in refined), tuple(seen for _, seen in refined))


def _inks(luma: ImageU8, band: Band, stretch: float) -> list[Ink]:
    """Level strips of the rows, all over the same stretch of the page."""
    along = median_direction(band.rows)
    centres = np.array([row.centre_px for row in band.rows])
    first, last = _extent(luma, band, along)
    middle = (first + last) / 2
    scale = STRIP_PITCH_PX / band.pitch_px
    inks = []
    for row, centre in zip(band.rows, centres, strict=True):
        own = float(centre @ along)
        moved = centre + (middle - own) * np.asarray(row.direction)
        width = max(STRIP_PITCH_PX, round((last - first) * scale))
        place_px = (float(moved[0]), float(moved[1]))
        strip = cut(luma, place_px, row.direction, scale, width, stretch, _SPARE_PX)
        left, right = (own + side * row.length_px / 2 - first for side in (-1, 1))
        ink = without_glare(strip, ink_of(strip))
        inks.append(level(ink, left * scale, right * scale))
    return inks


def _extent(luma: ImageU8, band: Band, along: NDArray[np.float64]) -> tuple[float, float]:
    """From where to where a full line could reach: a row may be found in part only.

    Positions along ``along`` in page pixels, within the page.
    """
    height, width = luma.shape
    spare = _SPARE_CELLS * band.pitch_px
    ends = [
        float(np.dot(row.centre_px, along)) + side * (row.length_px / 2 + spare)
        for row in band.rows
        for side in (-1, 1)
    ]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ along
    first, last = max(min(ends), corners.min()), min(max(ends), corners.max())
    return float(first), float(max(last, first + band.pitch_px))


def _grid_line(ink: Ink, matcher: GlyphMatcher) -> _GridLine:
    margin = STRIP_HEIGHT_PX // 5
    columns = ink[margin:-margin].sum(axis=0)
    columns = np.minimum(columns, np.percentile(columns, 95))
    varying = (columns - columns.mean())[None, : _WAVES.shape[1]].astype(np.float32)
    parts = product(varying, _WAVES[:, : columns.size])[0]
    beats = parts[: len(_PITCHES)] - 1j * parts[len(_PITCHES) :]
    best = int(np.abs(beats).argmax())
    pitch = float(_PITCHES[best])
    phase = float(-np.angle(beats[best]) / (2 * np.pi) * pitch % pitch)
    centres = np.arange(phase, columns.size, pitch, dtype=np.float32)
    return _GridLine(ink, centres, matcher.glance(ink, centres))


_Shape = tuple[float, int, list[_GridLine], list[int]]


def _best_shape(lines: list[_GridLine]) -> _Shape:
    """Total evidence, line length, the lines, and each line's first cell."""
    best: _Shape = (0.0, 0, lines, [])
    gains = [np.concatenate([[0], np.cumsum(line.seen.best - _LIKE_A_GLYPH)]) for line in lines]
    lengths = {f.line_length for f in LAYOUTS.values() if f.line_count == len(lines)}
    for length in sorted(lengths):
        if any(len(line.centres) < length for line in lines):
            continue
        evidence = [gain[length:] - gain[:-length] for gain in gains]
        for start in range(len(evidence[0])):
            total, starts = _joined(lines, evidence, start)
            if total > best[0]:
                best = (total, length, lines, starts)
    return best


def _joined(
    lines: list[_GridLine], evidence: list[NDArray[np.float64]], start: int
) -> tuple[float, list[int]]:
    """The best starts of the other lines near the first line's, and the sum of evidence."""
    edge = lines[0].centres[start]
    total, starts = float(evidence[0][start]), [start]
    for line, gain in zip(lines[1:], evidence[1:], strict=True):
        near = np.abs(line.centres[: len(gain)] - edge) <= _SAME_EDGE * STRIP_PITCH_PX
        if not near.any():
            return -1.0, []
        chosen = int(np.where(near, gain, -np.inf).argmax())
        total += float(gain[chosen])
        starts.append(chosen)
    return total, starts


def _refined(
    line: _GridLine, centres: Floats, matcher: GlyphMatcher
) -> tuple[LineStrip, CellMatch]:
    """Follow where the glyphs were found: cells by a parabola along x, the line by a slope."""
    seen = matcher.glance(line.ink, centres)
    ink = _straightened(line.ink, centres, seen)
    order = np.arange(len(centres))
    strip: LineStrip | None = None
    cut: int | None = None
    for _ in range(2):
        sure = seen.best > _SURE
        if int(sure.sum()) < _FEWEST_FOR_FIT:
            break
        found = np.round(centres) + seen.dx_px
        curve = np.polyfit(order[sure], found[sure], 2)
        centres = np.asarray(np.polyval(curve, order), np.float32)
        strip = LineStrip(ink, centres)
        seen = matcher.match(strip, cut)
        cut = seen.cut
    if strip is None:
        strip = LineStrip(ink, centres)
        seen = matcher.match(strip)
    return strip, seen


def _straightened(ink: Ink, centres: Floats, seen: CellMatch) -> Ink:
    sure = seen.best > _SURE
    if int(sure.sum()) < _FEWEST_FOR_FIT:
        return ink
    known, off = centres[sure], seen.dy_px[sure]
    length = float(known[-1] - known[0])
    # A parabola that only some of the line speaks for would run off where the rest is.
    if length >= _KNOWN_FOR_BEND * (centres[-1] - centres[0]):
        bend = np.polyfit(known, off, 2)
        if abs(bend[0]) * (length / 2) ** 2 >= _LEAST_BEND_PX:
            offsets_px = np.asarray(np.polyval(bend, np.arange(ink.shape[1])), np.float64)
            return follow(ink, offsets_px, ink.shape[0])
    slope, shift = np.polyfit(known, off, 1)
    matrix = np.array([[1, 0, 0], [slope, 1, shift]], np.float32)
    moved = cv2.warpAffine(
        ink, matrix, ink.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return np.asarray(moved, np.float32)
