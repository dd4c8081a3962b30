"""What each filter of the page does to the reader.

    python -m benchmarks.enhance FOLDER [--pictures N | --first N] [--minutes M]

FOLDER holds pictures and ``truth.json`` as for ``benchmarks.mrz_accuracy``. Every picture with a
zone is read as it is and altered as cameras alter: half the size, blurred, pale, dark, noisy. The
same page is read once without a filter, the baseline, and once with each filter; ``gained`` and
``lost`` compare the two reading by reading. One thread; times are processor time of the whole
reading, as a ratio to the baseline's. ``--pictures`` takes so many, evenly chosen, ``--first`` the
first so many, ``--minutes`` begins no picture after them, and Ctrl-C ends it early: the table is of
the pictures that were read whole, and tells how many. What is done is told on standard error.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_THREAD_LIMIT", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from benchmarks.mrz_accuracy import Sample, samples
from core.errors import InvalidImage
from core.settings import EnhanceSettings, MrzSettings, PipelineSettings
from pipeline.document import is_sure
from pipeline.engine import Engine
from pipeline.still import decode_image
from pipeline.types import ImageU8

BASELINE = "no filter"
_PATIENCE_MS = 60_000
FILTERS = {
    BASELINE: EnhanceSettings(),
    "upscaling to 1800": EnhanceSettings(enable_upscaling=True),
    "upscaling to 2400": EnhanceSettings(enable_upscaling=True, target_width=2400),
    "sharpening 0.3": EnhanceSettings(enable_sharpening=True),
    "sharpening 1.0": EnhanceSettings(enable_sharpening=True, sharpen_amount=1.0),
    "CLAHE 2.0": EnhanceSettings(enable_contrast=True),
    "non-local means 10": EnhanceSettings(enable_denoise=True),
    "all four": EnhanceSettings(
        enable_upscaling=True, enable_sharpening=True, enable_contrast=True, enable_denoise=True
    ),
}


def _halved(bgr: ImageU8) -> ImageU8:
    return np.asarray(cv2.resize(bgr, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def _blurred(bgr: ImageU8) -> ImageU8:
    return np.asarray(cv2.GaussianBlur(bgr, (0, 0), bgr.shape[1] / 800), np.uint8)


def _pale(bgr: ImageU8) -> ImageU8:
    return np.asarray(np.clip(bgr * 0.35 + 140, 0, 255), np.uint8)


def _dark(bgr: ImageU8) -> ImageU8:
    return np.asarray(np.clip(bgr * 0.25 + 8, 0, 255), np.uint8)


def _noisy(bgr: ImageU8) -> ImageU8:
    grain = np.random.default_rng(0).normal(0, 14, bgr.shape)
    return np.asarray(np.clip(bgr + grain, 0, 255), np.uint8)


ALTERATIONS: dict[str, Callable[[ImageU8], ImageU8]] = {
    "as it is": lambda bgr: bgr,
    "half size": _halved,
    "blurred": _blurred,
    "pale": _pale,
    "dark": _dark,
    "noisy": _noisy,
}


@dataclass(slots=True)
class Tally:
    """Zones read exactly by alteration, against the baseline's, and processor seconds.

    ``gained``: exact where the baseline was not; ``lost``: the other way round; ``wrong``: claimed
    sure and not exact.
    """

    exact: dict[str, int] = field(default_factory=dict)
    gained: int = 0
    lost: int = 0
    wrong: int = 0
    seconds: float = 0.0

    def add(self, other: Tally) -> None:
        """Count another's in."""
        for name, count in other.exact.items():
            self.exact[name] = self.exact.get(name, 0) + count
        self.gained += other.gained
        self.lost += other.lost
        self.wrong += other.wrong
        self.seconds += other.seconds


def tally(engine: Engine, sample: Sample, bgr: ImageU8, name: str, into: dict[str, Tally]) -> None:
    """Read one altered picture with each filter, the baseline first."""
    plain = False
    for filter_name, filters in FILTERS.items():
        began = time.process_time()
        document = engine.read_image(bgr, filters)
        one = into[filter_name]
        one.seconds += time.process_time() - began
        exact = document.mrz is not None and document.mrz.lines == sample.lines
        if filter_name == BASELINE:
            plain = exact
        one.exact[name] = one.exact.get(name, 0) + exact
        one.gained += exact and not plain
        one.lost += plain and not exact
        one.wrong += document.mrz is not None and is_sure(document.mrz) and not exact


def read(engine: Engine, sample: Sample, into: dict[str, Tally]) -> bool:
    """Read one picture in every way, whole or not at all; False for one that cannot be decoded."""
    try:
        bgr = decode_image(sample.path.read_bytes())
    except InvalidImage:
        return False
    own = {name: Tally() for name in FILTERS}
    for name, altered in ALTERATIONS.items():
        tally(engine, sample, altered(bgr), name, own)
    for filter_name, one in own.items():
        into[filter_name].add(one)
    return True


def evenly(shown: Sequence[Sample], wanted: int | None) -> list[Sample]:
    """As many as are wanted, spread over all of them."""
    count = len(shown) if wanted is None else min(wanted, len(shown))
    return [shown[index * len(shown) // count] for index in range(count)]


def read_all(
    engine: Engine, shown: Sequence[Sample], minutes: float, into: dict[str, Tally]
) -> int:
    """How many pictures were read before time was over, or somebody pressed Ctrl-C."""
    began_s = time.monotonic()
    count = 0
    with contextlib.suppress(KeyboardInterrupt):
        for number, sample in enumerate(shown, 1):
            spent_min = (time.monotonic() - began_s) / 60
            if spent_min > minutes:
                break
            print(f"picture {number} of {len(shown)}, {spent_min:.0f} min", file=sys.stderr)
            count += read(engine, sample, into)
    return count


def table(tallies: dict[str, Tally], count: int) -> str:
    """One row for each filter."""
    rows = [f"{count} pictures, each in {len(ALTERATIONS)} ways"]
    unit_s = tallies[BASELINE].seconds
    for name, one in tallies.items():
        exact = ", ".join(f"{kind} {count}" for kind, count in one.exact.items())
        rows.append(
            f"{name:20} {sum(one.exact.values()):4} exact: {exact}; gained {one.gained}, "
            f"lost {one.lost}; sure but wrong {one.wrong}; {one.seconds / unit_s:.2f} ×"
        )
    return "\n".join(rows)


def main() -> None:
    """Command line: a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=None, help="so many, evenly chosen")
    parser.add_argument("--first", type=int, default=None, help="the first so many")
    parser.add_argument("--minutes", type=float, default=240, help="begin no picture after them")
    options = parser.parse_args()
    if options.pictures is not None and options.pictures < 1:
        parser.error("--pictures: at least 1")
    # Time enough for whatever else the machine does: what is read is asked here, not how soon.
    engine = Engine(PipelineSettings(mrz=MrzSettings(deadline_ms=_PATIENCE_MS)))
    shown = [sample for sample in samples(options.folder) if sample.lines]
    tallies = {name: Tally() for name in FILTERS}
    count = read_all(
        engine, evenly(shown[: options.first], options.pictures), options.minutes, tallies
    )
    if not count:
        sys.exit("no picture was read")
    print(table(tallies, count))


if __name__ == "__main__":
    main()
