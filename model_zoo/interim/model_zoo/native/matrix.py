"""Weights as the processor's matrix unit reads them (c/matrix.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.native.kernels import Kernels

ROWS = 16
"""Of a register."""

MOST_ROWS = 8192
"""Of what a plain convolution reads for one output; as in c/conv_blocks.h."""


def on_matrix(kernels: Kernels, dtype: torch.dtype) -> bool:
    """Whether the kernels multiply numbers of this kind on the matrix unit."""
    return kernels.instructions.matrix and dtype == torch.bfloat16


def cut(weights: Tensor) -> Tensor:
    """Weights (outputs, depth) as [part of outputs][part of depth][output][depth], flat.

    Parts are of one size, and 16 at most; what they have too much is zero.
    """
    outputs, depth = (_cut(size) for size in weights.shape)
    filled = F.pad(
        weights, (0, depth[0] * depth[1] - weights.shape[1], 0, outputs[0] * outputs[1] - weights.shape[0])
    )
    return filled.view(*outputs, *depth).transpose(1, 2).flatten()


def _cut(size: int) -> tuple[int, int]:
    """How many parts, and how large they are."""
    parts = -(-size // ROWS)
    return parts, -(-size // parts)
