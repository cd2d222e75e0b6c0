"""A 3x3 convolution of stride 1 in tiles, for 16 multiplications instead of 36 (c/winograd_blocks.h).

Winograd's F(2x2, 3x3): Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), section 4.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.native.conv import (
    BLOCK_OUTPUTS,
    PackedConv,
    even,
    goes_anywhere,
    weight_cells,
)
from interim.model_zoo.native.maps import LANES
from interim.model_zoo.native.matrix import cut

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.native.kernels import Kernels
    from interim.model_zoo.native.runs import Runs, Work

MAX_PLANES = 384
"""As in c/winograd_blocks.h."""

WORTH_CHANNELS = 64
"""With fewer inputs and outputs together, splitting and joining tiles takes as long as it saves."""

COMPONENTS = 16

SPREAD = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
"""What the components along one side of a tile multiply with, of the three taps."""


class TiledConv(PackedConv):
    """A convolution of one source that computes tiles of 2x2; `can_tile` must hold.

    What is rounded to the kind of number are the 16 components of inputs and weights, sums of up to 16 of either:
    in bfloat16 an answer is a little farther from the exact one than the plain convolution's.
    """

    symbols = MappingProxyType({torch.bfloat16: "winograd_bf16", torch.float32: "winograd_fp32"})

    @property
    def macs_per_entry(self) -> int:
        """As of `PackedConv`, for a window of tiles."""
        return LANES * COMPONENTS * self.outputs * sum(self.inputs)

    def work(self, runs: Runs) -> Work:
        """Windows."""
        return runs.windows

    def _packed(self, weight: Tensor, *, matrix: bool) -> Tensor:
        """Weights (outputs, inputs, 3, 3) as int32 cells [component][block][plane][output of the block], flat.

        For a matrix unit those of a component are cut as it takes them, their depth being planes.
        """
        spread = torch.tensor(SPREAD, dtype=torch.float64)
        components = torch.einsum("id,ockd,jk->ocji", spread, weight.double(), spread).float()
        cells = weight_cells(even(components, 0), self.dtype)
        if matrix:
            return torch.cat([cut(part) for part in cells.permute(2, 3, 0, 1).flatten(0, 1)])
        blocks = [
            block.permute(2, 3, 1, 0).flatten(0, 1).flatten(1) for block in torch.split(cells, BLOCK_OUTPUTS)
        ]
        return torch.cat(blocks, 1).flatten()


def can_tile(kernels: Kernels, weight: Tensor, dtype: torch.dtype) -> bool:
    """Whether weights (outputs, inputs, k, k) can be convolved in tiles at stride 1."""
    return goes_anywhere(kernels, weight, dtype, most_planes=MAX_PLANES)


def worth_tiling(kernels: Kernels, weight: Tensor, dtype: torch.dtype) -> bool:
    """Whether they can, and are sooner done."""
    return sum(weight.shape[:2]) >= WORTH_CHANNELS and can_tile(kernels, weight, dtype)
