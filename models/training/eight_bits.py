"""Would whole numbers of eight bits serve the corner network? Made, timed and scored beside it.

`python -m models.training.eight_bits` (in the training environment) reads `models/corners.onnx`,
finds the ranges of its values on composed scenes, and prints processor time a look, on one thread
and in turn with the file that ships, and the score on the validation scenes. Nothing is shipped.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from core.settings import DetectSettings
from models.training.batching import session
from models.training.dataset import SCENES, finished, read_shard
from models.training.evaluate_corners import VALIDATION, composed, measure, report
from models.training.export_corners import INPUT_PX, MODEL, ONNX
from models.training.fetch_assets import ASSETS
from models.training.manifest import note_checksum
from pipeline.detect import CornerDetector
from pipeline.weights import Weights

_CALIBRATED_ON = 100
Inputs = dict[str, Any]


class Ranges(CalibrationDataReader):
    """Scenes as the detector shows them to the network, one by one."""

    def __init__(self, scenes: Path, count: int) -> None:
        self._inputs = self._read(scenes, count)

    def _read(self, scenes: Path, count: int) -> Iterator[Inputs]:
        shard = read_shard(scenes, next(finished(scenes)))
        watched = _Watched()
        detector = CornerDetector(DetectSettings(), watched, INPUT_PX)
        for place in range(min(count, len(shard))):
            detector.find(np.asarray(shard.images[place]))
            yield watched.seen

    def get_next(self) -> Inputs | None:
        return next(self._inputs, None)


class _Watched:
    """The shipped network, which remembers what it was last shown."""

    def __init__(self) -> None:
        self._inside = session(ONNX)
        self.seen: Inputs = {}

    def run(self, names: Any, inputs: Inputs) -> Any:
        self.seen = inputs
        return self._inside.run(names, inputs)


def quantise(exact: Path, made: Path, scenes: Path, count: int = _CALIBRATED_ON) -> None:
    """Write `exact` with weights and values of eight bits, a scale for each channel."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        quant_pre_process(exact, plain)
        quantize_static(
            plain,
            made,
            Ranges(scenes, count),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def milliseconds(files: list[Path], rounds: int) -> list[float]:
    """Median processor time of a look by each file, taken in turn."""
    running = [session(path) for path in files]
    rng = np.random.default_rng(0)
    spent: list[list[float]] = [[] for _ in files]
    for _ in range(rounds):
        picture = rng.integers(0, 256, (1, INPUT_PX, INPUT_PX, 3), np.uint8)
        for times, one in zip(spent, running, strict=True):
            began = time.thread_time()
            one.run(None, {"picture": picture})
            times.append((time.thread_time() - began) * 1000)
    return [float(np.median(times)) for times in spent]


def main() -> None:
    """Command line: scenes to find ranges on, scenes to score on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, default=SCENES)
    parser.add_argument("--validation", type=Path, default=VALIDATION)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        made = models / ONNX.name
        quantise(ONNX, made, options.scenes)
        for path, ms in zip((ONNX, made), milliseconds([ONNX, made], options.rounds), strict=True):
            print(f"{path.stat().st_size / 1e6:5.2f} MB  {ms:5.2f} ms a look")
        note_checksum(models / "manifest.toml", MODEL, made, "eight bits, for comparison")
        detector = CornerDetector.load(DetectSettings(), Weights(models))
        print(report(measure(detector, composed(options.validation, ASSETS))))


if __name__ == "__main__":
    main()
