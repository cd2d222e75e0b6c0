"""Exits on kernels: from the branches' maps to logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from interim.model_zoo.masked.conv import ConvNorm
from interim.model_zoo.native.blocks import folded, plain, typed
from interim.model_zoo.networks.hrnet import heads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from interim.model_zoo.masked.conv import Conv as TorchConv
    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.operations import Operations, SlicedConv
    from interim.model_zoo.native.workspace import Steps, Workspace


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
        return RedesignedHead(part, channels, operations)
    assert isinstance(part, heads.SingleConvHead)
    return SingleConvHead(part, operations)


class PlainHead:
    """Each branch convolved at its own size, enlarged and added; ReLU; 1x1 to the classes."""

    def __init__(self, part: heads.PlainHead, channels: Sequence[int], operations: Operations) -> None:
        self._mix = _split(part.mix.conv, channels, operations)
        self._classify = plain(part.classify, operations)
        self.classes = self._classify.outputs

    def steps(self, maps: Sequence[Map], logits: Map, space: Workspace) -> Steps:
        """To logits."""
        nearest, *others = self._mix
        runs = space.active(0)
        mixed = space.spare(nearest.outputs, 0)
        coarse = []
        for level, (conv, x) in enumerate(zip(others, maps[1:], strict=True), 1):
            coarse.append(space.spare(conv.outputs, level))
            yield from conv.steps([x], coarse[-1], space.read_by(0, level))
        yield from nearest.steps([maps[0]], mixed, runs, relu=not coarse)
        if coarse:
            yield from space.operations.enlarge(coarse, mixed, runs, relu=True)
        yield from self._classify.steps([mixed], logits, runs)


class RedesignedHead:
    """Looks from afar: down by halves, up again, then to the classes.

    The first 1x1 convolution and the pooling before it change places where that saves work; both are linear.
    """

    def __init__(self, part: heads.RedesignedHead, channels: Sequence[int], operations: Operations) -> None:
        first, *rest = typed(ConvNorm, part.down)
        self._mix = _split(first.conv, channels, operations)
        self._down = [folded(down, operations) for down in rest]
        self._up = [folded(up, operations) for up in typed(ConvNorm, part.up)]
        self._classify = plain(part.classify, operations)
        self.classes = self._classify.outputs

    def steps(self, maps: Sequence[Map], logits: Map, space: Workspace) -> Steps:
        """To logits."""
        operations = space.operations
        x = space.spare(self._mix[0].outputs, 1)
        yield from self._mixed(maps, x, space)
        level = 1
        for down in self._down:
            level += 1
            half, smaller = space.spare(x.shape.channels, level, 1), space.spare(down.outputs, level)
            yield from operations.halve(x, half, space.all(level))
            yield from down.steps([half], smaller, space.all(level), relu=True)
            x = smaller
        for up in self._up:
            far, larger = space.spare(up.outputs, level, 1), space.spare(up.outputs, level - 1)
            yield from up.steps([x], far, space.read_through(level))
            level -= 1
            yield from operations.enlarge([far], larger, space.read_through(level), onto=False, relu=True)
            x = larger
        far = space.spare(self._classify.outputs, 1, 1)
        yield from self._classify.steps([x], far, space.read_through(1))
        yield from operations.enlarge([far], logits, space.active(0), onto=False)

    def _mixed(self, maps: Sequence[Map], x: Map, space: Workspace) -> Steps:
        """The first convolution of all maps, pooled to level 1."""
        operations = space.operations
        nearest, *others = self._mix
        if not others:
            pooled = space.spare(maps[0].shape.channels, 1, 1)
            yield from operations.halve(maps[0], pooled, space.all(1))
            yield from nearest.steps([pooled], x, space.all(1), relu=True)
            return
        fine = space.spare(nearest.outputs, 0)
        yield from nearest.steps([maps[0]], fine, space.all(0))
        coarse = []
        for level, (conv, value) in enumerate(zip(others, maps[1:], strict=True), 1):
            coarse.append(space.spare(conv.outputs, level, 1))
            yield from conv.steps([value], coarse[-1], space.all(level))
        yield from operations.enlarge(coarse[:1], fine, space.all(0))
        yield from operations.halve(fine, x, space.all(1), relu=len(coarse) == 1)
        if len(coarse) > 1:  # enlarging by 4 and then pooling is enlarging by 2
            yield from operations.enlarge(coarse[1:], x, space.all(1), relu=True)


class SingleConvHead:
    """One 1x1 convolution of the finest branch."""

    def __init__(self, part: heads.SingleConvHead, operations: Operations) -> None:
        self._classify = plain(part.classify, operations)
        self.classes = self._classify.outputs

    def steps(self, maps: Sequence[Map], logits: Map, space: Workspace) -> Steps:
        """To logits."""
        yield from self._classify.steps([maps[0]], logits, space.active(0))


def _split(conv: TorchConv, channels: Sequence[int], operations: Operations) -> list[SlicedConv]:
    """A 1x1 convolution of concatenated maps as one for each map; the first has the bias."""
    weights = torch.split(conv.weight, list(channels), 1)
    biases = [conv.bias] + [None] * (len(weights) - 1)
    return [operations.conv([weight], bias) for weight, bias in zip(weights, biases, strict=True)]
