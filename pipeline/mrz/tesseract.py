"""Tesseract as a recogniser of lines, through tesserocr.

Lines are shown with their cells at one pitch; its symbols come with places, which are matched with
those cells, and a cell for which it offers nothing stays open. tesserocr's wheel carries no
language data and looks in the working directory, so the folder is always passed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from core.errors import ModelNotFound
from core.settings import MrzSettings
from pipeline.mrz.check_digits import ALPHABET
from pipeline.mrz.line_net import CELL_PX, as_input
from pipeline.mrz.recognize import INDEX, CharacterScores, log_softmax
from pipeline.mrz.strips import LineStrip
from pipeline.types import ImageU8
from pipeline.weights import Weights

os.environ.setdefault("OMP_THREAD_LIMIT", "1")  # read once, when Tesseract's library loads

import tesserocr

_OWN, _OWN_LANGUAGE = "tessdata", "mrz"
"""Name in the models' manifest, and of the file without its ending."""
MARGIN_CELLS = 1
"""Surroundings that a line is shown with, at each end."""
_HEIGHT_PX, _CELL_PX = 36, 18
"""The size at which Tesseract's networks see a line; nothing is scaled after this."""
_FULL_INK = 190.0
_SURELY = 0.98
"""The most that Tesseract's word alone counts for; its confidences run high."""
_FAR = 0.6
"""A symbol further than this from a cell's middle, in cells, is not that cell's."""


class TesseractReader:
    """One Tesseract engine, made once and guarded by a lock, for it is not thread-safe."""

    def __init__(self, tessdata: Path, language: str) -> None:
        """Raises ModelNotFound, naming the Debian package, without the language data."""
        if not (tessdata / f"{language}.traineddata").is_file():
            raise ModelNotFound(
                f"Tesseract's language data {language}.traineddata is missing in {tessdata}: "
                f"install the Debian package tesseract-ocr-{language}, or set the folder "
                "(pipeline.mrz.tessdata) or the language (pipeline.mrz.language)."
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
                f"Tesseract cannot use {language}.traineddata in {tessdata}: it needs the "
                "LSTM kind."
            ) from error
        self._api.SetVariable("tessedit_char_whitelist", ALPHABET)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, settings: MrzSettings, models: Path) -> TesseractReader:
        """With the zone's own language data where ``models`` has it, else with the setting's.

        Raises ModelNotFound where there is neither, and where the own file is not the one that
        the manifest names.
        """
        try:
            weights = Weights(models)
            weights.entry(_OWN)
        except ModelNotFound:
            return cls(settings.tessdata, settings.language)
        return cls(weights.folder_of(_OWN), _OWN_LANGUAGE)

    def scores(self, strip: LineStrip) -> CharacterScores:
        """Log-probabilities, n×37; rows without evidence are uniform."""
        image = print_of(as_input(strip, MARGIN_CELLS))
        count = len(strip.centres_px)
        shares = np.full((count, len(ALPHABET)), 1 / len(ALPHABET), np.float32)
        taken = np.zeros(count)
        for character, middle, confidence in self._symbols(image):
            place = middle / _CELL_PX - 0.5 - MARGIN_CELLS
            cell = min(max(round(place), 0), count - 1)
            weight = min(confidence, _SURELY)
            if character not in INDEX or abs(place - cell) >= _FAR or weight <= taken[cell]:
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


def print_of(ink: ImageU8) -> ImageU8:
    """Ink as the line network takes it (32×W uint8) as dark print on white, 36×1.5·W uint8."""
    paper = np.clip(255 - ink.astype(np.float32) * (255 / _FULL_INK), 0, 255).astype(np.uint8)
    size = (ink.shape[1] * _CELL_PX // CELL_PX, _HEIGHT_PX)
    return np.asarray(cv2.resize(paper, size, interpolation=cv2.INTER_LINEAR), np.uint8)
