"""The loop that every network here is trained by: stages, a slow average, checkpoints.

A stage is one OneCycle of AdamW (Smith & Topin, Super-Convergence, 2018). What is exported is the
average of the weights over the last steps, not the weights themselves. Everything needed to go on
after a stop lies in the checkpoint; it appears under its name only when complete.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)
Groups = Sequence[dict[str, Any]]
"""Parameters and their settings, as AdamW takes them."""

_LARGEST_GRADIENT = 5.0


@dataclass(frozen=True, slots=True)
class Cycle:
    """One stage of any training: steps, highest learning rate, share of steps until it."""

    steps: int
    peak: float
    rise: float


@dataclass(frozen=True, slots=True)
class Habits:
    """What differs between trainings: `keep` is how much of the average a step leaves."""

    keep: float
    told_every: int
    saved_every: int


class Learner(Generic[Net]):
    """Network, its slow average, optimiser; one per run."""

    def __init__(self, checkpoint: Path, net: Net, habits: Habits) -> None:
        """Goes on from `checkpoint` where it exists, else from `net`."""
        self.checkpoint = checkpoint
        self.net = net.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).eval()
        self.done: list[int] = []
        self._habits = habits
        self._state: dict[str, Any] | None = None
        if checkpoint.exists():
            saved = torch.load(checkpoint, weights_only=True)
            self.net.load_state_dict(saved["net"])
            self.average.load_state_dict(saved["average"])
            self.done, self._state = list(saved["done"]), saved["optimiser"]

    def begin(self, place: int) -> int:
        """How many steps of stage number `place` are done."""
        self.done += [0] * (place + 1 - len(self.done))
        return self.done[place]

    def run(
        self,
        place: int,
        cycle: Cycle,
        groups: Groups,
        loss: Callable[[float], Tensor],
        told: Callable[[], str],
    ) -> None:
        """Train stage number `place` to its end, from where a checkpoint left it.

        `loss` takes the stage's progress, 0 to 1, and gives the loss of a new batch; `told` gives
        the words of a line of the log.
        """
        done = self.begin(place)
        optimiser, schedule = self._optimiser(cycle, groups, done)
        began = time.monotonic()
        for step in range(done + 1, cycle.steps + 1):
            optimiser.zero_grad(set_to_none=True)
            loss(step / cycle.steps).backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), _LARGEST_GRADIENT)
            optimiser.step()
            schedule.step()
            seen = sum(self.done)
            self._follow(min(self._habits.keep, (1 + seen) / (10 + seen)))
            self.done[place] = step
            if step % self._habits.told_every == 0:
                pace = (time.monotonic() - began) / (step - done)
                print(f"stage {place} step {step}/{cycle.steps} {pace:.2f} s {told()}", flush=True)
            if step % self._habits.saved_every == 0 or step == cycle.steps:
                self._save(optimiser)

    def _optimiser(
        self, cycle: Cycle, groups: Groups, done: int
    ) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.OneCycleLR]:
        optimiser = torch.optim.AdamW([dict(group) for group in groups], lr=cycle.peak)
        if done and self._state is not None:
            optimiser.load_state_dict(self._state)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            cycle.peak,
            total_steps=cycle.steps + 1,
            pct_start=cycle.rise,
            last_epoch=done - 1 if done else -1,
        )
        return optimiser, schedule

    def _follow(self, keep: float) -> None:
        with torch.no_grad():
            pairs = zip(
                self.average.state_dict().values(), self.net.state_dict().values(), strict=True
            )
            for slow, fast in pairs:
                if slow.dtype.is_floating_point:
                    slow.lerp_(fast, 1 - keep)
                else:
                    slow.copy_(fast)

    def _save(self, optimiser: torch.optim.AdamW) -> None:
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        part = self.checkpoint.with_suffix(".part")
        torch.save(
            {
                "net": self.net.state_dict(),
                "average": self.average.state_dict(),
                "done": self.done,
                "optimiser": optimiser.state_dict(),
            },
            part,
        )
        part.replace(self.checkpoint)


def load_average(checkpoint: Path, net: Net) -> Net:
    """`net` with the averaged weights of a checkpoint, ready to evaluate."""
    net.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    net.eval()
    return net
