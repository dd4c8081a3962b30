"""Recognition by comparing each character cell with drawn OCR-B glyphs.

Every place of a zone holds exactly one of 37 glyphs of a known typeface at a known pitch, so
normalised cross-correlation with the glyphs themselves, at a few degrees of blur and a few
pixels of shift, reads it without any layout analysis.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from core.errors import ModelNotFound
from pipeline.mrz.check_digits import ALPHABET
from pipeline.mrz.recognize import CharacterScores, log_softmax
from pipeline.mrz.strips import STRIP_PITCH_PX, Ink, LineStrip, product

Floats = NDArray[np.float32]

_BLURS_PX = (1.0, 1.8, 2.8, 4.2)
_FAINT = 0.35
"""Contrast (in units of ink) below which a cell counts as nearly empty."""
_SHARPNESS = 150.0
"""Turns a difference in correlation into one of log-probability; fitted, together with
``_LEGIBLE``, by least log loss on composed lines of all qualities."""
_LEGIBLE = (0.65, 0.92)
"""Best correlations from which on a cell says something, and at which it is fully trusted."""
_MARRED = 0.2
"""How much less than its neighbours a cell looks like any glyph before it may be half of another
one. Of whole print, however soft, noisy or coded, cells differ by .06 at most; at the ends of a
line, under other print, and of an OCR-B a little larger or narrower than ours, by up to .19."""
_NEIGHBOURS = 6
_REACH_PX = (-1, 0, 1)
_GLANCE_PX = (-2, -1, 0, 1, 2)


@dataclass(frozen=True, slots=True)
class CellMatch:
    """How well cells look like glyphs.

    correlation: n×37, -1 to 1. dx_px, dy_px: n, where the best glyph was found, relative to
    the cell's middle. cut: which of the glyphs' cuts suits the line.
    """

    correlation: Floats
    dx_px: NDArray[np.int64]
    dy_px: NDArray[np.int64]
    cut: int

    @property
    def best(self) -> Floats:
        """The best glyph's correlation in each cell."""
        return np.asarray(self.correlation.max(axis=1), np.float32)

    @property
    def marred(self) -> NDArray[np.bool_]:
        """Which cells look less like any glyph than those around them; n.

        Half a K is a filler and half an R a P, to every recogniser: what a smear, a sticker's edge
        or wear has left of a character looks whole. Print that is bad all along is no case of it.
        """
        around = np.pad(self.best, _NEIGHBOURS, mode="reflect" if len(self.best) > 1 else "edge")
        usual = np.median(sliding_window_view(around, 2 * _NEIGHBOURS + 1), axis=1)
        return np.asarray(usual - self.best > _MARRED, np.bool_)


