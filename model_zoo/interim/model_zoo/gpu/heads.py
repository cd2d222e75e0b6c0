"""The exit that is worth a kernel of its own; the others end in an answer as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from interim.model_zoo.native.heads import head as head_on_kernels
from interim.model_zoo.native.layers import split
from interim.model_zoo.networks.hrnet import heads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from interim.model_zoo.gpu.answer import Answer
    from interim.model_zoo.gpu.maps import Map
    from interim.model_zoo.gpu.operations import Operations, Steps
    from interim.model_zoo.gpu.workspace import Workspace
    from interim.model_zoo.native.heads import Head
    from interim.model_zoo.native.operations import Operations as NativeOperations


def head(part: nn.Module, channels: Sequence[int], operations: Operations) -> Head | PlainHead:
    """A head as the GPU runs it; `channels` are those of the maps it will be given."""
    if isinstance(part, heads.PlainHead):
        return PlainHead(part, channels, operations)
    return head_on_kernels(
        part, channels, cast("NativeOperations", operations)
    )  # has all that it asks of one


class PlainHead:
    """Each branch convolved at its own size; then one kernel enlarges, adds, applies the ReLU and classifies."""

    def __init__(self, part: heads.PlainHead, channels: Sequence[int], operations: Operations) -> None:
        self._mix = split(part.mix.conv, part.mix.conv.bias, channels, operations.conv)
        last = part.classify
        self._classify = operations.conv([last.weight], last.bias)
        self.classes = self._classify.outputs

    def steps(self, maps: Sequence[Map], answer: Answer, space: Workspace) -> Steps:
        """From the branches' maps to the answer, written where positions are active."""
        nearest, *others = self._mix
        positions, mixed = space.active(0), space.spare(nearest.outputs, 0)
        coarse = []
        for level, (conv, x) in enumerate(zip(others, maps[1:], strict=True), 1):
            coarse.append(space.spare(conv.outputs, level))
            yield from conv.steps([x], coarse[-1], space.read_by(0, level))
        yield from nearest.steps([maps[0]], mixed, positions)
        classifier = self._classify.classifier()
        space.operations.write(classifier.launch(mixed, coarse, answer, positions, relu=True))
        yield
