"""The redesigned exits on kernels: looked at from afar, everywhere or where masks say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.masked.conv import ConvNorm
from interim.model_zoo.native.interpolation import Interpolation
from interim.model_zoo.native.layers import Layer, interpolation_of, late_shift, plain, split, typed
from interim.model_zoo.native.regions import Interpolated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.operations import Operations, Steps
    from interim.model_zoo.native.workspace import Workspace
    from interim.model_zoo.networks.hrnet import heads


class RedesignedHead:
    """Looks from afar: down by halves, up again, then to the classes.

    The first 1x1 convolution and the pooling before it change places where that saves work; both are linear.
    """

    def __init__(self, part: heads.RedesignedHead, channels: Sequence[int], operations: Operations) -> None:
        first, *rest = typed(ConvNorm, part.down)
        self._mix = split(first.conv, first.conv.bias, channels, operations.conv)
        self._down = [plain(down.conv, operations) for down in rest]
        self._up = [plain(up.conv, operations) for up in typed(ConvNorm, part.up)]
        self._classify = plain(part.classify, operations)
        self.classes = self._classify.outputs

    def steps(self, maps: Sequence[Map], logits: Map, space: Workspace) -> Steps:
        """To logits."""
        operations, regions = space.operations, space.regions
        x = space.spare(self._mix[0].outputs, 1)
        yield from self._mixed(maps, x, space)
        level = 1
        for down in self._down:
            level += 1
            half, smaller = space.spare(x.shape.channels, level, 1), space.spare(down.outputs, level)
            yield from operations.halve(x, half, regions.all(level))
            yield from down.steps([half], smaller, regions.all(level), relu=True)
            x = smaller
        for up in self._up:
            far, larger = space.spare(up.outputs, level, 1), space.spare(up.outputs, level - 1)
            yield from up.steps([x], far, regions.read_through(level))
            level -= 1
            yield from operations.enlarge([far], larger, regions.read_through(level), onto=False, relu=True)
            x = larger
        far = space.spare(self._classify.outputs, 1, 1)
        yield from self._classify.steps([x], far, regions.read_through(1))
        yield from operations.enlarge([far], logits, regions.active(0), onto=False)

    def _mixed(self, maps: Sequence[Map], x: Map, space: Workspace) -> Steps:
        """The first convolution of all maps, pooled to level 1."""
        operations, regions = space.operations, space.regions
        nearest, *others = self._mix
        if not others:
            pooled = space.spare(maps[0].shape.channels, 1, 1)
            yield from operations.halve(maps[0], pooled, regions.all(1))
            yield from nearest.steps([pooled], x, regions.all(1), relu=True)
            return
        fine = space.spare(nearest.outputs, 0)
        yield from nearest.steps([maps[0]], fine, regions.all(0))
        coarse = []
        for level, (conv, value) in enumerate(zip(others, maps[1:], strict=True), 1):
            coarse.append(space.spare(conv.outputs, level, 1))
            yield from conv.steps([value], coarse[-1], regions.all(level))
        yield from operations.enlarge(coarse[:1], fine, regions.all(0))
        yield from operations.halve(fine, x, regions.all(1), relu=len(coarse) == 1)
        if len(coarse) > 1:  # enlarging by 4 and then pooling is enlarging by 2
            yield from operations.enlarge(coarse[1:], x, regions.all(1), relu=True)


class Settled:
    """What turns the raw values of a part into its outputs: as they are where known, interpolated around."""

    def __init__(self, part: ConvNorm) -> None:
        shift, around = late_shift(part), interpolation_of(part)
        assert shift is not None
        assert around is not None
        self._itself, self._around = Interpolation.itself(shift), around

    def steps(self, raw: Map, target: Map, level: int, space: Workspace) -> Steps:
        """Write ReLU(values + shift) wherever they are wanted at a level."""
        where, operations = space.regions.moved(level), space.operations
        for each, runs in ((self._itself, where.computed), (self._around, where.filled)):
            if runs is not None:
                yield from operations.interpolate(each, raw, where.computed, target, runs, relu=True)


class InterpolatedHead:
    """The redesigned head whose every convolution is masked at the size of its output, and interpolated around."""

    def __init__(self, part: heads.RedesignedHead, channels: Sequence[int], operations: Operations) -> None:
        first, *rest = typed(ConvNorm, part.down)
        self._mix = split(first.conv, first.conv.bias, channels, operations.conv)
        self._mixture = Settled(first)
        self._down = [Layer(down, operations) for down in rest]
        self._up = [(plain(up.conv, operations), Settled(up)) for up in typed(ConvNorm, part.up)]
        self._classify = plain(part.classify, operations)
        self.classes = self._classify.outputs

    def steps(self, maps: Sequence[Map], logits: Map, space: Workspace) -> Steps:
        """To logits."""
        operations, regions = space.operations, space.regions
        width, level = self._mix[0].outputs, 1
        x, raw = space.spare(width, level), space.raw(width, level)
        yield from self._mixed(maps, raw, space)
        yield from self._mixture.steps(raw, x, level, space)
        for down in self._down:
            level += 1
            half, smaller = space.spare(width, level, 1), space.spare(width, level)
            yield from operations.halve(x, half, regions.active(level))
            yield from down.steps([half], smaller, regions.moved(level), space, relu=True)
            x = smaller
        for up, settled in self._up:
            far = space.spare(width, level, 1)
            yield from up.steps([x], far, regions.read_by(level - 1, level))
            level -= 1
            x, raw = space.spare(width, level), space.raw(width, level)
            yield from operations.enlarge([far], raw, regions.active(level), onto=False)
            yield from settled.steps(raw, x, level, space)
        far = space.spare(self.classes, 1, 1)
        yield from self._classify.steps([x], far, regions.read_by(0, 1))
        yield from operations.enlarge([far], logits, regions.active(0), onto=False)

    def _mixed(self, maps: Sequence[Map], raw: Map, space: Workspace) -> Steps:
        """The first convolution of all maps, pooled to level 1, where that is active."""
        operations, regions = space.operations, space.regions
        assert isinstance(regions, Interpolated)
        nearest, *others = self._mix
        fine, within = space.spare(nearest.outputs, 0), regions.within(1)
        yield from nearest.steps([maps[0]], fine, within)
        coarse = []
        for level, (conv, value) in enumerate(zip(others, maps[1:], strict=True), 1):
            coarse.append(space.spare(conv.outputs, level, 1))
            read = regions.beside(1) if level == 1 else regions.read_by(1, level)
            yield from conv.steps([value], coarse[-1], read)
        yield from operations.enlarge(coarse[:1], fine, within)
        yield from operations.halve(fine, raw, regions.active(1))
        if len(coarse) > 1:  # enlarging by 4 and then pooling is enlarging by 2
            yield from operations.enlarge(coarse[1:], raw, regions.active(1))
