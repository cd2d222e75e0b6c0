"""The stem and the residual blocks of HRNet, on kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.native.layers import Layer, plain

if TYPE_CHECKING:
    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.operations import Operations, Steps
    from interim.model_zoo.native.workspace import Stream, Workspace
    from interim.model_zoo.networks.hrnet import blocks, stem


class Stem:
    """Two 3x3 convolutions of stride 2."""

    def __init__(self, part: stem.Stem, operations: Operations) -> None:
        self._first = plain(part.first.conv, operations)
        self._second = plain(part.second.conv, operations)

    def steps(self, pixels: Map, target: Map, space: Workspace) -> Steps:
        """From the image at level -2 to level 0."""
        half = space.spare(self._first.outputs, -1)
        yield from self._first.steps([pixels], half, space.regions.all(-1), relu=True)
        yield from self._second.steps([half], target, space.regions.all(0), relu=True)


class Bottleneck:
    """1x1, 3x3, 1x1, and the input added, at level 0; where widths differ the shortcut joins the last 1x1."""

    def __init__(self, part: blocks.Bottleneck, operations: Operations) -> None:
        self._narrow = plain(part.narrow.conv, operations)
        self._middle = plain(part.middle.conv, operations)
        self.joined = part.shortcut is not None
        if part.shortcut is None:
            self._widen = plain(part.widen.conv, operations)
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
        yield from self._narrow.steps([stream.value], narrow, space.regions.all(0), relu=True)
        yield from self._middle.steps([narrow], middle, space.regions.all(0), relu=True)
        if self.joined:
            yield from self._widen.steps(
                [middle, stream.value], stream.target, space.regions.all(0), relu=True
            )
        else:
            yield from self._widen.steps(
                [middle], stream.target, space.regions.all(0), residual=stream.value, relu=True
            )


class BasicBlock:
    """Two 3x3 convolutions and the input added; only where the stream moves."""

    def __init__(self, part: blocks.BasicBlock, operations: Operations) -> None:
        self._first = Layer(part.first, operations)
        self._second = Layer(part.second, operations)
        self.outputs = self._second.outputs

    def steps(self, stream: Stream, level: int, space: Workspace) -> Steps:
        """From `stream.value` to `stream.target`, which may be the same map."""
        inner, where = space.inner(self._first.outputs, level), space.regions.moved(level)
        yield  # clearing a map and making a list take a while
        yield from self._first.steps([stream.value], inner, where, space, relu=True)
        yield from self._second.steps([inner], stream.target, where, space, residual=stream.value, relu=True)
