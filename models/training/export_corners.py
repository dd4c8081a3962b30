"""Writes the trained corner network as ONNX, proves that it agrees, and notes its checksum.

`python -m models.training.export_corners` reads `.cache/train/corners/corners.pt` and writes
`models/corners.onnx` and its table in `models/manifest.toml`.

Input `picture`: 1×256×256×3 uint8 BGR, the frame squeezed to the inner square with a grey border
(`batches.padded`). Outputs: those of `corner_net.CornerOutputs`, by name. Normalisation is part
of the network; decoding is in `pipeline/detect.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from models.training.corner_net import CornerNet, CornerOutputs
from models.training.train_corners import CHECKPOINTS

INPUT_PX = 256
MANIFEST = Path("models/manifest.toml")
ONNX = Path("models/corners.onnx")
_TOLERANCE = 2e-3


class Exported(nn.Module):
    """The network behind a byte picture, so that no caller can normalise wrongly."""

    def __init__(self, net: CornerNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor) -> CornerOutputs:
        """1×S×S×3 uint8 BGR → `CornerOutputs`."""
        outputs: CornerOutputs = self.net(picture.permute(0, 3, 1, 2).float())
        return outputs


def load_average(checkpoint: Path) -> CornerNet:
    """The averaged network of a checkpoint, ready to evaluate."""
    net = CornerNet()
    net.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    net.eval()
    return net


def export(net: CornerNet, path: Path, size: int = INPUT_PX) -> float:
    """Write the ONNX file for size×size pictures; returns the largest difference to torch.

    The difference is relative, seen on random pictures. Raises ValueError where it is more than
    rounding.
    """
    model = Exported(net).eval()
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (1, size, size, 3), np.uint8)
    torch.onnx.export(
        model,
        (torch.from_numpy(picture),),
        str(path),
        opset_version=17,
        dynamo=False,
        input_names=["picture"],
        output_names=list(CornerOutputs._fields),
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for _ in range(4):
        picture = rng.integers(0, 256, (1, size, size, 3), np.uint8)
        with torch.no_grad():
            expected = model(torch.from_numpy(picture))
        given = session.run(None, {"picture": picture})
        for want, got in zip(expected, given, strict=True):
            span = max(1.0, float(want.abs().max()))
            worst = max(worst, float(np.abs(want.numpy() - got).max()) / span)
    if worst > _TOLERANCE:
        raise ValueError(f"onnxruntime and torch differ by {worst:.2g}")
    return worst


def note_checksum(manifest: Path, onnx: Path) -> str:
    """Replace or add the network's table in the manifest; returns the SHA-256."""
    digest = hashlib.sha256(onnx.read_bytes()).hexdigest()
    table = (
        f"[{onnx.stem}]\n"
        f'file = "{onnx.name}"\n'
        f'sha256 = "{digest}"\n'
        'licence = "MIT"\n'
        'origin = "trained by models/training/train_corners.py on composed scenes alone"\n'
    )
    text = manifest.read_text(encoding="utf-8") if manifest.exists() else ""
    found = re.compile(rf"^\[{re.escape(onnx.stem)}\]\n(?:(?!\[).*\n?)*", re.MULTILINE)
    if found.search(text):
        text = found.sub(lambda _match: table + "\n", text, count=1)
    else:
        text = f"{text.rstrip()}\n\n{table}" if text.strip() else table
    manifest.write_text(text.rstrip() + "\n", encoding="utf-8")
    return digest


def main() -> None:
    """Command line: which checkpoint, where to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINTS / "corners.pt")
    parser.add_argument("--onnx", type=Path, default=ONNX)
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    parser.add_argument("--size", type=int, default=INPUT_PX, help="side of the input, pixels")
    options = parser.parse_args()
    worst = export(load_average(options.checkpoint), options.onnx, options.size)
    digest = note_checksum(options.manifest, options.onnx)
    size = options.onnx.stat().st_size / 1e6
    print(f"{options.onnx}: {size:.2f} MB, differs from torch by {worst:.1e}, sha256 {digest}")


if __name__ == "__main__":
    main()
