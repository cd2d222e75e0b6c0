"""Exits on kernels: from the branches' maps to logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from interim.model_zoo.masked.conv import ConvNorm
from interim.model_zoo.native.layers import interpolation_of, plain, split, typed, whole_bias
from interim.model_zoo.native.redesigned import InterpolatedHead, RedesignedHead
from interim.model_zoo.networks.hrnet import heads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.operations import Operations, Steps
    from interim.model_zoo.native.workspace import Workspace


class Head(Protocol):
    """An exit; `classes`: how many kinds of logits it gives."""

    classes: int

    def steps(self, maps: Sequence[Map], logits: Map, space: Workspace) -> Steps:
        """From the branches' maps to logits at level 0, written where positions are active."""
        ...


def head(part: nn.Module, channels: Sequence[int], operations: Operations) -> Head:
    """A head as kernels run it; `channels` are those of the maps it will be given."""
    if isinstance(part, heads.PlainHead):
        return PlainHead(part, channels, operations)
    if isinstance(part, heads.RedesignedHead):
        filled = interpolation_of(typed(ConvNorm, part.down)[0]) is not None
        return (InterpolatedHead if filled else RedesignedHead)(part, channels, operations)
    assert isinstance(part, heads.SingleConvHead)
    return SingleConvHead(part, operations)


class PlainHead:
    """Each branch convolved at its own size, enlarged and added; ReLU; 1x1 to the classes."""

    def __init__(self, part: heads.PlainHead, channels: Sequence[int], operations: Operations) -> None:
        self._mix = split(part.mix.conv, whole_bias(part.mix), channels, operations.conv)
        self._classify = plain(part.classify, operations)
        self.classes = self._classify.outputs

    def steps(self, maps: Sequence[Map], logits: Map, space: Workspace) -> Steps:
        """To logits."""
        nearest, *others = self._mix
        runs = space.regions.active(0)
        mixed = space.spare(nearest.outputs, 0)
        coarse = []
        for level, (conv, x) in enumerate(zip(others, maps[1:], strict=True), 1):
            coarse.append(space.spare(conv.outputs, level))
            yield from conv.steps([x], coarse[-1], space.regions.read_by(0, level))
        for band in space.operations.bands(runs, mixed):  # all of it is many times a cache
            yield from nearest.steps([maps[0]], mixed, band, relu=not coarse)
            if coarse:
                yield from space.operations.enlarge(coarse, mixed, band, relu=True)
            yield from self._classify.steps([mixed], logits, band)


class SingleConvHead:
    """One 1x1 convolution of the finest branch."""

    def __init__(self, part: heads.SingleConvHead, operations: Operations) -> None:
        self._classify = plain(part.classify, operations)
        self.classes = self._classify.outputs

    def steps(self, maps: Sequence[Map], logits: Map, space: Workspace) -> Steps:
        """To logits."""
        yield from self._classify.steps([maps[0]], logits, space.regions.active(0))
