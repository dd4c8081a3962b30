"""What every export of a network does: prove that onnxruntime says what torch says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

OPSET = 17
_TOLERANCE = 2e-3


def difference(model: nn.Module, path: Path, pictures: Iterable[NDArray[np.uint8]]) -> float:
    """The largest relative difference between torch and the file's outputs on `pictures`.

    The file has one input. Raises ValueError where they differ by more than rounding.
    """
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [taken] = session.get_inputs()
    worst = 0.0
    for picture in pictures:
        with torch.no_grad():
            answer = model(torch.from_numpy(picture))
        expected = (answer,) if isinstance(answer, Tensor) else answer
        given = session.run(None, {taken.name: picture})
        for want, got in zip(expected, given, strict=True):
            span = max(1.0, float(want.abs().max()))
            worst = max(worst, float(np.abs(want.numpy() - got).max()) / span)
    if worst > _TOLERANCE:
        raise ValueError(f"onnxruntime and torch differ by {worst:.2g}")
    return worst
