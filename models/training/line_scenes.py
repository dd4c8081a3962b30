"""Line strips as the reader cuts them from bad pictures, with what each character cell holds.

A line is printed with its neighbours on patterned paper, seen by a camera at a low resolution,
coded, and cut out again by the reader's own functions with the errors that finding lines makes.

    python -m models.training.line_scenes --shards 24

composes into ``.cache/train/mrz``. A shard is ``NNNNN.strips.npy`` (N×32×576 uint8,
memory-mapped when read) beside ``NNNNN.cells.npy`` (N×48 uint8, ``NOTHING`` where no character
stands); the latter appears only when both are complete.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training import line_camera, line_paper
from models.training.drawing import Plane, Rng
from models.training.line_print import PITCH_PX, Style, print_line, worn
from models.training.line_texts import line
from pipeline.mrz.check_digits import ALPHABET
from pipeline.mrz.line_net import CELL_PX, INPUT_HEIGHT_PX, NOTHING, as_input
from pipeline.mrz.strips import STRIP_HEIGHT_PX, STRIP_PITCH_PX, LineStrip, cut, ink_of, level

FOLDER = Path(".cache/train/mrz")
SHARD_LINES = 4000
CELLS = 48
_SPARE = 2
_CANVAS = (4 * PITCH_PX, (CELLS + 2 * _SPARE) * PITCH_PX)


@dataclass(frozen=True, slots=True)
class LineScene:
    """strip: 32×576 uint8, ink as the network takes it. cells: 48 uint8, indices into the
    alphabet or ``NOTHING``. text, and the pitch in pixels at which the camera saw it."""

    strip: NDArray[np.uint8]
    cells: NDArray[np.uint8]
    text: str
    pitch_px: float


def compose(seed: int) -> LineScene:
    """The scene of a seed; always the same for the same seed."""
    rng = np.random.default_rng([5_717, seed])
    text = line(rng)
    first = int(rng.integers(1, CELLS - len(text)))
    style = Style.pick(rng)
    paper = line_paper.paper(_CANVAS, rng)
    ink = worn(_printed(text, first, style, rng), style.wear, rng)
    seen = line_paper.inked(paper, ink, rng)
    view = line_camera.View.pick(rng)
    picture = line_camera.photograph(seen, view, rng)
    strip = _cut_out(picture, view, first, len(text), rng)
    cells = np.full(CELLS, NOTHING, np.uint8)
    cells[first : first + len(text)] = [ALPHABET.index(character) for character in text]
    return LineScene(strip, cells, text, view.scale * PITCH_PX)


def _printed(text: str, first: int, style: Style, rng: Rng) -> Plane:
    """The line in the middle of the canvas, its neighbours above and below."""
    ink = np.zeros(_CANVAS, np.float32)
    left, middle = (first + _SPARE) * PITCH_PX, _CANVAS[0] / 2
    print_line(ink, text, left, middle, style, rng)
    step = float(rng.uniform(1.55, 2.7)) * PITCH_PX
    for side in (-1, 1):
        if rng.random() < 0.6:
            other = line(rng).ljust(len(text), "<")[: len(text)]
            print_line(ink, other, left, middle + side * step, style, rng)
    if rng.random() < 0.12:
        line_paper.rule(ink, rng)
    return ink


def _cut_out(
    picture: NDArray[np.uint8], view: line_camera.View, first: int, count: int, rng: Rng
) -> NDArray[np.uint8]:
    """The strip as the reader finds it: a little off in place, turn, pitch and proportion."""
    clumsy = 2.2 if rng.random() < 0.12 else 1.0
    scale = STRIP_PITCH_PX / PITCH_PX / view.scale
    middle = np.array([_CANVAS[1] / 2, _CANVAS[0] / 2]) @ view.turn.T * view.scale + view.shift_px
    slip = rng.normal(0, 1, 2) * (1.6, 1.2) * clumsy / scale
    angle = view.angle + float(rng.normal(0, 0.0022)) * clumsy
    width = CELLS * STRIP_PITCH_PX
    luma = cut(
        picture,
        (float(middle[0] + slip[0]), float(middle[1] + slip[1])),
        (float(np.cos(angle)), float(np.sin(angle))),
        scale * (1 + float(rng.normal(0, 0.001)) * clumsy),
        width,
        float(rng.choice((1, 1, 1, 0.85, 1.2)) * rng.normal(1, 0.04)),
    )
    ink = ink_of(luma)
    if rng.random() < 0.3:
        left, right = (place * STRIP_PITCH_PX for place in (first, first + count))
        ink = level(ink, left, right)
    centres = (np.arange(CELLS) + 0.5) * STRIP_PITCH_PX
    across = np.linspace(-1, 1, CELLS)
    bow = rng.normal(0, 1.2) * across**2 + rng.normal(0, 1.2) * across
    return as_input(LineStrip(ink, (centres + bow).astype(np.float32)), 0)


def write_shard(folder: Path, index: int, count: int) -> None:
    """Compose ``count`` lines with seeds from index·SHARD_LINES on; a finished shard is kept."""
    cells_path = folder / f"{index:05d}.cells.npy"
    if cells_path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    scenes = [compose(index * SHARD_LINES + place) for place in range(count)]
    np.save(folder / f"{index:05d}.strips.npy", np.stack([scene.strip for scene in scenes]))
    part = cells_path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, np.stack([scene.cells for scene in scenes]))
    part.replace(cells_path)


def read_shard(folder: Path, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Strips N×32×576 and cells N×48. Raises FileNotFoundError where the shard does not exist."""
    cells = np.load(folder / f"{index:05d}.cells.npy")
    strips = np.load(folder / f"{index:05d}.strips.npy", mmap_mode="r")
    return strips, cells


def finished(folder: Path) -> Iterator[int]:
    """Numbers of the complete shards in a folder, ascending."""
    for path in sorted(folder.glob("[0-9]*.cells.npy")):
        yield int(path.name.split(".")[0])


def contact_sheet(first: int, count: int) -> NDArray[np.uint8]:
    """Strips below each other, dark on white, to be looked at."""
    rows = [255 - compose(seed).strip for seed in range(first, first + count)]
    rule = np.zeros((2, CELLS * CELL_PX), np.uint8)
    assert rows[0].shape[0] == INPUT_HEIGHT_PX <= STRIP_HEIGHT_PX
    return np.concatenate([part for row in rows for part in (row, rule)])


def main() -> None:
    """Command line: compose shards, or a sheet of samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shards", type=int, default=24)
    parser.add_argument("--lines", type=int, default=SHARD_LINES, help="per shard")
    parser.add_argument("--sheet", type=Path, help="write a picture of samples instead")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.sheet:
        cv2.imwrite(str(options.sheet), contact_sheet(options.first, 40))
        return
    for index in range(options.first, options.first + options.shards):
        began = time.monotonic()
        write_shard(options.folder, index, options.lines)
        print(f"shard {index}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
