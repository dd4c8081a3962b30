"""Trains the corner network on composed scenes; stops and goes on at any checkpoint.

`python -m models.training.train_corners` runs the stages of `RECIPE`, small pictures first. Set
OMP_WAIT_POLICY=passive and GOMP_SPINCOUNT=0 where other work shares the processor: spinning
threads made a step ten times slower there. Checkpoints lie in `.cache/train/corners`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from models.training.batches import Batch, make_batch
from models.training.corner_net import CornerNet, CornerOutputs, window_average
from models.training.dataset import SCENES, Shard, finished, read_shard
from models.training.drawing import Rng
from models.training.learning import Cycle, Habits, Learner
from models.training.warm_start import from_onnx

CHECKPOINTS = Path(".cache/train/corners")
_HABITS = Habits(keep=0.998, told_every=50, saved_every=200)
_RISE = 0.08
_RELOAD_EVERY = 400


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the recipe: picture side in pixels, steps, batch, highest learning rate."""

    size: int
    steps: int
    batch: int
    peak: float

    @classmethod
    def parse(cls, text: str) -> Stage:
        """`size:steps:batch:peak`, as on the command line. Raises ValueError."""
        size, steps, batch, peak = text.split(":")
        return cls(int(size), int(steps), int(batch), float(peak))


RECIPE = "128:4000:48:3e-3,192:5500:32:1.5e-3,256:4800:32:1e-3,256:1800:32:6e-4"


class Losses:
    """The parts of the loss, their weights, and a running mean of each for the log."""

    def __init__(self) -> None:
        self.running: dict[str, float] = {}

    def _note(self, name: str, value: Tensor, weight: float) -> Tensor:
        now = float(value.detach())
        self.running[name] = 0.97 * self.running.get(name, now) + 0.03 * now
        return value * weight

    def told(self) -> str:
        """The running means, for the log."""
        return " ".join(f"{name} {value:.3f}" for name, value in self.running.items())

    def __call__(self, outputs: CornerOutputs, batch: Batch, progress: float) -> Tensor:
        """The weighted sum; `progress` 0 to 1 narrows the heat maps' targets."""
        present = torch.from_numpy(batch.present)
        total = self._note(
            "presence", functional.binary_cross_entropy_with_logits(outputs.presence, present), 0.7
        )
        total = total + self._note(
            "mask",
            functional.binary_cross_entropy_with_logits(outputs.mask, torch.from_numpy(batch.mask)),
            1.0,
        )
        total = total + self._note(
            "band",
            functional.binary_cross_entropy_with_logits(outputs.band, torch.from_numpy(batch.band)),
            1.0,
        )
        if (batch.present > 0.5).any():
            total = total + self._corners(outputs, batch, progress)
        for name, logits, truth, weight in (
            ("turn", outputs.turn, batch.turn, 0.1),
            ("kind", outputs.kind, batch.kind, 0.1),
        ):
            if (truth >= 0).any():
                loss = functional.cross_entropy(logits, torch.from_numpy(truth), ignore_index=-1)
                total = total + self._note(name, loss, weight)
        return total

    def _corners(self, outputs: CornerOutputs, batch: Batch, progress: float) -> Tensor:
        grid = outputs.heat.shape[-1]
        present = torch.from_numpy(batch.present > 0.5)
        seen = torch.from_numpy(batch.seen & (batch.present > 0.5)[:, None])
        truth = torch.from_numpy(batch.quads) * grid
        # A corner beyond the picture is taught as the nearest cell of its rim: still called cut.
        target = _gaussians(truth.clamp(0.5, grid - 0.5), grid, 1.5 - 0.6 * progress)
        logs = torch.log_softmax(outputs.heat.flatten(2), -1)
        cross = self._note("heat", -(target * logs).sum(-1)[present].mean(), 0.35)
        if not seen.any():
            return cross
        place = window_average(outputs.heat, outputs.offset, truth)
        near = functional.smooth_l1_loss(place[seen], truth[seen], beta=0.25)
        return cross + self._note("place", near, 1.0)


def _gaussians(truth: Tensor, grid: int, spread: float) -> Tensor:
    """B×4×2 places in cells → B×4×(G·G) targets that add up to 1."""
    places = torch.arange(grid) + 0.5
    x = torch.exp(-0.5 * ((places - truth[..., 0:1]) / spread) ** 2)
    y = torch.exp(-0.5 * ((places - truth[..., 1:2]) / spread) ** 2)
    flat = (y[..., :, None] * x[..., None, :]).flatten(2)
    return flat / flat.sum(-1, keepdim=True).clamp(min=1e-6)


def batches(folder: Path, stage: Stage, rng: Rng) -> Iterator[Batch]:
    """Endless batches from all finished shards; new shards join while training runs.

    Raises FileNotFoundError where no shard is finished.
    """
    shards: list[Shard] = []
    count = 0
    while True:
        if count % _RELOAD_EVERY == 0:
            shards = [read_shard(folder, index) for index in finished(folder)]
            if not shards:
                raise FileNotFoundError(f"no scenes in {folder}: run models.training.dataset")
        picks = ((shards[int(rng.integers(len(shards)))]) for _ in range(stage.batch))
        scenes = [shard.scene(int(rng.integers(len(shard)))) for shard in picks]
        yield make_batch(scenes, stage.size, rng)
        count += 1


def first_pictures(folder: Path) -> Tensor:
    """Up to 64 padded pictures of the first shard, to measure a network's activations on."""
    shard = read_shard(folder, next(finished(folder)))
    batch = make_batch([shard.scene(index) for index in range(min(64, len(shard)))], 256, None)
    return torch.from_numpy(batch.pictures)


class Trainer:
    """The corner network on its way; one per run."""

    def __init__(self, checkpoint: Path, net: CornerNet | None = None) -> None:
        """Goes on from `checkpoint` where it exists, else from `net`, else from nothing."""
        self.learner = Learner(checkpoint, net or CornerNet(), _HABITS)

    def run(self, place: int, stage: Stage, folder: Path) -> None:
        """Train stage number `place` to its end, from where a checkpoint left it."""
        net, losses = self.learner.net, Losses()
        rng = np.random.default_rng([place, self.learner.begin(place)])
        source = batches(folder, stage, rng)

        def loss(progress: float) -> Tensor:
            batch = next(source)
            pictures = torch.from_numpy(batch.pictures).contiguous(
                memory_format=torch.channels_last
            )
            return losses(net(pictures), batch, progress)

        decayed = [p for p in net.parameters() if p.ndim > 1]
        plain = [p for p in net.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
        self.learner.run(place, Cycle(stage.steps, stage.peak, _RISE), groups, loss, losses.told)


def main() -> None:
    """Command line: which scenes, which checkpoint, which stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, default=SCENES)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINTS / "corners.pt")
    parser.add_argument("--recipe", default=RECIPE, help="size:steps:batch:peak, comma-separated")
    parser.add_argument("--start", type=Path, help="an exported network to begin with")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    cv2.setNumThreads(1)
    net = None
    if options.start and not options.checkpoint.exists():
        net = from_onnx(options.start, first_pictures(options.scenes))
    trainer = Trainer(options.checkpoint, net)
    for place, text in enumerate(options.recipe.split(",")):
        trainer.run(place, Stage.parse(text), options.scenes)


if __name__ == "__main__":
    main()
