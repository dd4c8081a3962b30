"""The corner network: inverted residuals, a small feature pyramid, heat maps at stride 4.

Input: B×3×S×S float32 BGR, 0 to 255, S a multiple of 32. Outputs (`CornerOutputs`) live on a grid
of S/4 cells; ratios are of the input square. About 0.7 million parameters.

Heat maps keep the place of a corner where regression blurs it; 5×5 depthwise filters see a whole
edge early at little cost. Reference for the block: Sandler et al., MobileNetV2, 2018; for the
pyramid: Lin et al., Feature Pyramid Networks, 2017.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from models.training.face import KINDS

STRIDE = 4
MEAN, SPREAD = 127.5, 58.0
_CHANNELS = (16, 24, 48, 96, 160)
_PYRAMID = 32


class CornerOutputs(NamedTuple):
    """What the network says of B pictures, before any decoding.

    heat: B×4×G×G logits, one map per corner (top-left, top-right, bottom-right, bottom-left as
    seen in the image); offset: B×8×G×G, x of the four corners, then y, in cells; mask: B×G×G
    logits of "document here"; presence: B logits; turn: B×4 logits of which image corner is the
    document's own top-left; kind: B×4 logits over `face.KINDS`; band: B×G×G
    logits of "machine-readable zone here".
    """

    heat: Tensor
    offset: Tensor
    mask: Tensor
    presence: Tensor
    turn: Tensor
    kind: Tensor
    band: Tensor


def _conv(
    inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1, active: bool = True
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if active:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class _Residual(nn.Module):
    """Expand twofold, filter each channel, project back, add."""

    def __init__(self, channels: int, size: int = 5) -> None:
        super().__init__()
        wide = channels * 2
        self.branch = nn.Sequential(
            _conv(channels, wide, 1),
            _conv(wide, wide, size, groups=wide),
            _conv(wide, channels, 1, active=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def _stage(inputs: int, outputs: int, residuals: int, size: int = 5) -> nn.Sequential:
    blocks = [_Residual(outputs, size) for _ in range(residuals)]
    return nn.Sequential(_conv(inputs, outputs, 3, 2), *blocks)


class _Context(nn.Module):
    """Scale the coarsest features by what the whole picture shows."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]


class CornerNet(nn.Module):
    """See the module's text for shapes."""

    def __init__(self) -> None:
        super().__init__()
        c, p = _CHANNELS, _PYRAMID
        self.stem = _conv(3, c[0], 3, 2)
        self.stage4 = _stage(c[0], c[1], 1, 3)
        self.stage8 = _stage(c[1], c[2], 2)
        self.stage16 = _stage(c[2], c[3], 3)
        self.stage32 = _stage(c[3], c[4], 3)
        self.lateral32, self.context = _conv(c[4], 2 * p, 1), _Context(2 * p)
        self.lateral16 = _conv(c[3], 2 * p, 1)
        self.lateral8, self.lateral4 = _conv(c[2], p, 1), _conv(c[1], p, 1)
        self.merge16 = nn.Sequential(_conv(2 * p, 2 * p, 5, groups=2 * p), _conv(2 * p, p, 1))
        self.merge8 = nn.Sequential(_conv(p, p, 5, groups=p), _conv(p, p, 1))
        self.merge4 = nn.Sequential(_conv(p, p, 5, groups=p), _conv(p, p, 1))
        self.maps = nn.Conv2d(p, 4 + 8 + 1 + 1, 1)
        self.whole = nn.Sequential(nn.Linear(2 * c[4], 48), nn.ReLU(inplace=True))
        self.answers = nn.Linear(48, 1 + 4 + len(KINDS))

    def forward(self, picture: Tensor) -> CornerOutputs:
        """B×3×S×S float32 BGR 0 to 255 → outputs on a grid of S/4 cells."""
        x4 = self.stage4(self.stem((picture - MEAN) / SPREAD))
        x8 = self.stage8(x4)
        x16 = self.stage16(x8)
        x32 = self.stage32(x16)
        up = self.context(self.lateral32(x32))
        up = self.merge16(self._doubled(up) + self.lateral16(x16))
        up = self.merge8(self._doubled(up) + self.lateral8(x8))
        up = self.merge4(self._doubled(up) + self.lateral4(x4))
        maps = self.maps(up)
        # The mean tells what the scene is, the maximum whether a document is anywhere in it.
        pooled = torch.cat([x32.mean((2, 3)), x32.amax((2, 3))], 1)
        answers = self.answers(self.whole(pooled))
        return CornerOutputs(
            maps[:, :4],
            maps[:, 4:12],
            maps[:, 12],
            answers[:, 0],
            answers[:, 1:5],
            answers[:, 5:],
            maps[:, 13],
        )

    @staticmethod
    def _doubled(x: Tensor) -> Tensor:
        return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def window_average(heat: Tensor, offset: Tensor, centre: Tensor, reach: int = 4) -> Tensor:
    """Where each corner is, in cells: soft-argmax within `reach` cells around `centre`.

    heat B×4×G×G logits, offset B×8×G×G, centre B×4×2 (x, y in cells, the peak or, in training,
    the truth) → B×4×2. A window keeps a second peak elsewhere from pulling the average.
    """
    batch, _, grid, _ = heat.shape
    places = torch.arange(grid, device=heat.device, dtype=heat.dtype) + 0.5
    near_x = (places - centre[..., 0:1]).abs() <= reach
    near_y = (places - centre[..., 1:2]).abs() <= reach
    near = near_y[..., :, None] & near_x[..., None, :]
    weights = torch.softmax(heat.masked_fill(~near, -1e4).flatten(2), -1)
    shift = offset.reshape(batch, 2, 4, grid * grid)
    x = (weights * (places.repeat(grid) + shift[:, 0])).sum(-1)
    y = (weights * (places.repeat_interleave(grid) + shift[:, 1])).sum(-1)
    return torch.stack([x, y], -1)
