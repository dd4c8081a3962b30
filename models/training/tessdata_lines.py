"""Composed lines as Tesseract's training tools take them.

The strips are those of ``line_scenes``, shown as ``pipeline.mrz.tesseract`` shows a line to
Tesseract. A shard is three ``.lstmf`` files: ``short``, a few characters each; ``clear``, whole
lines whose print was large; and ``small``, the others.
Needs Debian's tesseract-ocr.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from models.training.line_scenes import LineScene, compose
from pipeline.mrz.line_net import CELL_PX, NOTHING
from pipeline.mrz.tesseract import MARGIN_CELLS, print_of
from pipeline.types import ImageU8

FIRST_SEED = 40_000_000
"""Far from the seeds that the line network learns from and is judged by."""
CLEAR_PITCH_PX = 11.0
"""Print at least this wide is learned first: from nothing, small print teaches nothing."""
KINDS = ("short", "clear", "small")
"""In the order in which they are learned: which character stands where in a whole line cannot be
guessed before any is known, so a network that knows nothing begins with a few at a time."""
_PIECES, _PIECE = 6, (2, 6)
"""Pieces tried on each clear line, and how many characters they have."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One line as Tesseract sees it: picture H×W uint8, dark on white, and its text."""

    picture: ImageU8
    text: str
    pitch_px: float


def shown(scene: LineScene) -> Shown:
    """The scene's line without the surroundings that only the network looks at."""
    first = int(np.flatnonzero(scene.cells != NOTHING)[0])
    left = max(0, first - MARGIN_CELLS)
    right = first + len(scene.text) + MARGIN_CELLS
    return _part(scene, left, right, scene.text)


def pieces(scene: LineScene) -> Iterator[Shown]:
    """A few characters at a time, hardly any of them fillers; always the same ones of a scene.

    Half of a zone is fillers: shown as they come, they are all that a network learns to say.
    """
    rng = np.random.default_rng(list(scene.text.encode("ascii")))
    first = int(np.flatnonzero(scene.cells != NOTHING)[0])
    for _ in range(_PIECES):
        count = int(rng.integers(_PIECE[0], _PIECE[1] + 1))
        begin = int(rng.integers(0, len(scene.text) - count + 1))
        text = scene.text[begin : begin + count]
        if text.count("<") <= 1:
            yield _part(scene, first + begin, first + begin + count, text)


def _part(scene: LineScene, left: int, right: int, text: str) -> Shown:
    ink = scene.strip[:, left * CELL_PX : right * CELL_PX]
    return Shown(print_of(ink), text, scene.pitch_px)


def write_shard(folder: Path, index: int, lines: int) -> None:
    """Compose ``lines`` lines into ``folder``; finished files are kept."""
    paths = [folder / f"{index:05d}-{kind}.lstmf" for kind in KINDS]
    if paths[-1].exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    seeds = range(FIRST_SEED + index * lines, FIRST_SEED + (index + 1) * lines)
    scenes = [compose(seed) for seed in seeds]
    large = [scene for scene in scenes if scene.pitch_px >= CLEAR_PITCH_PX]
    small = [shown(scene) for scene in scenes if scene.pitch_px < CLEAR_PITCH_PX]
    short = [piece for scene in large for piece in pieces(scene)]
    clear = [shown(scene) for scene in large]
    for path, part in zip(paths, (short, clear, small), strict=True):
        _as_lstmf(path, part)


def _as_lstmf(path: Path, lines: Sequence[Shown]) -> None:
    """A many-paged TIFF with its boxes, through ``tesseract … lstm.train``."""
    picture, boxes = path.with_suffix(".tif"), path.with_suffix(".box")
    pages = [Image.fromarray(line.picture) for line in lines]
    pages[0].save(picture, save_all=True, append_images=pages[1:], compression="tiff_lzw")
    boxes.write_text("".join(_boxes(lines)), encoding="ascii")
    command = ["tesseract", str(picture), str(path.with_suffix("")), "--psm", "13", "lstm.train"]
    subprocess.run(command, check=True, capture_output=True)
    picture.unlink()
    boxes.unlink()


def _boxes(lines: Sequence[Shown]) -> Iterator[str]:
    for page, line in enumerate(lines):
        height, width = line.picture.shape
        yield f"WordStr 0 0 {width} {height} {page} #{line.text}\n"
        yield f"\t {width} 0 {width + 1} {height} {page}\n"
