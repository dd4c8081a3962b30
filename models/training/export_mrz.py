"""Writes the trained line network as ONNX, proves that it agrees, and notes its checksum.

`python -m models.training.export_mrz` reads the checkpoint of `train_mrz` and writes
`models/mrz/lines.onnx` and its table in `models/manifest.toml`.

Input `ink`: B×32×W uint8, W a multiple of 12 (`pipeline.mrz.line_net.as_input`). Output `logits`:
B×38×W/4. Normalisation is part of the network.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.training.exporting import OPSET, difference
from models.training.learning import load_average
from models.training.manifest import MANIFEST, note_checksum
from models.training.mrz_net import LineNet
from models.training.train_mrz import CHECKPOINT, score
from pipeline.mrz.line_net import CELL_PX, INPUT_HEIGHT_PX, MODEL_NAME

ONNX = Path("models/mrz/lines.onnx")
ORIGIN = "trained by models/training/train_mrz.py on composed lines alone"
VALIDATION = Path(".cache/train/mrz-validation")


class Exported(nn.Module):
    """The network behind bytes of ink, so that no caller can normalise wrongly."""

    def __init__(self, net: LineNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, ink: Tensor) -> Tensor:
        """B×32×W uint8 → B×38×W/4 logits."""
        logits: Tensor = self.net(ink.unsqueeze(1).float())
        return logits


def export(net: LineNet, path: Path) -> float:
    """Write the ONNX file, for lines of any length; returns the largest difference to torch.

    The difference is relative, seen on random lines of three lengths. Raises ValueError where it
    is more than rounding.
    """
    model = Exported(net).eval()
    rng = np.random.default_rng(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model,
        (torch.zeros(1, INPUT_HEIGHT_PX, 48 * CELL_PX, dtype=torch.uint8),),
        str(path),
        opset_version=OPSET,
        dynamo=False,
        input_names=["ink"],
        output_names=["logits"],
        dynamic_axes={"ink": {0: "lines", 2: "width"}, "logits": {0: "lines", 2: "steps"}},
    )
    shapes = ((2, INPUT_HEIGHT_PX, cells * CELL_PX) for cells in (34, 40, 48))
    return difference(model, path, (rng.integers(0, 256, shape, np.uint8) for shape in shapes))


def main() -> None:
    """Command line: which checkpoint, where to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--onnx", type=Path, default=ONNX)
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    parser.add_argument("--validation", type=Path, default=VALIDATION)
    options = parser.parse_args()
    torch.set_num_threads(1)
    net = load_average(options.checkpoint, LineNet())
    worst = export(net, options.onnx)
    digest = note_checksum(options.manifest, MODEL_NAME, options.onnx, ORIGIN)
    size = options.onnx.stat().st_size / 1e6
    print(f"{options.onnx}: {size:.2f} MB, differs from torch by {worst:.1e}, sha256 {digest}")
    exact, wrong = score(net, options.validation)
    print(f"composed lines never trained on: {exact:.1%} exact, {wrong:.2%} of characters wrong")


if __name__ == "__main__":
    main()
