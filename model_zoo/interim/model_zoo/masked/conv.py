"""Convolutions that take the masks of their stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from interim.model_zoo.masked.masks import Masks

Filling = Callable[[], nn.Module]
"""Makes what fills the masked positions of one convolution: `NoFill` or `RbfFill` (masked/fill.py)."""

NORM_MOMENTUM = 0.01


def upsampled(x: Tensor, size: tuple[int, int]) -> Tensor:
    """`x` (N, C, h, w) resized bilinearly to `size` (height, width), corners not aligned."""
    return x if x.shape[-2:] == size else F.interpolate(x, size, mode="bilinear", align_corners=False)


class Conv(nn.Module):
    """A square convolution with "same" padding; masked positions are filled by its `fill`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        filling: Filling,
        kernel: int = 1,
        stride: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.fill = filling()
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor, masks: Masks) -> Tensor:
        """Maps (N, inputs, h, w) to (N, outputs, h / stride, w / stride)."""
        padding = self.weight.shape[-1] // 2
        filled: Tensor = self.fill(F.conv2d(x, self.weight, self.bias, self.stride, padding), masks)
        return filled


class MergedConv(Conv):
    """A 1x1 convolution of several maps, resized bilinearly to one size and concatenated.

    A 1x1 convolution commutes with bilinear resizing, so each map is convolved at its own
    resolution and the results are resized and added: the same numbers for fewer operations.
    `scale`: the output is this many times the first map's size.
    """

    def __init__(
        self, inputs: int, outputs: int, *, filling: Filling, bias: bool = False, scale: int = 1
    ) -> None:
        super().__init__(inputs, outputs, filling=filling, bias=bias)
        self.scale = scale

    def forward(self, maps: Sequence[Tensor], masks: Masks) -> Tensor:  # type: ignore[override]  # takes several
        """Maps (N, C_i, h_i, w_i), channels adding up to `inputs`, to (N, outputs, scale·h_0, scale·w_0)."""
        size = (self.scale * maps[0].shape[-2], self.scale * maps[0].shape[-1])
        weights = torch.split(self.weight, [x.shape[1] for x in maps], dim=1)
        merged = upsampled(F.conv2d(maps[0], weights[0], self.bias), size)
        for x, weight in zip(maps[1:], weights[1:], strict=True):
            merged = merged + upsampled(F.conv2d(x, weight), size)
        filled: Tensor = self.fill(merged, masks)
        return filled


class ConvNorm(nn.Module):
    """A convolution and its batch normalisation, which runs densely over filled positions too."""

    def __init__(self, conv: Conv) -> None:
        super().__init__()
        self.conv = conv
        self.norm: nn.Module = nn.BatchNorm2d(conv.weight.shape[0], momentum=NORM_MOMENTUM)

    def forward(self, source: Tensor | Sequence[Tensor], masks: Masks) -> Tensor:
        """What the convolution takes, to its normalised output; no activation."""
        normalised: Tensor = self.norm(self.conv(source, masks))
        return normalised
