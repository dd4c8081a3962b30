"""Finds the lines of a machine-readable zone on a page, at any scale and a few degrees of tilt.

Rows of dark print are joined by morphology; what tells the zone from other text is its fixed
pitch (10 characters per 25.4 mm, Doc 9303 Part 3, section 4.2): the columns of ink of a printed
line beat at one frequency, those of proportional type do not. Coordinates are pixels of the
luma given, origin top-left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.mrz.strips import STRIP_HEIGHT_PX, STRIP_PITCH_PX, cut, ink_of, product
from pipeline.types import ImageU8

Vector = NDArray[np.float64]

WORKING_SIDE_PX = 800
"""Longer side of the picture in which rows are sought: documents that fill it."""
_SHORTEST_ROW = 0.25
"""Shortest row of interest, as a share of the working side."""
_FLATTEST_ROW = 9.0
_CHARACTERS = (24, 56)
"""A row's length over its pitch: 30 to 44 characters, and what may have been joined to it."""
_BEAT = 0.28
"""Least strength of the pitch; zones reach 0.3 to 0.6, other print stays below 0.25."""
_SAME_LENGTH = 0.12
"""How much shorter or longer than a zone's row another may be that is taken for its neighbour."""
_SAME_PITCH = 0.04
_LINE_STEP = (1.4, 3.3)
"""Distance of lines over the pitch: 2.5 nominally, cards go down to 1.6."""
_SAME_TILT_DEG = 2.5
_MOST_ROWS = 60
_FULL_RANGE, _MOST_GAIN = 160.0, 4.0
"""Luma steps between a picture's dark and light parts that need no spreading out."""

