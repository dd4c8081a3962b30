"""Batches of strips: varied in place and strength, with what every step of the network shows.

Arrays share the first axis: strips N×32×576 uint8, cells N×48 uint8 as in ``line_scenes``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.drawing import Rng
from models.training.line_scenes import CELLS, finished, read_shard
from pipeline.mrz.line_net import CELL_PX, NOTHING, STEPS_PER_CELL

CLASSES = NOTHING + 1
STEP_PX = CELL_PX // STEPS_PER_CELL
_RELOAD_EVERY = 200
_SLIP_PX = 6
"""Strips are shifted along the line by up to half a cell, and what is taught with them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """ink: B×1×32×576 float32, 0 to 255. target: B×38×144 float32 shares of each class."""

    ink: NDArray[np.float32]
    target: NDArray[np.float32]


def make_batch(strips: NDArray[np.uint8], cells: NDArray[np.uint8], rng: Rng) -> Batch:
    """Vary strips (B×32×576) and say what each step shows (cells: B×48)."""
    count, height, width = strips.shape
    ink = np.zeros((count, 1, height, width), np.float32)
    target = np.zeros((count, CLASSES, CELLS * STEPS_PER_CELL), np.float32)
    for place in range(count):
        slip = int(rng.integers(-_SLIP_PX, _SLIP_PX + 1))
        lift = int(rng.integers(-1, 2))
        moved = np.roll(strips[place], (lift, slip), (0, 1)).astype(np.float32)
        if slip > 0:
            moved[:, :slip] = 0
        elif slip < 0:
            moved[:, slip:] = 0
        ink[place, 0] = np.clip(moved * rng.uniform(0.8, 1.15), 0, 255)
        target[place] = step_targets(cells[place], slip)
    return Batch(ink, target)


def step_targets(cells: NDArray[np.uint8], slip_px: int) -> NDArray[np.float32]:
    """38×144: a character at the step where its middle is, shared out between two steps where
    it lies between them; nothing elsewhere."""
    steps = CELLS * STEPS_PER_CELL
    target = np.zeros((CLASSES, steps), np.float32)
    filled = np.flatnonzero(cells != NOTHING)
    middles = filled * STEPS_PER_CELL + STEPS_PER_CELL // 2 + slip_px / STEP_PX
    lower = np.floor(middles).astype(int)
    for offset, share in ((0, 1 - (middles - lower)), (1, middles - lower)):
        inside = (lower + offset >= 0) & (lower + offset < steps)
        target[cells[filled][inside], lower[inside] + offset] += share[inside]
    target[NOTHING] = 1 - target[:NOTHING].sum(axis=0)
    return target


def batches(folder: Path, size: int, rng: Rng) -> Iterator[Batch]:
    """Endless batches from all finished shards. Raises FileNotFoundError where there is none."""
    shards: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    count = 0
    while True:
        if count % _RELOAD_EVERY == 0:
            shards = [read_shard(folder, index) for index in finished(folder)]
            if not shards:
                raise FileNotFoundError(f"no strips in {folder}: run models.training.line_scenes")
        strips, cells = shards[int(rng.integers(len(shards)))]
        chosen = np.sort(rng.choice(len(cells), min(size, len(cells)), replace=False))
        yield make_batch(strips[chosen], cells[chosen], rng)
        count += 1
