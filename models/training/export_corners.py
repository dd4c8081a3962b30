"""Writes the trained corner network as ONNX, proves that it agrees, and notes its checksum.

`python -m models.training.export_corners` reads `.cache/train/corners/corners.pt` and writes
`models/corners.onnx` and its table in `models/manifest.toml`.

Input `picture`: 1×256×256×3 uint8 BGR, the frame squeezed to the inner square with a grey border
(`batches.padded`). Outputs: those of `corner_net.CornerOutputs`, by name. Normalisation is part
of the network; decoding is in `pipeline/detect.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.training.corner_net import CornerNet, CornerOutputs
from models.training.exporting import OPSET, difference
from models.training.learning import load_average
from models.training.manifest import MANIFEST, note_checksum
from models.training.train_corners import CHECKPOINTS

INPUT_PX = 256
MODEL = "corners"
ONNX = Path("models/corners.onnx")
ORIGIN = "trained by models/training/train_corners.py on composed scenes alone"


class Exported(nn.Module):
    """The network behind a byte picture, so that no caller can normalise wrongly."""

    def __init__(self, net: CornerNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor) -> CornerOutputs:
        """1×S×S×3 uint8 BGR → `CornerOutputs`."""
        outputs: CornerOutputs = self.net(picture.permute(0, 3, 1, 2).float())
        return outputs


def export(net: CornerNet, path: Path, size: int = INPUT_PX, batch: int = 1) -> float:
    """Write the ONNX file for ``batch`` size×size pictures at once; returns the largest
    difference to torch.

    The difference is relative, seen on random pictures. Raises ValueError where it is more than
    rounding.
    """
    model = Exported(net).eval()
    rng = np.random.default_rng(0)
    shape = (batch, size, size, 3)
    picture = rng.integers(0, 256, shape, np.uint8)
    torch.onnx.export(
        model,
        (torch.from_numpy(picture),),
        str(path),
        opset_version=OPSET,
        dynamo=False,
        input_names=["picture"],
        output_names=list(CornerOutputs._fields),
    )
    pictures = (rng.integers(0, 256, shape, np.uint8) for _ in range(4))
    return difference(model, path, pictures)


def main() -> None:
    """Command line: which checkpoint, where to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINTS / "corners.pt")
    parser.add_argument("--onnx", type=Path, default=ONNX)
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    parser.add_argument("--size", type=int, default=INPUT_PX, help="side of the input, pixels")
    options = parser.parse_args()
    worst = export(load_average(options.checkpoint, CornerNet()), options.onnx, options.size)
    digest = note_checksum(options.manifest, MODEL, options.onnx, ORIGIN)
    size = options.onnx.stat().st_size / 1e6
    print(f"{options.onnx}: {size:.2f} MB, differs from torch by {worst:.1e}, sha256 {digest}")


if __name__ == "__main__":
    main()
