"""A 3x3 convolution of stride 2 whose vectors hold positions from anywhere (c/strided_blocks.h)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.native.conv import PackedConv, goes_anywhere

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.native.kernels import Kernels
    from interim.model_zoo.native.runs import Runs, Work

MAX_PLANES = 256
"""As in c/strided_blocks.h."""

WORTH_CHANNELS = 48
"""With fewer inputs or outputs, putting what is read side by side takes as long as masks save."""


class StridedConv(PackedConv):
    """A convolution of stride 2, of one source; `can_stride` must hold.

    Its answers are `PackedConv`'s to the last bit.
    """

    symbols = MappingProxyType({torch.bfloat16: "strided_bf16", torch.float32: "strided_fp32"})

    def __init__(
        self,
        kernels: Kernels,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        dtype: torch.dtype,
        shift: Tensor | None = None,
    ) -> None:
        """Pack a folded convolution; arguments as of `PackedConv`."""
        super().__init__(kernels, weight, bias, stride=2, dtype=dtype, shift=shift)

    def work(self, runs: Runs) -> Work:
        """Windows of positions."""
        return runs.positions_anywhere


def can_stride(kernels: Kernels, weight: Tensor, dtype: torch.dtype) -> bool:
    """Whether weights (outputs, inputs, k, k) can be convolved so at stride 2."""
    return goes_anywhere(kernels, weight, dtype, most_planes=MAX_PLANES)


def worth_striding(kernels: Kernels, weight: Tensor, dtype: torch.dtype) -> bool:
    """Whether they can, and are sooner done where masks leave parts out."""
    return min(weight.shape[:2]) >= WORTH_CHANNELS and can_stride(kernels, weight, dtype)
