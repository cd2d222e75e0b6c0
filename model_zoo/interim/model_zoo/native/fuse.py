"""The fuse of a module, in place: every branch hears from every other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from interim.model_zoo.masked.conv import ConvNorm
from interim.model_zoo.native.layers import Layer, typed
from interim.model_zoo.networks.hrnet.fuse import Down, Up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.operations import Operations, Steps
    from interim.model_zoo.native.workspace import Workspace
    from interim.model_zoo.networks.hrnet import fuse


class Fuse:
    """Output i is ReLU(x_i + Σ what the others send), written over x_i.

    In an order that never reads what has been written: first every branch's 1x1 projections for the
    finer ones, then the outputs from the coarsest to the finest, each of which reads finer branches.
    """

    def __init__(self, part: fuse.Fuse, operations: Operations) -> None:
        rows = [typed(nn.Module, row) for row in part.rows]
        self._ups: list[dict[int, Layer]] = [
            {
                source: Layer(path.project, operations)
                for source, path in enumerate(row)
                if isinstance(path, Up)
            }
            for row in rows
        ]
        self._downs: list[dict[int, list[Layer]]] = [
            {
                source: [Layer(step, operations) for step in typed(ConvNorm, path.steps)]
                for source, path in enumerate(row)
                if isinstance(path, Down)
            }
            for row in rows
        ]

    def steps(self, maps: Sequence[Map], space: Workspace) -> Steps:
        """One map a branch, of which the first ones become the outputs."""
        sent: list[list[Map]] = []
        for target, ups in enumerate(self._ups):
            sent.append([space.spare(up.outputs, source) for source, up in ups.items()])
            for (source, up), far in zip(ups.items(), sent[-1], strict=True):
                yield from up.steps([maps[source]], far, space.regions.sent(target, source), space)
        for target in reversed(range(len(self._ups))):
            downs = self._downs[target]
            if sent[target]:
                yield from space.operations.enlarge(
                    sent[target], maps[target], space.regions.reached(target), relu=not downs
                )
            for source, chain in downs.items():
                last = source == target - 1
                yield from _down(chain, source, maps[source], maps[target], space, relu=last)


def _down(
    chain: Sequence[Layer], source: int, value: Map, target: Map, space: Workspace, *, relu: bool
) -> Steps:
    """Halve step by step, and add to the target."""
    *inner, last = chain
    for level, step in enumerate(inner, source + 1):
        between = space.inner(step.outputs, level)
        yield from step.steps([value], between, space.regions.moved(level), space, relu=True)
        value = between
    level = source + len(chain)
    yield from last.steps([value], target, space.regions.moved(level), space, residual=target, relu=relu)
