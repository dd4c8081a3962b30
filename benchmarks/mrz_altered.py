"""What is still read of pictures that are altered as scanners, cameras and codecs alter them.

    python -m benchmarks.mrz_altered FOLDER [--seed N] [--kinds "phone,moiré"] [--save FOLDER]

FOLDER holds pictures and ``truth.json``, as for ``mrz_accuracy``. Each picture is altered in each
way of ``mrz_alterations``, by chance that the seed and the picture's name fix, and read whole.
Of each kind are told: zones read exactly, with errors or doubts, not at all, and wrongly though
said to be valid; and, of pictures without a zone, those in which one was said to be. Time is
processor time.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_THREAD_LIMIT", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import statistics
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.mrz_accuracy import Sample, samples
from benchmarks.mrz_alterations import ALTERATIONS, Subject
from core.settings import PipelineSettings
from pipeline.document import is_sure
from pipeline.engine import Engine
from pipeline.mrz.glyphs import GlyphMatcher
from pipeline.mrz.grid import place
from pipeline.mrz.locate import WORKING_SIDE_PX, Band, find_bands
from pipeline.still import decode_image, read_still
from pipeline.types import ImageU8

_BANDS_TRIED = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was read of one altered picture, in ``seconds`` of processor time."""

    sample: Sample
    kind: str
    lines: tuple[str, ...]
    valid: bool
    seconds: float

    @property
    def verdict(self) -> str:
        """One of ``exact``, ``errors``, ``nothing`` and ``wrong``: valid, but not as printed."""
        if self.sample.lines and self.lines == self.sample.lines:
            return "exact"
        if self.valid:
            return "wrong"
        return "errors" if self.lines else "nothing"

    @property
    def missed(self) -> bool:
        """Whether a zone was not read exactly, or one that is not there was said to be valid."""
        return self.verdict == "wrong" or (bool(self.sample.lines) and self.verdict != "exact")


def subject_of(bgr: ImageU8, beside: ImageU8, matcher: GlyphMatcher) -> Subject:
    """The picture with the place of its zone: the band of rows that looks most like glyphs; the
    picture's middle where nothing does."""
    luma = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    height, width = luma.shape
    on_its_side = np.asarray(cv2.rotate(luma, cv2.ROTATE_90_CLOCKWISE), np.uint8)
    best: tuple[float, Band | None, bool] = (0.0, None, False)
    for view, turned in ((luma, False), (on_its_side, True)):
        for side in (WORKING_SIDE_PX, 2 * WORKING_SIDE_PX):
            for band in find_bands(view, side)[:_BANDS_TRIED]:
                zone = place(view, band, matcher)
                if zone is not None and zone.likeness > best[0]:
                    best = (zone.likeness, band, turned)
    _, found, turned = best
    if found is None:
        return Subject(bgr, (width / 2, height / 2), width / 60, (1.0, 0.0), beside)
    x, y = np.mean([row.centre_px for row in found.rows], axis=0)
    along = found.rows[0].direction
    if turned:
        x, y, along = y, height - 1 - x, (along[1], -along[0])
    return Subject(bgr, (float(x), float(y)), found.pitch_px, along, beside)


def subjects(pictures: Sequence[Sample], models: Path) -> list[Subject]:
    """The pictures decoded, each with one without a zone beside it."""
    matcher = GlyphMatcher(models)
    decoded = [decode_image(sample.path.read_bytes()) for sample in pictures]
    bare = [bgr for sample, bgr in zip(pictures, decoded, strict=True) if not sample.lines]
    bare = bare or decoded
    return [
        subject_of(bgr, bare[number % len(bare)], matcher) for number, bgr in enumerate(decoded)
    ]


def outcome(
    engine: Engine, sample: Sample, subject: Subject, kind: str, seed: int, save: Path | None
) -> Outcome | None:
    """One picture altered and read; None where it does not allow the alteration."""
    chance = zlib.crc32(f"{sample.path.name} {kind}".encode())
    altered = ALTERATIONS[kind](subject, np.random.default_rng([seed, chance]))
    if altered is None:
        return None
    began = time.process_time()
    read = read_still(engine, altered).mrz
    seconds = time.process_time() - began
    lines = () if read is None else read.lines
    told = Outcome(sample, kind, lines, read is not None and is_sure(read), seconds)
    if save is not None and told.missed:
        name = f"{kind.replace(' ', '-')}_{sample.path.stem}_{told.verdict}.png"
        cv2.imwrite(str(save / name), altered)
    return told


HEADING = f"{'kind':28}{'exact':>9}{'errors':>8}{'nothing':>9}{'valid, wrong':>14}{'s':>7}"


def row(kind: str, told: Sequence[Outcome]) -> str:
    """One kind's line of the table; ``valid, wrong`` counts pictures without a zone as well."""
    shown = [one for one in told if one.sample.lines]
    counts = {
        verdict: sum(one.verdict == verdict for one in shown) for verdict in ("errors", "nothing")
    }
    exact = f"{sum(one.verdict == 'exact' for one in shown)}/{len(shown)}"
    wrong = sum(one.verdict == "wrong" for one in told)
    median = statistics.median(one.seconds for one in told)
    return (
        f"{kind:28}{exact:>9}{counts['errors']:>8}{counts['nothing']:>9}{wrong:>14}{median:>7.2f}"
    )


def main() -> None:
    """Command line: a folder, and what to do with its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default="", help="some of them, with commas between")
    parser.add_argument("--save", type=Path, help="folder for altered pictures that are misread")
    parser.add_argument("--errors", action="store_true", help="name the pictures misread")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    kinds = [kind.strip() for kind in options.kinds.split(",") if kind.strip()] or [*ALTERATIONS]
    unknown = [kind for kind in kinds if kind not in ALTERATIONS]
    if unknown:
        parser.error(f"no such kind: {unknown[0]}; there are: {', '.join(ALTERATIONS)}")
    if options.save is not None:
        options.save.mkdir(parents=True, exist_ok=True)
    settings = PipelineSettings.model_validate({"mrz": {"deadline_ms": 20_000}})
    engine = Engine(settings)
    pictures = samples(options.folder)
    shown = subjects(pictures, settings.models.resolve())
    print(HEADING)
    every: list[Outcome] = []
    for kind in kinds:
        tried = (
            outcome(engine, sample, subject, kind, options.seed, options.save)
            for sample, subject in zip(pictures, shown, strict=True)
        )
        told = [one for one in tried if one is not None]
        if told:
            print(row(kind, told), flush=True)
        every += told
        if options.errors:
            for one in told:
                if one.missed:
                    print(f"    {one.sample.path.name}: {one.verdict}", flush=True)
    print(row("all", every))


if __name__ == "__main__":
    main()
