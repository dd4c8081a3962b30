"""How many zones a reader gets exactly right, how many silently wrong, and how long it takes.

    python -m benchmarks.mrz_accuracy FOLDER [--readers package.module:function ...]
    python -m benchmarks.mrz_accuracy FOLDER --peers ENVIRONMENT

FOLDER holds pictures and ``truth.json``: ``{"items": [{"file": …, "mrz_lines": […] or null,
"kind": …}]}``. A reader is a function of a path that returns lines: a list of strings, or
``{"lines": …, "valid": …}``; without ``valid``, lines whose check digits all pass count as
claimed valid. One thread; plain Tesseract on the same pictures sets the time that others are
compared with, in processor time. ``--peers`` also asks fastmrz, PassportEye and RapidOCR, in a
virtual environment that it makes there (``mrz_peers``).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_THREAD_LIMIT", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import tesserocr

from benchmarks.mrz_peers import PACKAGES
from core.errors import MrzFormatError
from core.settings import MrzSettings
from pipeline.mrz.parse import parse_lines
from pipeline.types import CheckResult

Reader = Callable[[str], Any]
OURS = "pipeline.still:read_mrz_lines"


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture; ``lines`` is empty where it shows no zone."""

    path: Path
    lines: tuple[str, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader said of one sample. ``seconds``: processor time."""

    sample: Sample
    lines: tuple[str, ...]
    valid: bool
    seconds: float

    @property
    def exact(self) -> bool:
        return bool(self.sample.lines) and self.lines == self.sample.lines


def samples(folder: Path) -> list[Sample]:
    """The pictures that the folder's truth names."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return [
        Sample(folder / item["file"], tuple(item.get("mrz_lines") or ()), item.get("kind") or "")
        for item in truth["items"]
    ]


def function(path: str) -> Reader:
    """The reader at ``module:function``."""
    module, name = path.split(":")
    found: Reader = getattr(importlib.import_module(module), name)
    return found


def answer(reader: Reader, sample: Sample) -> Answer:
    """Ask a reader; what it raises counts as no answer."""
    began = time.process_time()
    try:
        said = reader(str(sample.path))
    except Exception:  # peers raise what they like
        said = []
    seconds = time.process_time() - began
    if isinstance(said, dict):
        lines = tuple(said.get("lines") or ())
        valid = bool(said.get("valid")) if "valid" in said else all_pass(lines)
    else:
        lines = tuple(said or ())
        valid = all_pass(lines)
    return Answer(sample, lines, valid, seconds)


def all_pass(lines: Sequence[str]) -> bool:
    """Whether lines are a zone of which no check digit fails."""
    try:
        read = parse_lines(lines)
    except MrzFormatError:
        return False
    return CheckResult.FAIL not in read.check_digits.values()


def plain_tesseract(settings: MrzSettings) -> Reader:
    """Tesseract on the whole page, without any help: the measure of time."""
    api = tesserocr.PyTessBaseAPI(path=str(settings.tessdata), lang=settings.language)

    def read(path: str) -> list[str]:
        api.SetImageFile(path)
        text: str = api.GetUTF8Text()
        rows = ["".join(row.split()) for row in text.splitlines()]
        return [row for row in rows if len(row) in (30, 36, 44) and "<" in row]

    return read


def environment(folder: Path) -> Path:
    """The interpreter of the peers' environment, made there on first use from the index."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    for packages in PACKAGES.values():
        command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        if subprocess.run([*command, *packages]).returncode:
            print(f"not installed: {packages[0]}", flush=True)
    return python


def peer_answers(python: Path, name: str, pictures: Sequence[Sample]) -> list[Answer]:
    """What a peer says of the pictures; none where it does not start."""
    script = Path(__file__).with_name("mrz_peers.py")
    command = [str(python), str(script), name, *(str(sample.path) for sample in pictures)]
    done = subprocess.run(command, capture_output=True, text=True)
    said = [json.loads(row) for row in done.stdout.splitlines() if row.startswith('{"lines"')]
    if len(said) != len(pictures):
        print(done.stderr.strip().rpartition("\n")[2], flush=True)
        return []
    return [
        Answer(sample, tuple(one["lines"]), all_pass(one["lines"]), one["seconds"])
        for sample, one in zip(pictures, said, strict=True)
    ]


HEADING = (
    f"{'reader':32}{'exact':>9}{'photos':>9}{'valid, wrong':>14}{'no zone, valid':>16}"
    f"{'time, median':>14}"
)


def report(name: str, answers: Sequence[Answer], unit_s: float) -> str:
    """One row: exact, silently wrong, accepted without a zone, time over plain Tesseract's."""
    shown = [a for a in answers if a.sample.lines]
    blank = [a for a in answers if not a.sample.lines]
    photos = [a for a in shown if "photo" in a.sample.kind]
    median = statistics.median(a.seconds for a in answers)
    exact = f"{sum(a.exact for a in shown)}/{len(shown)}"
    by_camera = f"{sum(a.exact for a in photos)}/{len(photos)}"
    wrong = sum(a.valid and not a.exact for a in shown)
    accepted = f"{sum(a.valid for a in blank)}/{len(blank)}"
    return f"{name:32}{exact:>9}{by_camera:>9}{wrong:>14}{accepted:>16}{median / unit_s:>14.2f}"


def main() -> None:
    """Command line: a folder, and further readers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readers", nargs="*", default=[], metavar="MODULE:FUNCTION")
    parser.add_argument("--peers", type=Path, metavar="ENVIRONMENT", help="ask the peers as well")
    parser.add_argument("--errors", action="store_true", help="name the pictures misread")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    pictures = samples(options.folder)
    plain = [answer(plain_tesseract(MrzSettings()), sample) for sample in pictures]
    unit_s = statistics.median(a.seconds for a in plain)
    print(HEADING)
    print(report("plain Tesseract", plain, unit_s), flush=True)
    for name in (OURS, *options.readers):
        reader = function(name)
        answer(reader, pictures[0])
        answers = [answer(reader, sample) for sample in pictures]
        print(report(name, answers, unit_s), flush=True)
        if options.errors:
            for given in answers:
                if given.sample.lines and not given.exact:
                    print(f"    {given.sample.path.name}: valid {given.valid}")
    if options.peers:
        python = environment(options.peers)
        for name in PACKAGES:
            answers = peer_answers(python, name, pictures)
            print(report(name, answers, unit_s) if answers else f"{name:32}{'did not start':>18}")


if __name__ == "__main__":
    main()
