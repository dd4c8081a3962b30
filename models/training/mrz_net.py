"""The MRZ line network: 3×3 convolutions down to one row, then along the line.

Input: B×1×32×W float32 ink, 0 to 255, W a multiple of 12 (``pipeline.mrz.line_net.as_input``).
Output: B×38×W/4 logits: at three steps to a character cell, the 37 characters or nothing, as for
connectionist temporal classification (Graves et al., 2006). Since composed lines say where each
character stands, the path through the steps is known and plain cross-entropy teaches it, in a
fraction of the steps that a search over all paths takes. About 0.4 million parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.training.line_batches import CLASSES

MEAN, SPREAD = 50.0, 60.0
_WIDE = 128


def _conv(
    inputs: int, outputs: int, size: tuple[int, int] = (3, 3), stride: tuple[int, int] = (1, 1)
) -> nn.Sequential:
    padding = (size[0] // 2 if size[0] == 3 else 0, size[1] // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Along(nn.Module):
    """Looks along the line: five steps, far enough to see the next character on either side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = _conv(channels, channels, (1, 5))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class LineNet(nn.Module):
    """See the module's text for shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes = nn.Sequential(
            _conv(1, 24, stride=(2, 2)),
            _conv(24, 48, stride=(2, 2)),
            _conv(48, 64),
            _conv(64, 96, stride=(2, 1)),
            _conv(96, 96),
            _conv(96, _WIDE, (4, 1)),
        )
        self.along = nn.Sequential(_Along(_WIDE), _Along(_WIDE))
        self.answers = nn.Conv2d(_WIDE, CLASSES, 1)

    def forward(self, ink: Tensor) -> Tensor:
        """B×1×32×W float32, 0 to 255 → B×38×W/4 logits."""
        x = self.along(self.shapes((ink - MEAN) / SPREAD))
        return torch.squeeze(self.answers(x), 2)
