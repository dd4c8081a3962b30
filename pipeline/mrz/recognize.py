"""What a recogniser of lines is: from a strip to a score for each character at each place.

Scores rather than text leave the decision to the decoder, which knows the format, its check
digits, and what other frames and other recognisers say.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.mrz.check_digits import ALPHABET
from pipeline.mrz.strips import LineStrip

CharacterScores = NDArray[np.float32]
"""n×37 float32: log-probability of each character of ``ALPHABET`` at each of n places."""

INDEX = {character: index for index, character in enumerate(ALPHABET)}


class LineRecogniser(Protocol):
    """Reads one line whose character cells are known."""

    def scores(self, strip: LineStrip) -> CharacterScores:
        """A row of log-probabilities for each of the strip's cells; rows add up to 1 in exp.

        Safe to call from several threads.
        """
        ...


def log_softmax(logits: NDArray[np.float32]) -> CharacterScores:
    """Rows of logits as log-probabilities."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float32)


def text_of(scores: CharacterScores) -> str:
    """The likeliest character of each place."""
    return "".join(ALPHABET[index] for index in scores.argmax(axis=1))
