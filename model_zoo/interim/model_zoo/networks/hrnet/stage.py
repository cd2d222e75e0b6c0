"""Stages: bottlenecks at one resolution, then modules of parallel branches."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from interim.model_zoo.networks.hrnet.blocks import BasicBlock, Bottleneck
from interim.model_zoo.networks.hrnet.fuse import Fuse
from interim.model_zoo.networks.hrnet.transition import Maps, Transition

if TYPE_CHECKING:
    from interim.model_zoo.masked.conv import Filling
    from interim.model_zoo.masked.masks import Masks
    from interim.model_zoo.networks.hrnet.stem import Stem

MapSlices = Generator[None, None, Maps]
"""Part of a network under way: yields wherever it may be given up, returns its maps."""


class FirstStage(nn.Module):
    """The stem and stage 1: bottleneck blocks at a quarter of the image's size."""

    def __init__(self, stem: Stem, blocks: Sequence[Bottleneck]) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.ModuleList(blocks)

    def slices(self, maps: Maps, masks: Masks) -> MapSlices:
        """From the normalised image, the only map, to 256 channels; a slice a block."""
        x: Tensor = self.stem(maps[0])
        for block in self.blocks:
            yield
            x = block(x, masks)
        yield
        return (x,)


class BranchModule(nn.Module):
    """Parallel branches of basic blocks, then a fuse."""

    def __init__(self, channels: Sequence[int], blocks: int, *, outputs: int, filling: Filling) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.ModuleList(BasicBlock(width, filling=filling) for _ in range(blocks)) for width in channels
        )
        self.fuse = Fuse(channels, outputs, filling=filling)

    def slices(self, maps: Maps, masks: Masks) -> MapSlices:
        """One map a branch, to one map an output; a slice a block."""
        grown = []
        for branch, x in zip(self.branches, maps, strict=True):
            assert isinstance(branch, nn.ModuleList)
            for block in branch:
                x = block(x, masks)  # noqa: PLW2901 - the branch's map, growing
                yield
            grown.append(x)
        return (yield from self.fuse.slices(tuple(grown), masks))


class BranchStage(nn.Module):
    """Stages 2 to 4: a transition, then modules."""

    def __init__(self, transition: Transition, modules: Sequence[BranchModule]) -> None:
        super().__init__()
        self.transition = transition
        self.units = nn.ModuleList(modules)

    def slices(self, maps: Maps, masks: Masks) -> MapSlices:
        """The maps of the stage before, to one branch more."""
        maps = self.transition(maps, masks)
        yield
        for module in self.units:
            assert isinstance(module, BranchModule)
            maps = yield from module.slices(maps, masks)
        return maps
