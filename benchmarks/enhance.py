"""What each filter of the page does to the reader.

    python -m benchmarks.enhance FOLDER [--limit N | --first N]

FOLDER holds pictures and ``truth.json`` as for ``benchmarks.mrz_accuracy``. Every picture is read
as it is and altered as cameras alter: half the size, blurred, pale, dark, noisy. The same page is
read once without a filter, the baseline, and once with each filter. One thread; times are processor
time of the whole reading, as a ratio to the baseline's. Ctrl-C ends it early, with what was read,
as ``--first`` with as many pictures.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_THREAD_LIMIT", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import contextlib
import time
from collections.abc import Callable
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
    """Zones read exactly, claimed sure but wrong, and processor seconds, for one filter."""

    exact: dict[str, int] = field(default_factory=dict)
    wrong: int = 0
    seconds: float = 0.0

    def add(self, other: Tally) -> None:
        """Count another's in."""
        for name, count in other.exact.items():
            self.exact[name] = self.exact.get(name, 0) + count
        self.wrong += other.wrong
        self.seconds += other.seconds


def tally(engine: Engine, sample: Sample, bgr: ImageU8, name: str, into: dict[str, Tally]) -> None:
    """Read one altered picture with each filter."""
    for filter_name, filters in FILTERS.items():
        began = time.process_time()
        document = engine.read_image(bgr, filters)
        one = into[filter_name]
        one.seconds += time.process_time() - began
        lines = document.mrz.lines if document.mrz is not None else ()
        one.exact[name] = one.exact.get(name, 0) + (lines == sample.lines)
        one.wrong += document.mrz is not None and is_sure(document.mrz) and lines != sample.lines


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


def main() -> None:
    """Command line: a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--limit", type=int, default=None, help="read only about so many pictures, evenly chosen"
    )
    parser.add_argument("--first", type=int, default=None, help="read only the first so many")
    options = parser.parse_args()
    # Time enough for whatever else the machine does: what is read is asked here, not how soon.
    engine = Engine(PipelineSettings(mrz=MrzSettings(deadline_ms=60_000)))
    shown = [sample for sample in samples(options.folder) if sample.lines]
    shown = shown[:: max(1, len(shown) // (options.limit or len(shown)))][: options.first]
    tallies = {name: Tally() for name in FILTERS}
    count = 0
    with contextlib.suppress(KeyboardInterrupt):
        for sample in shown:
            count += read(engine, sample, tallies)
    unit_s = tallies[BASELINE].seconds
    print(f"{count} pictures; exact by alteration, sure but wrong in all, time")
    for name, one in tallies.items():
        exact = ", ".join(f"{kind} {count}" for kind, count in one.exact.items())
        total = sum(one.exact.values())
        print(f"{name:20} {total:4}: {exact}; wrong {one.wrong}; {one.seconds / unit_s:.2f} ×")


if __name__ == "__main__":
    main()
