"""Tesseract as a recogniser of lines, through tesserocr.

Its symbols come with places, which are matched with the cells that the grid knows; a cell for
which it offers nothing stays open. tesserocr's wheel carries no language data and looks in the
working directory, so the folder is always passed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.errors import ModelNotFound
from pipeline.mrz.check_digits import ALPHABET
from pipeline.mrz.recognize import INDEX, CharacterScores, log_softmax
from pipeline.mrz.strips import STRIP_PITCH_PX, LineStrip
from pipeline.types import ImageU8

os.environ.setdefault("OMP_THREAD_LIMIT", "1")  # read once, when Tesseract's library loads

import tesserocr

_MARGIN_PX = round(1.2 * STRIP_PITCH_PX)
_SURELY = 0.98
"""The most that Tesseract's word alone counts for; its confidences run high."""
_FAR = 0.6
"""A symbol further than this from a cell's middle, in pitches, is not that cell's."""


class TesseractReader:
    """One Tesseract engine, made once and guarded by a lock, for it is not thread-safe."""

    def __init__(self, tessdata: Path, language: str) -> None:
        """Raises ModelNotFound, naming the Debian package, without the language data."""
        if not (tessdata / f"{language}.traineddata").is_file():
            raise ModelNotFound(
                f"Tesseract's language data {language}.traineddata is missing in the tessdata "
                f"folder: install the Debian package tesseract-ocr-{language} or set mrz.tessdata."
            )
        try:
            self._api = tesserocr.PyTessBaseAPI(
                path=str(tessdata),
                lang=language,
                psm=tesserocr.PSM.RAW_LINE,
                oem=tesserocr.OEM.LSTM_ONLY,
            )
        except RuntimeError as error:
            raise ModelNotFound(
                f"Tesseract cannot use {language}.traineddata: it needs the LSTM kind."
            ) from error
        self._api.SetVariable("tessedit_char_whitelist", ALPHABET)
        self._lock = threading.Lock()

    def scores(self, strip: LineStrip) -> CharacterScores:
        """Log-probabilities, n×37; rows without evidence are uniform."""
        image, left = _as_print(strip)
        count = len(strip.centres_px)
        shares = np.full((count, len(ALPHABET)), 1 / len(ALPHABET), np.float32)
        taken = np.zeros(count)
        for character, middle, confidence in self._symbols(image):
            distances = np.abs(strip.centres_px - (middle + left))
            cell = int(distances.argmin())
            weight = min(confidence, _SURELY)
            near = distances[cell] < _FAR * STRIP_PITCH_PX
            if character not in INDEX or not near or weight <= taken[cell]:
                continue
            taken[cell] = weight
            shares[cell] = (1 - weight) / (len(ALPHABET) - 1)
            shares[cell, INDEX[character]] = max(weight, 1 / len(ALPHABET))
        return log_softmax(np.log(shares))

    def _symbols(self, image: ImageU8) -> Iterator[tuple[str, float, float]]:
        """Each symbol with the middle of its box along x and its confidence, 0 to 1."""
        height, width = image.shape
        with self._lock:
            self._api.SetImageBytes(image.tobytes(), width, height, 1, width)
            self._api.Recognize()
            found = self._api.GetIterator()
            symbols = []
            if found is not None:
                for symbol in tesserocr.iterate_level(found, tesserocr.RIL.SYMBOL):
                    box = symbol.BoundingBox(tesserocr.RIL.SYMBOL)
                    try:
                        text = symbol.GetUTF8Text(tesserocr.RIL.SYMBOL)
                    except RuntimeError:  # an empty iterator has no text
                        continue
                    if box is not None:
                        confidence = symbol.Confidence(tesserocr.RIL.SYMBOL) / 100
                        symbols.append((text, (box[0] + box[2]) / 2, confidence))
            self._api.Clear()
        return iter(symbols)


def _as_print(strip: LineStrip) -> tuple[ImageU8, int]:
    """The line as dark print on white, and where its left edge lies in the strip."""
    left = max(0, int(strip.centres_px[0] - STRIP_PITCH_PX / 2) - _MARGIN_PX)
    right = int(strip.centres_px[-1] + STRIP_PITCH_PX / 2) + _MARGIN_PX
    ink = strip.ink[:, left:right]
    paper = np.clip(255 - 255 * ink, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(paper), left
