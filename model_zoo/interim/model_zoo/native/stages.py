"""Stages on kernels: bottlenecks at one resolution, then modules of parallel branches."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from interim.model_zoo.masked.conv import ConvNorm
from interim.model_zoo.native.blocks import BasicBlock, Bottleneck, Stem
from interim.model_zoo.native.fuse import Fuse
from interim.model_zoo.native.layers import Layer, typed
from interim.model_zoo.native.workspace import Stream
from interim.model_zoo.networks.hrnet import blocks, stage
from interim.model_zoo.networks.hrnet.stem import STEM_CHANNELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.operations import Operations
    from interim.model_zoo.native.workspace import Workspace
    from interim.model_zoo.networks.hrnet.network import Section

Maps = tuple["Map", ...]
MapSteps = Generator[None, None, Maps]
"""Part of a network under way: yields wherever it may be given up, returns its maps."""


class FirstStage:
    """The stem and stage 1."""

    def __init__(self, part: stage.FirstStage, operations: Operations) -> None:
        self._stem = Stem(part.stem, operations)
        self._blocks = [Bottleneck(block, operations) for block in typed(blocks.Bottleneck, part.blocks)]
        self.outputs: tuple[int, ...] = (self._blocks[-1].outputs,)

    def steps(self, maps: Maps, space: Workspace) -> MapSteps:
        """From the image, the only map, to 256 channels at level 0."""
        x = space.spare(STEM_CHANNELS, 0, 1)
        yield from self._stem.steps(maps[0], x, space)
        for block in self._blocks:
            target = space.fresh(block.outputs, 0) if block.joined else x
            yield from block.steps(Stream(x, target), space)
            x = target
        return (x,)


class Module:
    """Parallel branches of basic blocks, then a fuse."""

    def __init__(self, part: stage.BranchModule, operations: Operations) -> None:
        self._branches = [
            [BasicBlock(block, operations) for block in typed(blocks.BasicBlock, branch)]
            for branch in part.branches
        ]
        self._fuse = Fuse(part.fuse, operations)
        self.outputs = tuple(branch[-1].outputs for branch in self._branches[: len(part.fuse.rows)])

    def steps(self, streams: Sequence[Stream], space: Workspace) -> MapSteps:
        """Through every branch into its target, and on in place."""
        for level, (branch, stream) in enumerate(zip(self._branches, streams, strict=True)):
            for block in branch:
                yield from block.steps(stream, level, space)
                stream = Stream(stream.target, stream.target)  # noqa: PLW2901 - the branch, growing
        maps = tuple(stream.target for stream in streams)
        yield from self._fuse.steps(maps, space)
        return maps[: len(self.outputs)]


class BranchStage:
    """Stages 2 to 4: a transition, then modules."""

    def __init__(self, part: stage.BranchStage, operations: Operations) -> None:
        self._keep = [_kept(keep, operations) for keep in part.transition.keep]
        self._new = Layer(part.transition.new, operations)
        self._modules = [Module(module, operations) for module in typed(stage.BranchModule, part.units)]
        self.outputs: tuple[int, ...] = self._modules[-1].outputs

    def steps(self, maps: Maps, space: Workspace) -> MapSteps:
        """The maps of the stage before, which stay as they are, to one branch more."""
        streams = []
        for level, (keep, x) in enumerate(zip(self._keep, maps, strict=True)):
            if keep is None:
                streams.append((yield from space.stream(x, level)))
            else:
                streams.append((yield from _begun(keep, x, level, space)))
        streams.append((yield from _begun(self._new, maps[-1], len(maps), space)))
        for module in self._modules:
            maps = yield from module.steps(streams, space)
            streams = [Stream(x, x) for x in maps]
        return maps


def stages(section: Section, operations: Operations) -> list[FirstStage | BranchStage]:
    """Those of a section, in order."""
    return [
        *(FirstStage(each, operations) for each in typed(stage.FirstStage, section.stages)),
        *(BranchStage(each, operations) for each in typed(stage.BranchStage, section.stages)),
    ]


def _kept(part: nn.Module, operations: Operations) -> Layer | None:
    """What a transition does to a branch that goes on; None: nothing."""
    return Layer(part, operations) if isinstance(part, ConvNorm) else None


def _begun(conv: Layer, x: Map, level: int, space: Workspace) -> Generator[None, None, Stream]:
    """A branch's first map."""
    target = space.fresh(conv.outputs, level)
    yield from conv.steps([x], target, space.regions.begun(level), space, relu=True)
    return Stream(target, target)
