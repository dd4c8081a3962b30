"""Runs every training step on a few pictures: compose, train, resume, export, score.

`python -m models.training.smoke` takes under a minute on one core, needs torch, and fails with a
traceback where any step does. It proves that the steps fit together, not that anything is learnt.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch

from core.settings import DetectSettings
from models.training import batching, eight_bits, export_corners, export_mrz, mrz_net
from models.training.backgrounds import Assets
from models.training.corner_net import CornerNet
from models.training.dataset import write_shard
from models.training.evaluate_corners import composed, measure, report
from models.training.learning import load_average
from models.training.line_scenes import write_shard as write_lines
from models.training.manifest import note_checksum
from models.training.scenes import FacePool
from models.training.train_corners import Stage, Trainer, first_pictures
from models.training.train_mrz import Stage as LineStage
from models.training.train_mrz import Trainer as LineTrainer
from models.training.train_mrz import score
from models.training.warm_start import from_onnx
from pipeline.detect import CornerDetector
from pipeline.mrz.line_net import MODEL_NAME, LineNet
from pipeline.mrz.strips import LineStrip
from pipeline.weights import Weights


def run(folder: Path) -> str:
    """All steps in `folder`; returns the evaluation's report."""
    scenes, validation = folder / "scenes", folder / "validation"
    write_shard(scenes, 0, 12, Assets(), FacePool(0, 6))
    write_shard(validation, 0, 8, Assets(), FacePool(100, 4))
    checkpoint = folder / "corners.pt"
    Trainer(checkpoint).run(0, Stage(128, 2, 4, 1e-3), scenes)
    resumed = Trainer(checkpoint)
    if resumed.learner.done != [2]:
        raise AssertionError(
            f"the checkpoint resumes at {resumed.learner.done}, not after two steps"
        )
    resumed.run(0, Stage(128, 3, 4, 1e-3), scenes)
    resumed.run(1, Stage(256, 1, 2, 1e-3), scenes)
    resumed.run(2, Stage(192, 1, 2, 1e-3), scenes)
    models = folder / "models"
    models.mkdir()
    net, onnx = load_average(checkpoint, CornerNet()), models / "corners.onnx"
    export_corners.export(net, onnx)
    note_checksum(models / "manifest.toml", export_corners.MODEL, onnx, export_corners.ORIGIN)
    _begin_with(onnx, net, scenes)
    settings = DetectSettings(min_confidence=0.0, min_area=0.0)
    detector = CornerDetector.load(settings, Weights(models))
    _several_at_once()
    eight_bits.quantise(onnx, folder / "eight.onnx", scenes, 2)
    return report(measure(detector, composed(validation, folder / "none")))


def _several_at_once() -> None:
    times = batching.measure((1, 2), 1, size=64)
    if sorted(times) != [1, 2] or min(times.values()) <= 0:
        raise AssertionError(f"batches were not timed: {times}")


def _begin_with(exported: Path, expected: CornerNet, scenes: Path) -> None:
    """A network read back from its export must say what it said before."""
    pictures = first_pictures(scenes)
    begun = from_onnx(exported, pictures)
    with torch.no_grad():
        pairs = zip(begun.eval()(pictures), expected.eval()(pictures), strict=True)
        worst = max(float((one - other).abs().max()) for one, other in pairs)
    if worst > 1e-2:
        raise AssertionError(f"the network begun with an export differs by {worst:.2g}")


def run_lines(folder: Path) -> str:
    """All steps of the line network in `folder`; returns its score."""
    strips, validation = folder / "strips", folder / "strips-validation"
    write_lines(strips, 0, 8)
    write_lines(validation, 9, 4)
    checkpoint = folder / "lines.pt"
    LineTrainer(checkpoint).run(0, LineStage(2, 4, 1e-3), strips)
    resumed = LineTrainer(checkpoint)
    if resumed.learner.done != [2]:
        raise AssertionError(
            f"the checkpoint resumes at {resumed.learner.done}, not after two steps"
        )
    resumed.run(0, LineStage(3, 4, 1e-3), strips)
    models = folder / "line-models"
    net, onnx = load_average(checkpoint, mrz_net.LineNet()), models / "mrz" / "lines.onnx"
    export_mrz.export(net, onnx)
    note_checksum(models / "manifest.toml", MODEL_NAME, onnx, export_mrz.ORIGIN)
    strip = LineStrip(np.zeros((40, 900), np.float32), np.arange(40, 640, 20, dtype=np.float32))
    if LineNet.load(models).scores(strip).shape != (30, 37):
        raise AssertionError("the exported network does not fit the reader")
    exact, wrong = score(net, validation)
    return f"lines: {exact:.0%} exact, {wrong:.0%} of characters wrong"


def main() -> None:
    """Command line without options."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        print(run(Path(folder)))
        print(run_lines(Path(folder)))


if __name__ == "__main__":
    main()
