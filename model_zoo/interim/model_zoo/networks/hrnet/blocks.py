"""The residual blocks of HRNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from interim.model_zoo.masked.conv import Conv, ConvNorm, Filling

if TYPE_CHECKING:
    from interim.model_zoo.masked.masks import Masks


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the input added: the block of the branches."""

    def __init__(self, channels: int, *, filling: Filling) -> None:
        super().__init__()
        self.first = ConvNorm(Conv(channels, channels, kernel=3, filling=filling))
        self.second = ConvNorm(Conv(channels, channels, kernel=3, filling=filling))

    def forward(self, x: Tensor, masks: Masks) -> Tensor:
        """(N, channels, h, w) to the same shape."""
        inner = F.relu(self.first(x, masks), inplace=True)
        return F.relu(self.second(inner, masks).add_(x), inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 to four times the planes, and the input added: the block of stage 1."""

    EXPANSION = 4

    def __init__(self, inputs: int, planes: int, *, filling: Filling) -> None:
        super().__init__()
        outputs = planes * self.EXPANSION
        self.narrow = ConvNorm(Conv(inputs, planes, filling=filling))
        self.middle = ConvNorm(Conv(planes, planes, kernel=3, filling=filling))
        self.widen = ConvNorm(Conv(planes, outputs, filling=filling))
        self.shortcut = None if inputs == outputs else ConvNorm(Conv(inputs, outputs, filling=filling))

    def forward(self, x: Tensor, masks: Masks) -> Tensor:
        """(N, inputs, h, w) to (N, 4 · planes, h, w)."""
        inner = F.relu(self.narrow(x, masks), inplace=True)
        inner = F.relu(self.middle(inner, masks), inplace=True)
        residual = x if self.shortcut is None else self.shortcut(x, masks)
        return F.relu(self.widen(inner, masks).add_(residual), inplace=True)
