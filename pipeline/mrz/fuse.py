"""Joins what several frames or recognisers say about the same lines, place by place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.mrz.recognize import CharacterScores, log_softmax

ZoneScores = tuple[CharacterScores, ...]
"""One n×37 array of log-probabilities per line."""

_SAME_TEXT = 0.7
"""Share of characters in which two readings of one zone agree."""


def same_zone(a: ZoneScores, b: ZoneScores) -> bool:
    """Whether two readings have one shape and mostly the same text."""
    if [row.shape for row in a] != [row.shape for row in b]:
        return False
    agree = [x.argmax(axis=1) == y.argmax(axis=1) for x, y in zip(a, b, strict=True)]
    return float(np.concatenate(agree).mean()) >= _SAME_TEXT


def fuse(readings: Sequence[ZoneScores], weights: Sequence[float]) -> ZoneScores:
    """The weighted vote of readings of one shape.

    Frames of one burst share their blur and light, so n of them count as the square root of n
    independent ones. Weights need not add up to 1.
    """
    total = float(sum(weights))
    gain = len(readings) ** 0.5 / total
    return tuple(
        log_softmax(
            np.asarray(
                sum(w * row for w, row in zip(weights, rows, strict=True)) * gain, np.float32
            )
        )
        for rows in zip(*readings, strict=True)
    )


_DOUBTED = 0.2
"""What is left of a cell's log-probabilities where half a character may be missing: the likeliest
stays so, but other frames, check digits and codes outweigh it, and nobody is sure of it."""


def doubted(scores: CharacterScores, cells: NDArray[np.bool_]) -> CharacterScores:
    """``scores`` (n×37), with little said of ``cells`` (n)."""
    if not cells.any():
        return scores
    return log_softmax(np.where(cells[:, None], np.float32(_DOUBTED) * scores, scores))


_NET_WEIGHT, _GLYPH_WEIGHT = 1.1, 0.4
"""Fitted by least log loss on composed pages; the two err on different characters."""

TEMPERATURE = 1.2
"""By how much the product is too sure of itself: what divides its log-probabilities before they
are called confidence. Fitted by ``benchmarks.mrz_reliability`` on composed lines."""


def together(by_net: ZoneScores, by_glyphs: ZoneScores) -> ZoneScores:
    """What two kinds of recognisers say of one picture, as a weighted product."""
    return tuple(
        log_softmax(np.asarray(_NET_WEIGHT * a + _GLYPH_WEIGHT * b, np.float32))
        for a, b in zip(by_net, by_glyphs, strict=True)
    )
