"""The stem and the residual blocks of HRNet, on kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from torch import nn

if TYPE_CHECKING:
    from interim.model_zoo.masked.conv import Conv as TorchConv
    from interim.model_zoo.masked.conv import ConvNorm
    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.operations import Operations, SlicedConv
    from interim.model_zoo.native.workspace import Steps, Stream, Workspace
    from interim.model_zoo.networks.hrnet import blocks, stem


Kind = TypeVar("Kind", bound=nn.Module)


def typed(kind: type[Kind], modules: nn.Module) -> list[Kind]:
    """The modules of a list, all of one type, which a list of torch forgets."""
    assert isinstance(modules, nn.ModuleList)
    return [each for each in modules if isinstance(each, kind)]


def folded(part: ConvNorm, operations: Operations) -> SlicedConv:
    """The convolution of a part whose normalisation has been folded."""
    return plain(part.conv, operations)


def plain(conv: TorchConv, operations: Operations) -> SlicedConv:
    """A convolution without a normalisation."""
    return operations.conv([conv.weight], conv.bias, stride=conv.stride)


class Stem:
    """Two 3x3 convolutions of stride 2."""

    def __init__(self, part: stem.Stem, operations: Operations) -> None:
        self._first = folded(part.first, operations)
        self._second = folded(part.second, operations)

    def steps(self, pixels: Map, target: Map, space: Workspace) -> Steps:
        """From the image at level -2 to level 0."""
        half = space.spare(self._first.outputs, -1)
        yield from self._first.steps([pixels], half, space.all(-1), relu=True)
        yield from self._second.steps([half], target, space.all(0), relu=True)


class Bottleneck:
    """1x1, 3x3, 1x1, and the input added, at level 0; where widths differ the shortcut joins the last 1x1."""

    def __init__(self, part: blocks.Bottleneck, operations: Operations) -> None:
        self._narrow = folded(part.narrow, operations)
        self._middle = folded(part.middle, operations)
        self.joined = part.shortcut is not None
        if part.shortcut is None:
            self._widen = folded(part.widen, operations)
        else:
            widen, shortcut = part.widen.conv, part.shortcut.conv
            assert widen.bias is not None
            assert shortcut.bias is not None
            self._widen = operations.conv([widen.weight, shortcut.weight], widen.bias + shortcut.bias)
        self.outputs = self._widen.outputs

    def steps(self, stream: Stream, space: Workspace) -> Steps:
        """From `stream.value` to `stream.target`, which may be the same map where widths agree."""
        narrow = space.spare(self._narrow.outputs, 0)
        middle = space.inner(self._middle.outputs, 0)
        yield from self._narrow.steps([stream.value], narrow, space.all(0), relu=True)
        yield from self._middle.steps([narrow], middle, space.all(0), relu=True)
        if self.joined:
            yield from self._widen.steps([middle, stream.value], stream.target, space.all(0), relu=True)
        else:
            yield from self._widen.steps(
                [middle], stream.target, space.all(0), residual=stream.value, relu=True
            )


class BasicBlock:
    """Two 3x3 convolutions and the input added; positions that are not active keep the input."""

    def __init__(self, part: blocks.BasicBlock, operations: Operations) -> None:
        self._first = folded(part.first, operations)
        self._second = folded(part.second, operations)
        self.outputs = self._second.outputs

    def steps(self, stream: Stream, level: int, space: Workspace) -> Steps:
        """From `stream.value` to `stream.target`, which may be the same map."""
        inner, runs = space.inner(self._first.outputs, level), space.active(level)
        yield from self._first.steps([stream.value], inner, runs, relu=True)
        yield from self._second.steps([inner], stream.target, runs, residual=stream.value, relu=True)
