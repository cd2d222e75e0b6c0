"""The fuse of a module: every branch hears from every other."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interim.model_zoo.masked.conv import Conv, ConvNorm, Filling, upsampled

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from interim.model_zoo.masked.masks import Masks
    from interim.model_zoo.networks.hrnet.transition import Maps


class Up(nn.Module):
    """From a coarser branch: 1x1 convolution, then bilinear to the finer size."""

    def __init__(self, inputs: int, outputs: int, *, filling: Filling) -> None:
        super().__init__()
        self.project = ConvNorm(Conv(inputs, outputs, filling=filling.read_beyond()))

    def forward(self, x: Tensor, size: tuple[int, int], masks: Masks) -> Tensor:
        """(N, inputs, h, w) to (N, outputs, *size)."""
        return upsampled(self.project(x, masks), size)


class Down(nn.Module):
    """From a finer branch: 3x3 convolutions of stride 2; the last one changes the width."""

    def __init__(self, inputs: int, outputs: int, steps: int, *, filling: Filling) -> None:
        super().__init__()
        widths = [inputs] * (steps - 1) + [outputs]
        self.steps = nn.ModuleList(
            ConvNorm(Conv(inputs, width, kernel=3, stride=2, filling=filling)) for width in widths
        )

    def forward(self, x: Tensor, size: tuple[int, int], masks: Masks) -> Tensor:  # noqa: ARG002 - as Up
        """(N, inputs, h, w) to (N, outputs, h / 2^steps, w / 2^steps), which is `size`."""
        *inner, last = self.steps
        for step in inner:
            x = F.relu(step(x, masks), inplace=True)
        halved: Tensor = last(x, masks)
        return halved


class Same(nn.Module):
    """A branch to itself: nothing changes."""

    def forward(self, x: Tensor, size: tuple[int, int], masks: Masks) -> Tensor:  # noqa: ARG002 - as Up
        """The same map."""
        return x


class Fuse(nn.Module):
    """Output i is ReLU(Σ_j path_ij(x_j)), for the `outputs` finest branches.

    What the other branches say is added to branch i's stream, so the filling has its word on it.
    """

    def __init__(self, channels: Sequence[int], outputs: int, *, filling: Filling) -> None:
        super().__init__()

        def path(source: int, target: int) -> nn.Module:
            if source == target:
                return Same()
            if source > target:
                return Up(channels[source], channels[target], filling=filling)
            return Down(channels[source], channels[target], target - source, filling=filling)

        rows = ([path(source, target) for source in range(len(channels))] for target in range(outputs))
        self.rows = nn.ModuleList(nn.ModuleList(row) for row in rows)
        self.filling = filling

    def slices(self, maps: Maps, masks: Masks) -> Generator[None, None, Maps]:
        """One map a branch, to the fused maps; a slice an output."""
        fused = []
        for target, row in enumerate(self.rows):
            size = (maps[target].shape[-2], maps[target].shape[-1])
            assert isinstance(row, nn.ModuleList)
            heard = (
                path(x, size, masks) for path, x in zip(row, maps, strict=True) if not isinstance(path, Same)
            )
            change = functools.reduce(torch.add, heard)
            fused.append(F.relu(self.filling.update(change, masks) + maps[target], inplace=True))
            yield
        return tuple(fused)
