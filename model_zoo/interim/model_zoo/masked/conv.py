"""Convolutions that take the masks of their stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interim.model_zoo.masked.fill import Fill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.model_zoo.masked.masks import Masks

Filling = type[Fill]
"""What fills masked positions: `NoFill`, `RbfFill` (masked/fill.py) or `HoldFill` (masked/hold.py)."""

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
        self.fill: Fill = filling()
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
            merged.add_(upsampled(F.conv2d(x, weight), size))
        filled: Tensor = self.fill(merged, masks)
        return filled


class ConvNorm(nn.Module):
    """A convolution and its batch normalisation, which runs densely over filled positions too.

    What comes of it is the change of a stream, with masked positions as the convolution's fill has them.
    """

    def __init__(self, conv: Conv) -> None:
        super().__init__()
        self.conv = conv
        self.norm: nn.Module = nn.BatchNorm2d(conv.weight.shape[0], momentum=NORM_MOMENTUM)

    def forward(self, source: Tensor | Sequence[Tensor], masks: Masks) -> Tensor:
        """What the convolution takes, to its normalised output; no activation."""
        normalised: Tensor = self.norm(self.conv(source, masks))
        return self.conv.fill.update(normalised, masks)

    @torch.no_grad()
    def fold(self, *, masked: bool) -> None:
        """Fold the normalisation, with the statistics it has, into the convolution; exact.

        `masked`: masks will be given, so the shift is added after the fill, which does not keep
        constants; the scale is linear and goes into the kernel. Without masks both go in.
        """
        assert isinstance(self.norm, nn.BatchNorm2d)
        scale, shift = _affine(self.norm)
        conv, dtype = self.conv, self.conv.weight.dtype
        bias = torch.zeros_like(shift) if conv.bias is None else conv.bias.double() * scale
        late = masked and conv.fill.taps > 0
        conv.weight = nn.Parameter((conv.weight.double() * scale.view(-1, 1, 1, 1)).to(dtype))
        if conv.bias is not None or not late:
            conv.bias = nn.Parameter((bias if late else bias + shift).to(dtype))
        self.norm = Shift(shift.to(dtype)) if late else nn.Identity()


class Shift(nn.Module):
    """Adds a constant to each channel."""

    constant: Tensor

    def __init__(self, constant: Tensor) -> None:
        super().__init__()
        self.register_buffer("constant", constant.view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to the same shape."""
        return x + self.constant


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """A normalisation in evaluation as scale and shift, float64."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return scale, norm.bias.double() - norm.running_mean.double() * scale
