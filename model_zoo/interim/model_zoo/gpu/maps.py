"""Maps as the GPU kernels have them: channels together, a border of zeros around."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

GRAIN = 8
"""Channels are padded to a multiple: 16 bytes of bfloat16 are one load."""


def padded(channels: int) -> int:
    """Channels in memory; those beyond the real ones are zero."""
    return -(-channels // GRAIN) * GRAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class MapShape:
    """So many images' maps of one size."""

    images: int
    channels: int
    height: int
    width: int

    @property
    def memory(self) -> tuple[int, int, int, int]:
        """Images, rows, columns and channels in memory."""
        return self.images, self.height + 2, self.width + 2, padded(self.channels)


@dataclass(frozen=True, slots=True)
class Map:
    """A map; `memory` is of the shape's `memory`, contiguous."""

    shape: MapShape
    memory: Tensor

    @classmethod
    def zeros(cls, shape: MapShape, dtype: torch.dtype, device: torch.device) -> Map:
        """A map of zeros."""
        return cls(shape, torch.zeros(shape.memory, dtype=dtype, device=device))

    @property
    def values(self) -> Tensor:
        """The insides (images, channels, height, width), a view."""
        return self.memory[:, 1:-1, 1:-1, : self.shape.channels].permute(0, 3, 1, 2)

    @property
    def key(self) -> int:
        """What tells its memory from others'."""
        return self.memory.data_ptr()
