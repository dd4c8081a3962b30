"""The recogniser of our own: a small convolutional network over a whole line.

It looks at the line with some surroundings at each end and gives, at three steps to a character
cell, the probability of each of the 37 characters or of nothing. A character is read where its
middle is, so the network also says where the cells are: a grid whose pitch is a little off is
put right before the line is read. Trained by ``models/training`` on composed lines alone.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pipeline.mrz.check_digits import ALPHABET
from pipeline.mrz.recognize import CharacterScores, log_softmax
from pipeline.mrz.strips import STRIP_HEIGHT_PX, STRIP_PITCH_PX, LineStrip
from pipeline.weights import Weights

Floats = NDArray[np.float32]

MODEL_NAME = "lines"
INPUT_HEIGHT_PX = 32
CELL_PX = 12
STEPS_PER_CELL = 3
NOTHING = len(ALPHABET)
"""Class of a step at which no character has its middle."""
_MARGIN_CELLS = 2
_FOLLOW_MARGIN_CELLS = 4
_FULL = 190.0
"""Input value of full ink; some print is darker than its surroundings' darkest."""
_STRIDES = (2, 3, 4)
"""Steps from one character to the next that a path may take; three are nominal."""
_UNEVEN_COST = 0.7
_CLEAREST = 8.0
_MOVED_CELLS = 0.12
"""Cells found further off than this are cut anew."""
_LEAST_SHARE = 1e-6


class LineNet:
    """Reads lines; holds only constants, so threads may share it."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    @classmethod
    def load(cls, models: Path) -> LineNet:
        """``models``: the folder of the models. Raises ModelNotFound."""
        return cls(Weights(models).session(MODEL_NAME))

    def scores(self, strip: LineStrip) -> CharacterScores:
        """Log-probabilities, n×37."""
        return _by_cell(self._shares(strip, _MARGIN_CELLS), _MARGIN_CELLS, len(strip.centres_px))

    def presence(self, strip: LineStrip) -> Floats:
        """How surely each cell holds a character, n values from 0 to 1."""
        shares = self._shares(strip, _MARGIN_CELLS)[_MARGIN_CELLS * STEPS_PER_CELL :]
        count = len(strip.centres_px)
        steps = shares[: count * STEPS_PER_CELL].reshape(count, STEPS_PER_CELL, NOTHING + 1)
        return np.asarray(np.clip(steps[:, :, :NOTHING].sum(axis=(1, 2)), 0, 1), np.float32)

    def follow(self, strip: LineStrip) -> tuple[LineStrip, CharacterScores | None]:
        """The strip with its cells where the network sees characters, as many as before.

        One path through the steps of the line and its surroundings that meets every character
        once, at about one cell's distance. Where the strip stays as it was, what the network has
        seen of it comes along, as ``scores`` gives it.
        """
        count = len(strip.centres_px)
        shares = self._shares(strip, _FOLLOW_MARGIN_CELLS)
        nothing = np.clip(shares[:, NOTHING], _LEAST_SHARE, 1 - _LEAST_SHARE)
        clear = np.clip(np.log((1 - nothing) / nothing), -_CLEAREST, _CLEAREST)
        path = _best_path(clear, count)
        near = np.clip(path[:, None] + np.array([-1, 0, 1]), 0, len(clear) - 1)
        weights = 1 - nothing[near]
        steps = (near * weights).sum(axis=1) / weights.sum(axis=1)
        cells = (steps + 0.5) / STEPS_PER_CELL - 0.5 - _FOLLOW_MARGIN_CELLS
        order = np.arange(count)
        trust = np.clip(weights.max(axis=1), 0.02, 1)
        curve = np.polynomial.Polynomial.fit(order, cells - order, 3, w=trust)(order)
        if float(np.abs(curve).max()) < _MOVED_CELLS:
            return strip, _by_cell(shares, _FOLLOW_MARGIN_CELLS, count)
        centres = _centres_at(strip, order + curve)
        return LineStrip(strip.ink, centres.astype(np.float32)), None

    def _shares(self, strip: LineStrip, margin_cells: int) -> Floats:
        """T×38: what each step shows."""
        ink = as_input(strip, margin_cells)
        [logits] = self._session.run(None, {"ink": ink[None]})
        return np.exp(log_softmax(np.asarray(logits[0], np.float32).T))


def _by_cell(shares: Floats, margin_cells: int, count: int) -> CharacterScores:
    """Log-probabilities, n×37, of the cells between the margins."""
    inside = shares[margin_cells * STEPS_PER_CELL :][: count * STEPS_PER_CELL]
    steps = inside.reshape(count, STEPS_PER_CELL, NOTHING + 1)
    return log_softmax(np.log(steps[:, :, :NOTHING].sum(axis=1) + _LEAST_SHARE))


def _best_path(clear: Floats, count: int) -> NDArray[np.int64]:
    """``count`` rising steps of ``clear`` (T) with the greatest sum, evenly apart."""
    steps = len(clear)
    total = np.asarray(clear, np.float64).copy()
    came = np.zeros((count, steps), np.int64)
    for place in range(1, count):
        best, source = np.full(steps, -np.inf), np.zeros(steps, np.int64)
        for stride in _STRIDES:
            cost = _UNEVEN_COST * (stride - STEPS_PER_CELL) ** 2
            reached = np.full(steps, -np.inf)
            reached[stride:] = total[:-stride] - cost
            better = reached > best
            best[better], source[better] = reached[better], stride
        total = best + clear
        came[place] = source
    path = np.empty(count, np.int64)
    path[-1] = int(total.argmax())
    for place in range(count - 1, 0, -1):
        path[place - 1] = path[place] - came[place, path[place]]
    return path


def _centres_at(strip: LineStrip, cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places along x for fractional cell numbers; beyond the ends at the mean pitch."""
    centres = np.asarray(strip.centres_px, np.float64)
    last = len(centres) - 1
    pitch = (centres[-1] - centres[0]) / last if last else float(STRIP_PITCH_PX)
    inside = np.interp(cells, np.arange(last + 1), centres)
    outside = np.minimum(cells, 0) + np.maximum(cells - last, 0)
    return np.asarray(inside + pitch * outside, np.float64)


def as_input(strip: LineStrip, margin_cells: int = _MARGIN_CELLS) -> NDArray[np.uint8]:
    """The strip with its cells brought to one pitch: 32×12·(n + 2·margin) uint8 of ink."""
    count = len(strip.centres_px) + 2 * margin_cells
    columns = (np.arange(count * STRIP_PITCH_PX) + 0.5) / STRIP_PITCH_PX - 0.5 - margin_cells
    x = _centres_at(strip, columns) - 0.5
    map_x = np.repeat(x.astype(np.float32)[None], STRIP_HEIGHT_PX, axis=0)
    rows = np.arange(STRIP_HEIGHT_PX, dtype=np.float32)[:, None]
    map_y = np.repeat(rows, x.size, axis=1)
    even = cv2.remap(strip.ink, map_x, map_y, cv2.INTER_LINEAR)
    small = cv2.resize(even, (count * CELL_PX, INPUT_HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return np.clip(np.round(small * _FULL), 0, 255).astype(np.uint8)