_NOMINAL_CHARACTERS = 40
_ROW_WIDTH_PX = round(1.1 * _NOMINAL_CHARACTERS * STRIP_PITCH_PX)
_RATIOS = _NOMINAL_CHARACTERS / np.linspace(_CHARACTERS[1], _CHARACTERS[0], 200)
"""Pitches to try, over the nominal one."""
_PHASES = 2 * np.pi * np.arange(_ROW_WIDTH_PX) / (_RATIOS[:, None] * STRIP_PITCH_PX)
_WAVES = np.concatenate([np.cos(_PHASES), np.sin(_PHASES)]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row of print at a fixed pitch. ``direction``: unit vector along it, x positive.
    ``beat``: how strongly the pitch shows, 0 to 1."""

    centre_px: tuple[float, float]
    direction: tuple[float, float]
    length_px: float
    pitch_px: float
    beat: float


@dataclass(frozen=True, slots=True)
class Band:
    """Two or three rows that may be a zone, from top to bottom of the picture."""

    rows: tuple[TextRow, ...]

    @property
    def pitch_px(self) -> float:
        """Median distance of characters."""
        return float(np.median([row.pitch_px for row in self.rows]))

    @property
    def beat(self) -> float:
        """Mean strength of the pitch, 0 to 1."""
        return float(np.mean([row.beat for row in self.rows]))

    @property
    def sure(self) -> bool:
        """Whether each row beats by itself."""
        return all(map(_beats, self.rows))


def find_bands(luma: ImageU8, side_px: int = WORKING_SIDE_PX) -> tuple[Band, ...]:
    """Bands of two or three rows of one pitch, likeliest first; empty when there are none.

    ``luma`` is H×W uint8 with the lines roughly horizontal, upright or upside down. A
    larger ``side_px`` finds smaller print.
    """
    return bands_of(find_rows(luma, side_px))


def find_rows(luma: ImageU8, side_px: int = WORKING_SIDE_PX) -> tuple[TextRow, ...]:
    """Rows of print at a fixed pitch, the longest first; arguments as of ``find_bands``.

    A line full of letters hardly beats: each has strokes of its own. It counts as a row where
    one that does beat runs beside it, of the same length.
    """
    rows = _print_rows(luma, side_px)
    sure = [row for row in rows if _beats(row)]
    return tuple(found for row in rows if (found := _known_by(row, sure)) is not None)


def _beats(row: TextRow) -> bool:
    return row.beat >= _BEAT


def _known_by(row: TextRow, sure: Sequence[TextRow]) -> TextRow | None:
    """The row if it beats, or at the pitch of a neighbour that does; else None."""
    if _beats(row):
        return row
    for other in sure:
        alike = replace(row, pitch_px=other.pitch_px)
        same_length = abs(row.length_px - other.length_px) <= _SAME_LENGTH * other.length_px
        if same_length and (_follows(alike, other) or _follows(other, alike)):
            return alike
    return None


def bands_of(rows: Sequence[TextRow]) -> tuple[Band, ...]:
    """The bands that these rows form, likeliest first.

    Two rows of three are no band of their own, unless the third does not beat: it may be other
    print that happens to be as long.
    """
    pairs = {
        (i, j)
        for i, a in enumerate(rows)
        for j, b in enumerate(rows)
        if (_beats(a) or _beats(b)) and _follows(a, b)
    }
    bands = [Band((rows[i], rows[j], rows[k])) for i, j in pairs for j2, k in pairs if j2 == j]
    sure = [band for band in bands if band.sure]
    whole = {(id(a), id(b)) for band in sure for a in band.rows for b in band.rows}
    bands += [Band((rows[i], rows[j])) for i, j in pairs if (id(rows[i]), id(rows[j])) not in whole]
    return tuple(sorted(bands, key=lambda band: -band.beat))


def _follows(upper: TextRow, lower: TextRow) -> bool:
    """Whether ``lower`` may be the next line of the same zone."""
    pitch = (upper.pitch_px + lower.pitch_px) / 2
    if abs(upper.pitch_px - lower.pitch_px) > _SAME_PITCH * pitch:
        return False
    tilt = np.degrees(np.arctan2(upper.direction[1], upper.direction[0])) - np.degrees(
        np.arctan2(lower.direction[1], lower.direction[0])
    )
    if abs(tilt) > _SAME_TILT_DEG:
        return False
    along = np.add(upper.direction, lower.direction)
    along = along / np.linalg.norm(along)
    shift = np.subtract(lower.centre_px, upper.centre_px)
    step = float(along[0] * shift[1] - along[1] * shift[0])
    offset = abs(float(shift @ along))
    shorter = min(upper.length_px, lower.length_px)
    return _LINE_STEP[0] * pitch < step < _LINE_STEP[1] * pitch and offset < 0.5 * shorter


def _print_rows(luma: ImageU8, side_px: int) -> list[TextRow]:
    scale = side_px / max(luma.shape)
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(luma, None, fx=scale, fy=scale, interpolation=mode), np.uint8)
    boxes = _long_boxes(_print_mask(_stretched(small)), _SHORTEST_ROW * WORKING_SIDE_PX)
    boxes = sorted(boxes, key=lambda box: -max(box[1]))[:_MOST_ROWS]
    return [_row(luma, box, scale) for box in boxes]


def _stretched(luma: ImageU8) -> ImageU8:
    """A dark or pale picture with its tones spread out."""
    low, high = np.percentile(luma[::4, ::4], (1, 99))
    gain = min(_MOST_GAIN, _FULL_RANGE / max(float(high - low), 1.0))
    if gain <= 1:
        return luma
    return np.asarray(cv2.convertScaleAbs(luma, alpha=gain, beta=-gain * float(low)), np.uint8)


def _print_mask(luma: ImageU8) -> ImageU8:
    """1 where thin dark strokes stand out from their surroundings, joined along x."""
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))
    strokes = cv2.morphologyEx(luma, cv2.MORPH_BLACKHAT, ellipse)
    strokes = cv2.GaussianBlur(strokes, (0, 0), 1.0)
    around = cv2.blur(cv2.dilate(strokes, np.ones((25, 25), np.uint8)), (25, 25))
    mask = ((strokes > 0.4 * around) & (strokes > 14)).astype(np.uint8)
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((1, 27), np.uint8))
    joined = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((4, 1), np.uint8))
    opened = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((1, 40), np.uint8))
    return np.asarray(opened, np.uint8)


_Box = tuple[tuple[float, float], tuple[float, float], float]


def _long_boxes(mask: ImageU8, shortest_px: float) -> list[_Box]:
    """Tilted boxes (centre, size, degrees; long side first) of long flat components."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes: list[_Box] = []
    for outline in outlines:
        if cv2.boundingRect(outline)[2] < shortest_px:
            continue
        (cx, cy), (long, short), turn = cv2.minAreaRect(outline)
        if long < short:
            long, short, turn = short, long, turn - 90
        turn = (turn + 90) % 180 - 90
        if long >= _FLATTEST_ROW * max(short, 1) and abs(turn) < 30:
            boxes.append(((cx, cy), (long, short), turn))
    return boxes


def _row(luma: ImageU8, box: _Box, scale: float) -> TextRow:
    """The box as a row in the picture's own pixels, at the pitch that beats most."""
    (cx, cy), (length, _), turn = box
    centre, length = (cx / scale, cy / scale), length / scale
    direction = (float(np.cos(np.radians(turn))), float(np.sin(np.radians(turn))))
    nominal = length / _NOMINAL_CHARACTERS
    strip = cut(luma, centre, direction, STRIP_PITCH_PX / nominal, _ROW_WIDTH_PX)
    ratio, beat = _beat(strip)
    return TextRow(centre, direction, length, ratio * nominal, beat)


def _beat(strip: ImageU8) -> tuple[float, float]:
    """The pitch at which the columns beat, over the nominal one, and how strongly (0 to 1)."""
    margin = STRIP_HEIGHT_PX // 5
    columns = ink_of(strip)[margin:-margin].sum(axis=0)
    columns = np.minimum(columns, np.percentile(columns, 95))
    columns = columns - columns.mean()
    parts = product(columns[None].astype(np.float32), _WAVES)
    strengths = np.hypot(*parts.reshape(2, -1)) / (np.abs(columns).sum() + 1e-6)
    best = int(strengths.argmax())
    return float(_RATIOS[best]), float(strengths[best])


def median_direction(rows: Sequence[TextRow]) -> Vector:
    """The rows' common direction, a unit vector."""
    mean = np.median([row.direction for row in rows], axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float64)
