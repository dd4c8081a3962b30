"""Begins a training with an exported network, where its checkpoint is gone.

An exported network has its batch normalisations folded into the convolutions. Here they are
unfolded again: each gets the statistics that its layer really shows on sample pictures, and a
scale and shift that undo them, so that the network says the same as before and can learn on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from models.training.corner_net import CornerNet


def _weights(path: Path) -> tuple[list[tuple[Tensor, Tensor]], list[tuple[Tensor, Tensor]]]:
    """Weight and bias of every convolution, and of every linear layer, in order of execution."""
    graph = onnx.load(str(path)).graph
    known = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    groups: dict[str, list[tuple[Tensor, Tensor]]] = {"Conv": [], "Gemm": []}
    for node in graph.node:
        if node.op_type in groups:
            weight, bias = (torch.from_numpy(np.array(known[name])) for name in node.input[1:3])
            groups[node.op_type].append((weight, bias))
    return groups["Conv"], groups["Gemm"]


def from_onnx(path: Path, pictures: Tensor) -> CornerNet:
    """The network of an ONNX file; `pictures` B×3×S×S float32 BGR show what it works on.

    A last layer with fewer outputs than ours keeps those that it has. Raises ValueError where the
    file holds another network.
    """
    convolutions, linears = _weights(path)
    net = CornerNet()
    net.eval()
    order: list[nn.Module] = []
    handles = [
        module.register_forward_hook(lambda module, _given, _result: order.append(module))
        for module in net.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        net(pictures[:1])
    for handle in handles:
        handle.remove()
    for kind, found in ((nn.Conv2d, convolutions), (nn.Linear, linears)):
        layers = [layer for layer in order if isinstance(layer, kind)]
        if len(layers) != len(found):
            raise ValueError(f"{path} holds another network: {len(found)} {kind.__name__} layers")
        for layer, (weight, bias) in zip(layers, found, strict=True):
            _fill(layer, weight, bias)
    _unfold(net, pictures)
    return net


def _fill(layer: nn.Conv2d | nn.Linear, weight: Tensor, bias: Tensor) -> None:
    if layer.weight.shape[1:] != weight.shape[1:] or len(layer.weight) < len(weight):
        raise ValueError(f"a layer has {tuple(weight.shape)}, not {tuple(layer.weight.shape)}")
    with torch.no_grad():
        layer.weight[: len(weight)] = weight
        if layer.bias is not None:
            layer.bias[: len(bias)] = bias
        else:
            # Kept here until the normalisation behind takes it over.
            layer.register_buffer("folded", bias, persistent=False)


def _unfold(net: CornerNet, pictures: Tensor) -> None:
    handles = []
    for block in net.modules():
        if not isinstance(block, nn.Sequential) or len(block) < 2:
            continue
        layer, norm = block[0], block[1]
        if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            shift: Tensor = layer.folded
            handles.append(norm.register_forward_pre_hook(_measure(shift)))
            del layer.folded
    with torch.no_grad():
        net(pictures)
    for handle in handles:
        handle.remove()


def _measure(shift: Tensor):  # type: ignore[no-untyped-def]
    def before(norm: nn.BatchNorm2d, given: tuple[Tensor]) -> None:
        mean, variance = given[0].mean((0, 2, 3)), given[0].var((0, 2, 3), unbiased=False)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.data.copy_((variance + norm.eps).sqrt())
        norm.bias.data.copy_(shift + mean)

    return before
