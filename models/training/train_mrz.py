"""Trains the MRZ line network on composed strips; stops and goes on at any checkpoint.

`python -m models.training.train_mrz` runs the stages of `RECIPE`. Set OMP_WAIT_POLICY=passive and
GOMP_SPINCOUNT=0 where other work shares the processor. The checkpoint and the strips
(`models.training.line_scenes`) lie in `.cache/train/mrz`; new shards join while training runs.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.training.learning import Cycle, Habits, Learner
from models.training.line_batches import batches
from models.training.line_scenes import CELLS, FOLDER, finished, read_shard
from models.training.mrz_net import LineNet
from pipeline.mrz.line_net import NOTHING, STEPS_PER_CELL

CHECKPOINT = FOLDER / "lines.pt"
_HABITS = Habits(keep=0.995, told_every=25, saved_every=100)
_RISE = 0.12
_NOTHING_WEIGHT = 0.35


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the recipe: steps, lines in a batch, highest learning rate."""

    steps: int
    batch: int
    peak: float

    @classmethod
    def parse(cls, text: str) -> Stage:
        """`steps:batch:peak`, as on the command line. Raises ValueError."""
        steps, batch, peak = text.split(":")
        return cls(int(steps), int(batch), float(peak))


RECIPE = "1200:24:4e-3,3400:24:2.5e-3,1700:24:1.2e-3"


def loss_of(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy over the steps, those that show nothing counting less."""
    cross = -(target * torch.log_softmax(logits, 1)).sum(1)
    weights = 1 - (1 - _NOTHING_WEIGHT) * target[:, NOTHING]
    return (cross * weights).sum() / weights.sum()


def cells_read(logits: Tensor) -> NDArray[np.int64]:
    """B×38×144 logits of unshifted strips → B×48, the likeliest character of each cell."""
    shares = torch.softmax(logits, 1)[:, :NOTHING]
    by_cell = shares.reshape(shares.shape[0], NOTHING, CELLS, STEPS_PER_CELL).sum(3)
    return np.asarray(by_cell.argmax(1).numpy(), np.int64)


def score(net: LineNet, folder: Path, most: int = 800) -> tuple[float, float]:
    """Share of lines read exactly and of characters misread, on a folder's strips."""
    exact, wrong, characters, lines = 0, 0, 0, 0
    for index in finished(folder):
        strips, cells = read_shard(folder, index)
        for begin in range(0, min(most, len(cells)), 50):
            with torch.no_grad():
                ink = torch.from_numpy(strips[begin : begin + 50].astype(np.float32))[:, None]
                read = cells_read(net(ink))
            truth = cells[begin : begin + 50]
            errors = ((read != truth) & (truth != NOTHING)).sum(axis=1)
            exact, wrong = exact + int((errors == 0).sum()), wrong + int(errors.sum())
            characters, lines = characters + int((truth != NOTHING).sum()), lines + len(truth)
    return exact / max(lines, 1), wrong / max(characters, 1)


class Trainer:
    """The line network on its way; one per run."""

    def __init__(self, checkpoint: Path) -> None:
        """Goes on from `checkpoint` where it exists, else from nothing."""
        self.learner = Learner(checkpoint, LineNet(), _HABITS)

    def run(self, place: int, stage: Stage, folder: Path) -> None:
        """Train stage number `place` to its end, from where a checkpoint left it."""
        net, running = self.learner.net, 0.0
        rng = np.random.default_rng([place, self.learner.begin(place)])
        source = batches(folder, stage.batch, rng)

        def loss(_progress: float) -> Tensor:
            nonlocal running
            batch = next(source)
            ink = torch.from_numpy(batch.ink).contiguous(memory_format=torch.channels_last)
            value = loss_of(net(ink), torch.from_numpy(batch.target))
            now = float(value.detach())
            running = now if running == 0 else 0.97 * running + 0.03 * now
            return value

        groups = [{"params": list(net.parameters()), "weight_decay": 0.01}]
        cycle = Cycle(stage.steps, stage.peak, _RISE)
        self.learner.run(place, cycle, groups, loss, lambda: f"loss {running:.4f}")


def main() -> None:
    """Command line: which strips, which checkpoint, which stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strips", type=Path, default=FOLDER)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--recipe", default=RECIPE, help="steps:batch:peak, comma-separated")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    trainer = Trainer(options.checkpoint)
    for place, text in enumerate(options.recipe.split(",")):
        trainer.run(place, Stage.parse(text), options.strips)


if __name__ == "__main__":
    main()
