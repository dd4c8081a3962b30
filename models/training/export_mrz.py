"""Writes the trained line network as ONNX, proves that it agrees, and notes its checksum.

`python -m models.training.export_mrz` reads the checkpoint of `train_mrz` and writes
`models/mrz/lines.onnx` and its table in `models/manifest.toml`.

Input `ink`: B×32×W uint8, W a multiple of 12 (`pipeline.mrz.line_net.as_input`). Output `logits`:
B×38×W/4. Normalisation is part of the network.
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

from models.training.mrz_net import LineNet
from models.training.train_mrz import CHECKPOINT, score
from pipeline.mrz.line_net import CELL_PX, INPUT_HEIGHT_PX, MODEL_NAME

ONNX = Path("models/mrz/lines.onnx")
MANIFEST = Path("models/manifest.toml")
VALIDATION = Path(".cache/train/mrz-validation")
_TOLERANCE = 2e-3


class Exported(nn.Module):
    """The network behind bytes of ink, so that no caller can normalise wrongly."""

    def __init__(self, net: LineNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, ink: Tensor) -> Tensor:
        """B×32×W uint8 → B×38×W/4 logits."""
        logits: Tensor = self.net(ink.unsqueeze(1).float())
        return logits


def load_average(checkpoint: Path) -> LineNet:
    """The averaged network of a checkpoint, ready to evaluate."""
    net = LineNet()
    net.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    net.eval()
    return net


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
        opset_version=17,
        dynamo=False,
        input_names=["ink"],
        output_names=["logits"],
        dynamic_axes={"ink": {0: "lines", 2: "width"}, "logits": {0: "lines", 2: "steps"}},
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for cells in (34, 40, 48):
        ink = rng.integers(0, 256, (2, INPUT_HEIGHT_PX, cells * CELL_PX), np.uint8)
        with torch.no_grad():
            expected = model(torch.from_numpy(ink)).numpy()
        [given] = session.run(None, {"ink": ink})
        span = max(1.0, float(np.abs(expected).max()))
        worst = max(worst, float(np.abs(expected - given).max()) / span)
    if worst > _TOLERANCE:
        raise ValueError(f"onnxruntime and torch differ by {worst:.2g}")
    return worst


def note_checksum(manifest: Path, onnx: Path) -> str:
    """Replace or add the network's table in the manifest; returns the SHA-256."""
    digest = hashlib.sha256(onnx.read_bytes()).hexdigest()
    table = (
        f"[{MODEL_NAME}]\n"
        f'file = "{onnx.relative_to(manifest.parent).as_posix()}"\n'
        f'sha256 = "{digest}"\n'
        'licence = "MIT"\n'
        'origin = "trained by models/training/train_mrz.py on composed lines alone"\n'
    )
    text = manifest.read_text(encoding="utf-8") if manifest.exists() else ""
    kept = re.sub(rf"^\[{MODEL_NAME}\]\n(?:(?!\[).*\n?)*", "", text, flags=re.MULTILINE)
    parts = [part for part in (kept.strip(), table.strip()) if part]
    manifest.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return digest


def main() -> None:
    """Command line: which checkpoint, where to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--onnx", type=Path, default=ONNX)
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    parser.add_argument("--validation", type=Path, default=VALIDATION)
    options = parser.parse_args()
    torch.set_num_threads(1)
    net = load_average(options.checkpoint)
    worst = export(net, options.onnx)
    digest = note_checksum(options.manifest, options.onnx)
    size = options.onnx.stat().st_size / 1e6
    print(f"{options.onnx}: {size:.2f} MB, differs from torch by {worst:.1e}, sha256 {digest}")
    exact, wrong = score(net, options.validation)
    print(f"composed lines never trained on: {exact:.1%} exact, {wrong:.2%} of characters wrong")


if __name__ == "__main__":
    main()
