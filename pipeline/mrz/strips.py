"""Cuts lines of print out of a page: straight, of fixed height and pitch, as amounts of ink.

A strip is ``STRIP_HEIGHT_PX`` high with the line's middle at half its height and characters
``STRIP_PITCH_PX`` apart. Coordinates are pixels, origin top-left.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import ImageU8

Ink = NDArray[np.float32]
"""H×W float32: 0 paper, about 1 full print, below 0 where light has wiped out what was there."""

STRIP_HEIGHT_PX = 40
STRIP_PITCH_PX = 20
CAPITAL_PX = 20
"""Height of a capital in a strip: OCR-B's capitals are about as high as their pitch."""

_SLOPES = np.linspace(-0.024, 0.024, 25)
_BOW_STEP_PX, _MOST_BOW_PX = 3.0, 18.0
"""By how much a bent page's lines may lie lower, or higher, at their ends than in their middle."""
_BOWED = 1.04
"""A bow is believed if it gathers the ink that much better than a straight line."""
_FARTHEST = 1.3
"""Where a bow ends: half lengths of the line from its middle."""
_CHUNK_PX = 20
_SHRINK = 4

_CLIPPED = 250
"""Luma from which a sensor says no more; coding takes a little off 255."""
_PAPER = 236
"""Luma of paper that is no lamp's reflection by itself. Brighter paper keeps its print."""
_SPECK_PX = 5
"""Clipped places smaller than this are noise."""
_WIPED = -0.25
_WIPED_CELL = 0.06
"""Share of a cell that is wiped out from which its print may have been another character's."""

_FADED = 0.6
"""Ink of a cell's paler half over that of the other from which a stroke may be missing. Whole print
reaches .65, soft and small as it may be; a hand's motion takes some letters to .4."""
_HALF_CELL_PX = STRIP_PITCH_PX // 2
_DARKEST = 24
"""Pixels that tell a half's ink: a thin stroke's."""


@dataclass(frozen=True, slots=True)
class LineStrip:
    """One line ready for recognition.

    ink: STRIP_HEIGHT_PX×W float32, level. centres_px: n float32, the middle of each character
    cell along x, rising.
    """

    ink: Ink
    centres_px: NDArray[np.float32]


