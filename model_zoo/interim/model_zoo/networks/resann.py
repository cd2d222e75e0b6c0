"""ResANN: a small residual network that classifies after every unit.

Hu et al., "Learning Anytime Predictions in Neural Networks via Adaptive Loss Balancing" (AAAI 2019): three
blocks of n pre-activation basic units, c channels in the first, twice as many in each next; an exit is
BN, ReLU, global pooling, linear.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

BLOCKS = 3


class Unit(nn.Module):
    """A pre-activation basic unit (He et al. 2016): BN, ReLU, conv3x3, twice, and what came in."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.outputs, self.stride = outputs, stride
        self.norms = nn.ModuleList([nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)])
        self.convs = nn.ModuleList([_conv(inputs, outputs, stride), _conv(outputs, outputs, 1)])
        self.shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) to (N, outputs, h / stride, w / stride)."""
        inner = F.relu(self.norms[0](x))
        kept = x if self.shortcut is None else self.shortcut(inner)
        inner = self.convs[0](inner)
        changed: Tensor = self.convs[1](F.relu(self.norms[1](inner)))
        return kept + changed


class Exit(nn.Module):
    """BN, ReLU, mean over all positions, linear."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.classify = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) to logits (N, classes)."""
        logits: Tensor = self.classify(F.relu(self.norm(x)).mean((2, 3)))
        return logits


class ResAnn(nn.Module):
    """An anytime residual network with an exit after every unit.

    Args:
        units: n, in each of three blocks.
        channels: c of the first block.
        classes: How many there are.
        depth: After how many units it ends; None: after all of them.
    """

    def __init__(self, units: int, channels: int, classes: int, *, depth: int | None = None) -> None:
        super().__init__()
        self.stem = _conv(3, channels, 1)
        made: list[nn.Module] = []
        exits: list[nn.Module] = []
        inputs = channels
        for index in range(BLOCKS * units if depth is None else depth):
            block, place = divmod(index, units)
            outputs = channels * 2**block
            made.append(Unit(inputs, outputs, 2 if block and not place else 1))
            exits.append(Exit(outputs, classes))
            inputs = outputs
        self.units = nn.ModuleList(made)
        self.exits = nn.ModuleList(exits)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W), normalised, to the logits (N, classes) of every exit."""
        x = self.stem(images)
        logits = []
        for unit, exit_ in zip(self.units, self.exits, strict=True):
            x = unit(x)
            logits.append(exit_(x))
        return logits


def _conv(inputs: int, outputs: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
