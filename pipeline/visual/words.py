"""Reads the words of an upright data page by Tesseract, each with its place and certainty.

Tesseract's network gives a second look at a place at another scale: what it says twice alike, it
has seen and not guessed. tesserocr's wheel carries no language data, so the folder is always
passed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from core.errors import ModelNotFound
from core.log import Log
from core.settings import PipelineSettings
from pipeline.types import ImageU8

os.environ.setdefault("OMP_THREAD_LIMIT", "1")  # read once, when Tesseract's library loads

import tesserocr

_log = Log("visual")
ALL_LETTERS = "Latin"
"""The language data that know every letter of table A of Doc 9303 Part 3, section 6."""
_AGAIN_SCALE = 1.35
_MARGIN_PX = 7
_LIKELY = 0.7
_LETTERS = 3
_ENOUGH = 12
"""Letters: upside down, a page seldom shows a word at all."""


@dataclass(frozen=True, slots=True)
class Word:
    """Print without a gap. ``box``: left, top, right, bottom in pixels of the upright page;
    ``confidence`` 0 to 1, as Tesseract has it."""

    text: str
    box: tuple[int, int, int, int]
    confidence: float


@dataclass(frozen=True, slots=True)
class Print:
    """The words of one page, and a second look at any place of it: text and confidence.

    ``spells``: the reader knows all Latin letters, so that what it spells can be believed.
    ``heading_px``: how far down the page its heading reaches, Zone I of Doc 9303. ``turned``: the
    page was read upside down, of the two ways that a side without a zone may lie.
    """

    words: tuple[Word, ...]
    again: Callable[[tuple[int, int, int, int]], tuple[str, float]]
    spells: bool = False
    heading_px: float = 0.0
    turned: bool = False

    @property
    def legible(self) -> int:
        """Letters of words that are likely words."""
        words = (word for word in self.words if word.confidence >= _LIKELY)
        return sum(len(word.text) for word in words if len(word.text) >= _LETTERS)

    @property
    def is_placed(self) -> bool:
        """Whether enough was legible to tell which way up the page is."""
        return self.legible >= _ENOUGH


class PrintReader:
    """One Tesseract engine, made once and guarded by a lock, for it is not thread-safe."""

    def __init__(self, tessdata: Path, language: str) -> None:
        """Raises ModelNotFound, naming the file, without the language data."""
        if not (tessdata / f"{language}.traineddata").is_file():
            raise ModelNotFound(
                f"Tesseract's language data {language}.traineddata is missing in {tessdata}: "
                "install its Debian package (tesseract-ocr-eng, tesseract-ocr-script-latn), "
                "or set the folder (pipeline.mrz.tessdata) or the language "
                "(pipeline.visual.language)."
            )
        # Its complaints of odd lines are no news to an operator, and no line of our log.
        tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)
        try:
            self._api = tesserocr.PyTessBaseAPI(
                path=str(tessdata), lang=language, oem=tesserocr.OEM.LSTM_ONLY
            )
        except RuntimeError as error:
            raise ModelNotFound(
                f"Tesseract cannot use {language}.traineddata in {tessdata}: it needs the "
                "LSTM kind."
            ) from error
        self._spells = language == ALL_LETTERS
        self._lock = threading.Lock()

    def read(self, page: ImageU8, deadline_ms: float) -> Print:
        """The words of an upright page, H×W×3 or H×W uint8; those found by ``deadline_ms``.

        Blocks; waiting for another reading to end counts.
        """
        luma = page
        if page.ndim == 3:
            luma = np.asarray(cv2.cvtColor(page, cv2.COLOR_BGR2GRAY), np.uint8)
        words = self._words(luma, tesserocr.PSM.SPARSE_TEXT, deadline_ms)

        def again(box: tuple[int, int, int, int]) -> tuple[str, float]:
            return self._again(luma, box, deadline_ms)

        return Print(words, again, self._spells)

    def _again(
        self, luma: ImageU8, box: tuple[int, int, int, int], deadline_ms: float
    ) -> tuple[str, float]:
        """One line of print, seen larger; its text and its least certain word's confidence."""
        height, width = luma.shape
        left, top = max(0, box[0] - _MARGIN_PX), max(0, box[1] - _MARGIN_PX)
        right, foot = min(width, box[2] + _MARGIN_PX), min(height, box[3] + _MARGIN_PX)
        if right - left < 4 or foot - top < 4:
            return "", 0.0
        crop = luma[top:foot, left:right]
        size = (round(crop.shape[1] * _AGAIN_SCALE), round(crop.shape[0] * _AGAIN_SCALE))
        larger = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        words = self._words(larger, tesserocr.PSM.SINGLE_LINE, deadline_ms)
        text = " ".join(word.text for word in words)
        return text, min((word.confidence for word in words), default=0.0)

    def _words(self, luma: ImageU8, mode: int, deadline_ms: float) -> tuple[Word, ...]:
        if not self._lock.acquire(timeout=deadline_ms / 1000):
            return ()
        try:
            height, width = luma.shape
            self._api.SetPageSegMode(mode)
            self._api.SetImageBytes(luma.tobytes(), width, height, 1, width)
            self._api.Recognize(max(1, int(deadline_ms)))
            return tuple(self._found())
        finally:
            self._api.Clear()
            self._lock.release()

    def _found(self) -> Sequence[Word]:
        found = self._api.GetIterator()
        if found is None:
            return ()
        words = []
        for word in tesserocr.iterate_level(found, tesserocr.RIL.WORD):
            box = word.BoundingBox(tesserocr.RIL.WORD)
            try:
                text = word.GetUTF8Text(tesserocr.RIL.WORD).strip()
            except RuntimeError:  # an empty iterator has no text
                continue
            if box is not None and text:
                words.append(Word(text, box, word.Confidence(tesserocr.RIL.WORD) / 100))
        return words


def load_print_reader(settings: PipelineSettings) -> PrintReader | None:
    """With the language that the settings name, else all Latin letters where the folder has them,
    else that of the zone's reader; None where it is switched off, or none of those is there.

    Raises ModelNotFound for a language that was named and is missing.
    """
    visual, tessdata = settings.visual, settings.mrz.tessdata
    if not visual.enabled:
        return None
    known = (tessdata / f"{ALL_LETTERS}.traineddata").is_file()
    try:
        language = visual.language or (ALL_LETTERS if known else settings.mrz.language)
        return PrintReader(tessdata, language)
    except ModelNotFound as error:
        if visual.language:
            raise
        _log.warning("pages are not compared with their zones", reason=str(error))
        return None
