"""The one layer of MDEQ: a residual block at each resolution, then every resolution into every other.

Bai et al., "Multiscale Deep Equilibrium Models" (NeurIPS 2020), section 3.1; widths and kernels as its authors
published them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

BRANCHES = 4
GROUPS = 8


class Cell(nn.Module):
    """f(z; x): maps of four resolutions, each half of the one before, to maps of the same shapes.

    Args:
        channels: Of the finest maps; each next has twice as many. A multiple of 8.
        expansion: How many times wider the blocks are inside.
    """

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        self.channels = tuple(channels << level for level in range(BRANCHES))
        self.blocks = nn.ModuleList(Block(each, expansion) for each in self.channels)
        self.ways = nn.ModuleList(
            nn.ModuleList(_way(self.channels, source, target) for source in range(BRANCHES))
            for target in range(BRANCHES)
        )
        self.mixes = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Conv2d(each, each, 1, bias=False), _norm(each))
            for each in self.channels
        )

    def slices(self, z: Sequence[Tensor], injected: Tensor) -> Generator[None, None, list[Tensor]]:
        """One evaluation; a slice is one resolution's block, or all that flows into one.

        Args:
            z: Maps (N, channels · 2^i, h / 2^i, w / 2^i).
            injected: What the image adds to the finest block (N, channels, h, w).
        """
        inner = []
        for level, (block, maps) in enumerate(zip(self.blocks, z, strict=True)):
            inner.append(block(maps, injected if level == 0 else None))
            yield
        found = []
        for ways, mix, maps in zip(self.ways, self.mixes, inner, strict=True):
            assert isinstance(ways, nn.ModuleList)
            parts = [
                F.interpolate(way(source), size=maps.shape[2:])
                for way, source in zip(ways, inner, strict=True)
            ]
            found.append(mix(sum(parts[1:], parts[0])))
            yield
        return found


class Block(nn.Module):
    """conv3x3 to `expansion` times the channels and back, group-normalised, with a residual."""

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        width = channels * expansion
        self.widen = nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1, bias=False), _norm(width), nn.ReLU())
        self.narrow = nn.Conv2d(width, channels, 3, 1, 1, bias=False)
        self.inner, self.outer = _norm(channels), _norm(channels)

    def forward(self, z: Tensor, injected: Tensor | None) -> Tensor:
        """(N, channels, h, w) to the same; what is injected comes in before the normalisation."""
        changed: Tensor = self.narrow(self.widen(z))
        if injected is not None:
            changed = changed + injected
        result: Tensor = self.outer(F.relu(self.inner(changed) + z))
        return result


def _way(channels: Sequence[int], source: int, target: int) -> nn.Module:
    """From one resolution to another: strided 3x3 downwards, a 1x1 upwards (what comes out is enlarged after)."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(
            nn.Conv2d(channels[source], channels[target], 1, bias=False), _norm(channels[target])
        )
    steps: list[nn.Module] = []
    for level in range(source, target):
        last = level == target - 1
        width = channels[target] if last else channels[source]
        steps += [nn.Conv2d(channels[source], width, 3, 2, 1, bias=False), _norm(width)]
        steps += [] if last else [nn.ReLU()]
    return nn.Sequential(*steps)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(min(GROUPS, channels // 4), channels)  # four values each where a map is one position
