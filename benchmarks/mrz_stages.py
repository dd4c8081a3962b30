"""Where the time of reading a picture goes, stage by stage, beside plain Tesseract.

    python -m benchmarks.mrz_stages FOLDER

FOLDER is that of ``benchmarks.mrz_accuracy``. For each picture: plain Tesseract's processor time
in ms, and ours and that of each stage as shares of it. One thread; a stage's time is its own, less
that of the stages within it. The last rows are medians, and each stage's share of all our time.

- *open*: decoding the file. *outline*: the corner network. *flatten*: page and quality.
- *rows*: search for rows of print. *cells*: laying the grid, and the network's first look at it.
- *read*: network and glyphs. *third*: Tesseract, where these leave doubt. *decode*: format and
  check digits. *barcode*: a licence's, where there is no zone. *else*: all the rest.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from benchmarks.mrz_accuracy import OURS, function, plain_tesseract, samples
from core.settings import MrzSettings
from pipeline import burst, engine, still
from pipeline.detect import CornerDetector
from pipeline.mrz import search
from pipeline.mrz.reader import MrzReader

STAGES: dict[str, Sequence[tuple[object, str]]] = {
    "open": [(still, "decode_image")],
    "outline": [(CornerDetector, "detect")],
    "flatten": [(burst.Burst, "develop"), (still, "measure_quality")],
    "rows": [(search, "find_rows"), (search, "bands_of")],
    "cells": [(search.ZoneFinder, "_placed")],
    "read": [(MrzReader, "first_opinion")],
    "third": [(MrzReader, "second_opinion")],
    "decode": [(MrzReader, "decoded")],
    "barcode": [(engine, "read_licence")],
}
"""Stage -> the functions whose time it is, by where they are looked up."""
ELSE = "else"


@dataclass(slots=True)
class Stopwatch:
    """Adds up processor seconds by stage; the innermost stage has the time."""

    seconds: dict[str, float] = field(default_factory=dict)
    _within: list[str] = field(default_factory=lambda: [ELSE])
    _since_s: float = 0.0

    def begin(self) -> None:
        """Count from nothing."""
        self.seconds = {}
        self._since_s = time.process_time()

    def lap(self) -> None:
        """The time up to now belongs to the stage under way."""
        now_s = time.process_time()
        stage = self._within[-1]
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now_s - self._since_s
        self._since_s = now_s

    def timed(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """``work``, whose time is counted as ``stage``."""

        @functools.wraps(work)
        def watched(*args: Any, **kwargs: Any) -> Any:
            self.lap()
            self._within.append(stage)
            try:
                return work(*args, **kwargs)
            finally:
                self.lap()
                self._within.pop()

        return watched

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While this lasts, every stage is timed."""
        before = []
        try:
            for stage, places in STAGES.items():
                for owner, name in places:
                    work = getattr(owner, name)
                    before.append((owner, name, work))
                    setattr(owner, name, self.timed(stage, work))
            yield
        finally:
            for owner, name, work in before:
                setattr(owner, name, work)


@dataclass(frozen=True, slots=True)
class Timed:
    """One picture: plain Tesseract's processor seconds, and ours by stage."""

    name: str
    plain_s: float
    stages_s: dict[str, float]

    @property
    def ours_s(self) -> float:
        return sum(self.stages_s.values())

    def row(self) -> str:
        """As shares of plain Tesseract's time."""
        return _row(self.name, self.plain_s, [self.ours_s / self.plain_s, *self._shares()])

    def _shares(self) -> list[float]:
        return [self.stages_s.get(stage, 0.0) / self.plain_s for stage in (*STAGES, ELSE)]


def _row(name: str, plain_s: float, shares: Sequence[float]) -> str:
    return f"{name[:28]:28}{1000 * plain_s:8.0f}" + "".join(f"{share:9.3f}" for share in shares)


def heading() -> str:
    words = ("picture", "plain ms", "ours", *STAGES, ELSE)
    return f"{words[0]:28}{words[1]:>8}" + "".join(f"{word:>9}" for word in words[2:])


def summary(told: Sequence[Timed]) -> list[str]:
    """Median shares of plain Tesseract's time, and each stage's share of all of ours."""
    names = (*STAGES, ELSE)
    median_s = statistics.median(one.plain_s for one in told)
    medians = [
        statistics.median(one.stages_s.get(stage, 0.0) / one.plain_s for one in told)
        for stage in names
    ]
    total_s = sum(one.ours_s for one in told)
    shares = [sum(one.stages_s.get(stage, 0.0) for one in told) / total_s for stage in names]
    ours = statistics.median(one.ours_s / one.plain_s for one in told)
    return [
        _row("median", median_s, [ours, *medians]),
        _row("share of our time", statistics.mean(one.plain_s for one in told), [1.0, *shares]),
    ]


def measure(folder: Path) -> Iterator[Timed]:
    """Each picture of the folder, by plain Tesseract and by us."""
    ours, plain, watch = function(OURS), plain_tesseract(MrzSettings()), Stopwatch()
    pictures = samples(folder)
    for reader in (plain, ours):
        reader(str(pictures[0].path))  # what is loaded once is no picture's time
    for sample in pictures:
        began_s = time.process_time()
        plain(str(sample.path))
        plain_s = time.process_time() - began_s
        with watch.watching():
            watch.begin()
            ours(str(sample.path))
            watch.lap()
        yield Timed(sample.path.name, plain_s, watch.seconds)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(heading(), flush=True)
    told = []
    for one in measure(options.folder):
        told.append(one)
        print(one.row(), flush=True)
    for line in summary(told):
        print(line)


if __name__ == "__main__":
    main()