def cut(
    luma: ImageU8,
    centre_px: tuple[float, float],
    direction: tuple[float, float],
    scale: float,
    width_px: int,
    stretch: float = 1.0,
    spare_px: int = 0,
) -> ImageU8:
    """A strip of the page around ``centre_px`` along ``direction``.

    ``scale``: strip pixels per page pixel along the line; across it, ``stretch`` times as many
    (for a page seen foreshortened). ``spare_px``: what is cut above and below a strip's height.
    Returns (STRIP_HEIGHT_PX + 2·spare_px)×``width_px`` uint8.
    """
    along = np.asarray(direction) / scale
    down = np.array([-direction[1], direction[0]]) / (scale * stretch)
    height_px = STRIP_HEIGHT_PX + 2 * spare_px
    origin = np.asarray(centre_px) - along * width_px / 2 - down * height_px / 2
    matrix = np.stack([along, down, origin], axis=1).astype(np.float32)
    corners = np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], np.float64)
    reach = (corners * (width_px, height_px, 1)) @ matrix.T
    luma, left, top = _part(luma, reach, 4 + 2 / scale)
    matrix[:, 2] -= (left, top)
    if scale < 0.6:
        luma = np.asarray(cv2.GaussianBlur(luma, (0, 0), 0.4 / scale), np.uint8)
    strip = cv2.warpAffine(
        luma,
        matrix,
        (width_px, height_px),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(strip, np.uint8)


def _part(luma: ImageU8, points: NDArray[np.float64], margin_px: float) -> tuple[ImageU8, int, int]:
    """The part of the page around ``points``, with its left and top; the page if none is left."""
    height, width = luma.shape
    left, top = (int(v) for v in np.floor(points.min(axis=0) - margin_px))
    right, bottom = (int(v) for v in np.ceil(points.max(axis=0) + margin_px))
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    right, bottom = max(min(right, width), left + 1), max(min(bottom, height), top + 1)
    return luma[top:bottom, left:right], left, top


def ink_of(strip: ImageU8) -> Ink:
    """Darkness against the local paper, over the local print's own darkness: 0 to about 1.

    Shadows, tinted paper and faint print cancel out.
    """
    paper = _very_soft(cv2.dilate(strip, np.ones((9, 15), np.uint8)), 8)
    dark = cv2.subtract(paper, strip)
    print_dark = _very_soft(cv2.dilate(dark, np.ones((25, 41), np.uint8)), 15)
    return np.asarray(dark / (print_dark.astype(np.float32) + 4), np.float32)


def without_glare(strip: ImageU8, ink: Ink) -> Ink:
    """``ink`` of ``strip``, less than 0 where a lamp's reflection has wiped out what was there.

    There paper and print are equally white: what is left of an E is an L, and looks like one.
    """
    clipped = np.asarray(strip >= _CLIPPED, np.uint8)
    if not clipped.any() or float(np.percentile(strip, 75)) > _PAPER:
        return ink
    spots = cv2.morphologyEx(clipped, cv2.MORPH_OPEN, np.ones((_SPECK_PX, _SPECK_PX), np.uint8))
    return np.asarray(np.where(spots > 0, np.float32(_WIPED), ink), np.float32)


def wiped_out(strip: LineStrip) -> NDArray[np.bool_]:
    """Which cells a reflection has so much of that a character may look like another one; n."""
    top = (STRIP_HEIGHT_PX - CAPITAL_PX) // 2
    wiped = (strip.ink[top : top + CAPITAL_PX] < _WIPED / 2).mean(axis=0)
    reach = np.cumsum(np.concatenate([[0], wiped]))
    half, width = STRIP_PITCH_PX // 2, len(wiped)
    middles = np.round(strip.centres_px).astype(int)
    left, right = np.clip(middles - half, 0, width), np.clip(middles + half, 0, width)
    return np.asarray(reach[right] - reach[left] > _WIPED_CELL * STRIP_PITCH_PX, np.bool_)


def faded(strip: LineStrip) -> NDArray[np.bool_]:
    """Which cells have print in one half, upper or lower, and little in the other; n.

    Every character of OCR-B has strokes in both: of an R whose foot has paled, a P is left.
    """
    top, middle = (STRIP_HEIGHT_PX - CAPITAL_PX) // 2, STRIP_HEIGHT_PX // 2
    around = np.pad(np.maximum(strip.ink, 0), ((0, 0), (STRIP_PITCH_PX, STRIP_PITCH_PX)))
    middles = np.clip(np.round(strip.centres_px).astype(int), 0, strip.ink.shape[1])
    columns = middles[:, None] + STRIP_PITCH_PX + np.arange(1 - _HALF_CELL_PX, _HALF_CELL_PX)
    halves = [
        np.partition(around[rows][:, columns].swapaxes(0, 1).reshape(len(middles), -1), -_DARKEST)
        for rows in (slice(top, middle), slice(middle, top + CAPITAL_PX))
    ]
    upper, lower = (half[:, -_DARKEST:].mean(axis=1) for half in halves)
    return np.asarray(np.minimum(upper, lower) < _FADED * np.maximum(upper, lower), np.bool_)


def _very_soft(strip: cv2.typing.MatLike, sigma_px: float) -> cv2.typing.MatLike:
    """A Gaussian blur far wider than ``_SHRINK`` pixels, done on the strip made that much smaller:
    an eighth of the time, and less than a luma step off on average."""
    height, width = strip.shape
    size = (-(-width // _SHRINK), -(-height // _SHRINK))
    small = cv2.resize(strip, size, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigma_px / _SHRINK)
    return cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)


def level(ink: Ink, left_px: float, right_px: float) -> Ink:
    """Take out the remaining slope, and the bow of a bent page, then move the line to the strip's
    middle.

    Only columns ``left_px`` to ``right_px`` are looked at: what lies beyond may be no print. Of a
    strip cut with something to spare, the middle STRIP_HEIGHT_PX rows are: a line that runs out of
    them is brought back whole. Returns STRIP_HEIGHT_PX×W.
    """
    whole, spare = ink, (ink.shape[0] - STRIP_HEIGHT_PX) // 2
    ink = ink[spare : spare + STRIP_HEIGHT_PX]
    height, width = ink.shape
    left = max(0, int(left_px))
    chunks = max(1, int(min(width, right_px) - left) // _CHUNK_PX)
    inside = ink[:, left : left + chunks * _CHUNK_PX]
    if inside.shape[1] < chunks * _CHUNK_PX:
        return ink
    profiles = inside.reshape(height, chunks, _CHUNK_PX).sum(axis=2)
    padded = np.pad(profiles, ((height, height), (0, 0)))
    middles = left + (np.arange(chunks) + 0.5) * _CHUNK_PX - width / 2
    rows, columns = np.arange(height)[:, None] + height, np.arange(chunks)[None]
    best_energy, best_slope, best_sum = -1.0, 0.0, profiles.sum(axis=1)

    def along(offsets_px: NDArray[np.float64]) -> tuple[float, NDArray[np.float32]]:
        """How well the ink gathers in rows that follow the offsets, and its sum over each."""
        shifts = np.clip(np.round(offsets_px).astype(int), -height, height)
        total = padded[rows + shifts[None], columns].sum(axis=1)
        return float((total**2).sum()), total

    for slope in _SLOPES:
        energy, total = along(slope * middles)
        if energy > best_energy:
            best_energy, best_slope, best_sum = energy, float(slope), total
    centre, half = left + chunks * _CHUNK_PX / 2, chunks * _CHUNK_PX / 2
    best_bow, bowed_energy = 0.0, best_energy
    for step in (-_BOW_STEP_PX, _BOW_STEP_PX):
        bow = step
        while abs(bow) <= _MOST_BOW_PX:
            bend = bow * _bend(middles + width / 2, centre, half)
            energy, total = along(best_slope * middles + bend)
            if energy <= bowed_energy:
                break
            bowed_energy = energy
            if energy > _BOWED * best_energy:
                best_bow, best_sum = bow, total
            bow += step
    within = np.convolve(best_sum, np.ones(CAPITAL_PX), "same")
    margin = STRIP_HEIGHT_PX // 5
    middle = int(within[margin:-margin].argmax()) + margin
    shift = spare + middle - height / 2 - best_slope * width / 2
    if best_bow:
        x = np.arange(width, dtype=np.float64)
        return follow(whole, best_slope * x + shift + best_bow * _bend(x, centre, half), height)
    matrix = np.array([[1, 0, 0], [best_slope, 1, shift]], np.float32)
    levelled = cv2.warpAffine(
        whole, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return np.asarray(levelled, np.float32)


def _bend(x: NDArray[np.float64], centre: float, half: float) -> NDArray[np.float64]:
    """A parabola that rises by 1 from a line's middle to its ends, 0 on average over the line."""
    places = np.clip((x - centre) / half, -_FARTHEST, _FARTHEST)
    return np.asarray(places**2 - 1 / 3, np.float64)


def follow(ink: Ink, offsets_px: NDArray[np.float64], height_px: int) -> Ink:
    """``height_px``×W: each column of ``ink`` from its own offset on."""
    y = np.arange(height_px, dtype=np.float32)[:, None] + offsets_px.astype(np.float32)
    x = np.repeat(np.arange(ink.shape[1], dtype=np.float32)[None], height_px, axis=0)
    bent = cv2.remap(ink, x, y, cv2.INTER_LINEAR)
    return np.asarray(bent, np.float32)


def flipped(ink: Ink) -> Ink:
    """The strip turned by 180°."""
    return np.ascontiguousarray(ink[::-1, ::-1])


def product(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """a (m×k) times the transpose of b (n×k), on one thread: m×n.

    numpy's own product starts a thread on every core, and those wait by spinning.
    """
    nothing = np.empty((0, 0), np.float32)
    return np.asarray(cv2.gemm(a, b, 1.0, nothing, 0.0, flags=cv2.GEMM_2_T), np.float32)