class GlyphMatcher:
    """Compares cells with glyphs; holds only constants, so threads may share it."""

    def __init__(self, models: Path) -> None:
        """``models``: the folder of the models; ModelNotFound without ``mrz/glyphs.npz``."""
        path = models / "mrz" / "glyphs.npz"
        try:
            with np.load(path) as file:
                glyphs = np.asarray(file["glyphs"], np.uint8)
        except (OSError, KeyError, ValueError) as error:
            raise ModelNotFound(
                f"The glyph file {path.name} is missing or damaged: draw it with "
                "python -m models.training.mrz_glyphs"
            ) from error
        self._fine = _templates(glyphs, STRIP_PITCH_PX, _BLURS_PX)
        self._coarse = _templates(glyphs[:1], STRIP_PITCH_PX // 2, (2.0,))

    def scores(self, strip: LineStrip) -> CharacterScores:
        """Log-probabilities, n×37."""
        return self.judged(self.match(strip))

    def judged(self, found: CellMatch) -> CharacterScores:
        """What a match says, as log-probabilities, n×37."""
        low, high = _LEGIBLE
        trust = np.clip((found.best - low) / (high - low), 0.05, 1)
        return log_softmax(_SHARPNESS * trust[:, None] * found.correlation)

    def match(self, strip: LineStrip, cut: int | None = None) -> CellMatch:
        """Compare at full resolution, one pixel of shift each way; with one cut if it is known."""
        return _match(strip.ink, strip.centres_px, self._fine, STRIP_PITCH_PX, _REACH_PX, cut)

    def glance(self, ink: Ink, centres_px: Floats) -> CellMatch:
        """Compare at half resolution, up to four pixels of shift: fast, to place the cells."""
        half = np.asarray(
            cv2.resize(ink, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32
        )
        centres = np.asarray((centres_px - 0.5) / 2, np.float32)
        found = _match(half, centres, self._coarse, STRIP_PITCH_PX // 2, _GLANCE_PX)
        return CellMatch(found.correlation, found.dx_px * 2, found.dy_px * 2, found.cut)


def _templates(glyphs: NDArray[np.uint8], pitch_px: int, blurs_px: tuple[float, ...]) -> Floats:
    """Glyphs in every cut and blur as unit vectors without mean: cuts×blurs×37×pixels."""
    factor = glyphs.shape[3] / STRIP_PITCH_PX
    size = (pitch_px, pitch_px * 7 // 5)
    drawn = np.empty((len(glyphs), len(blurs_px), len(ALPHABET), size[0] * size[1]), np.float32)
    for cut, row in enumerate(glyphs.astype(np.float32)):
        for step, blur in enumerate(blurs_px):
            for index, glyph in enumerate(row):
                soft = cv2.GaussianBlur(glyph, (0, 0), blur * factor)
                small = cv2.resize(soft, size, interpolation=cv2.INTER_AREA)
                drawn[cut, step, index] = small.ravel()
    drawn -= drawn.mean(axis=3, keepdims=True)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=3, keepdims=True), np.float32)


def _match(
    ink: Ink,
    centres_px: Floats,
    templates: Floats,
    pitch_px: int,
    reach: tuple[int, ...],
    cut: int | None = None,
) -> CellMatch:
    """Each cell with each glyph at its best blur and shift, in the cut that suits the line.

    One line is printed in one cut: letting every cell choose would lend a zero the shape of
    another cut's letter O. Which one it is shows in the cells as they lie, before any is shifted.
    """
    cells = _cells(ink, centres_px, pitch_px, reach)
    count, shifts, pixels = cells.shape
    cells -= cells.mean(axis=2, keepdims=True)
    cells /= np.linalg.norm(cells, axis=2, keepdims=True) + _FAINT * pitch_px / STRIP_PITCH_PX
    cuts, blurs, glyphs, _ = templates.shape
    if cut is None:
        cut = 0
        if cuts > 1:
            unmoved = np.ascontiguousarray(cells[:, shifts // 2])
            seen = product(unmoved, templates.reshape(-1, pixels))
            cut = int(seen.reshape(count, cuts, -1).max(axis=2).sum(axis=0).argmax())
    products = product(cells.reshape(-1, pixels), templates[cut].reshape(-1, pixels))
    by_shift = products.reshape(count, shifts, blurs, glyphs).max(axis=2)
    best = by_shift.max(axis=2).argmax(axis=1)
    offsets = np.asarray(reach)
    return CellMatch(
        np.asarray(by_shift.max(axis=1), np.float32),
        offsets[best // len(reach)],
        offsets[best % len(reach)],
        cut,
    )


def _cells(ink: Ink, centres_px: Floats, pitch_px: int, reach: tuple[int, ...]) -> Floats:
    """Cells at every shift in ``reach``², n×shifts×pixels, x varying slower than y."""
    height = pitch_px * 7 // 5
    margin = (height, pitch_px + len(reach))
    padded = np.pad(ink, ((margin[0], margin[0]), (margin[1], margin[1])))
    windows = sliding_window_view(padded, (height, pitch_px))
    top = (ink.shape[0] - height) // 2 + margin[0]
    left = np.round(centres_px - pitch_px / 2).astype(np.int64) + margin[1]
    offsets = np.asarray(reach)
    xs = np.clip(left[:, None] + offsets[None], 0, windows.shape[1] - 1)
    ys = top + offsets
    cells = windows[ys[None, None, :], xs[:, :, None]]
    return np.asarray(cells.reshape(len(centres_px), len(reach) ** 2, -1), np.float32)
