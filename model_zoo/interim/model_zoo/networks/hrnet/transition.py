"""Transitions: one more branch, at half the lowest resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from interim.model_zoo.masked.conv import Conv, ConvNorm, Filling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.model_zoo.masked.masks import Masks

Maps = tuple[Tensor, ...]
"""The branches' maps, finest first, each (N, C, h, w)."""


class Transition(nn.Module):
    """Starts a new branch from the coarsest one; branches whose width fits pass through."""

    def __init__(self, inputs: Sequence[int], outputs: Sequence[int], *, filling: Filling) -> None:
        super().__init__()
        filling = filling.read_beyond()
        self.keep = nn.ModuleList(
            nn.Identity() if before == after else ConvNorm(Conv(before, after, kernel=3, filling=filling))
            for before, after in zip(inputs, outputs[:-1], strict=True)
        )
        self.new = ConvNorm(Conv(inputs[-1], outputs[-1], kernel=3, stride=2, filling=filling))

    def forward(self, maps: Maps, masks: Masks) -> Maps:
        """One map a branch, to one more."""
        kept = [
            x if isinstance(keep, nn.Identity) else F.relu(keep(x, masks), inplace=True)
            for keep, x in zip(self.keep, maps, strict=True)
        ]
        return (*kept, F.relu(self.new(maps[-1], masks), inplace=True))
