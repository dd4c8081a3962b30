"""Would it pay to look at several guests' frames at once? What a picture costs the corner network.

`python -m models.training.batching` (in the training environment) writes the network for 1, 2, 4
and 8 pictures at once, runs them in turn on one thread, and prints processor time a picture and
what waiting for the whole batch takes. Times do not depend on the weights: these are untrained.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from models.training.corner_net import CornerNet
from models.training.export_corners import INPUT_PX, export

BATCHES = (1, 2, 4, 8)


def session(path: Path) -> onnxruntime.InferenceSession:
    """As the server's: one thread, no spinning."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def measure(batches: tuple[int, ...], rounds: int, size: int = INPUT_PX) -> dict[int, float]:
    """Median processor time of a run in ms, by the number of pictures in it."""
    torch.manual_seed(0)
    net, rng = CornerNet().eval(), np.random.default_rng(0)
    spent: dict[int, list[float]] = {batch: [] for batch in batches}
    with tempfile.TemporaryDirectory() as folder:
        sessions = {}
        for batch in batches:
            path = Path(folder) / f"{batch}.onnx"
            export(net, path, size, batch)
            sessions[batch] = session(path)
        # In turn, so that what else the machine does falls on all of them.
        for _ in range(rounds):
            for batch, running in sessions.items():
                pictures = rng.integers(0, 256, (batch, size, size, 3), np.uint8)
                began = time.thread_time()
                running.run(None, {"picture": pictures})
                spent[batch].append((time.thread_time() - began) * 1000)
    return {batch: float(np.median(times)) for batch, times in spent.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    times = measure(BATCHES, options.rounds)
    print("pictures  ms a picture  ms a run")
    for batch, ms in times.items():
        print(f"{batch:8}  {ms / batch:12.2f}  {ms:8.2f}")


if __name__ == "__main__":
    main()
