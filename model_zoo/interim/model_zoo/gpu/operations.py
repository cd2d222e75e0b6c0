"""The kernels as a network uses them: each call is written on a tape, and yields."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from interim.model_zoo.gpu.answer import Answer
from interim.model_zoo.gpu.classifier import Classifier
from interim.model_zoo.gpu.conv import Epilogue, PackedConv
from interim.model_zoo.gpu.maps import Map, MapShape
from interim.model_zoo.gpu.passes import Passes
from interim.model_zoo.gpu.tape import Launch

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    import torch
    from torch import Tensor

    from interim.model_zoo.gpu.positions import Positions
    from interim.model_zoo.gpu.target import Target

    Steps = Generator[None, None, None]


class TapedConv:
    """A convolution whose launches go onto the tape; one that ends in an answer is its classifier."""

    def __init__(
        self, weights: Sequence[Tensor], bias: Tensor | None, stride: int, owner: Operations
    ) -> None:
        self.outputs = weights[0].shape[0]
        self._parts = (weights, bias, stride)
        self._owner = owner
        self._packed: PackedConv | None = None
        self._classifier: Classifier | None = None

    def steps(
        self,
        sources: Sequence[Map],
        target: Map | Answer,
        positions: Positions,
        *,
        residual: Map | None = None,
        relu: bool = False,
    ) -> Steps:
        """Write [relu](conv(sources, concatenated) + bias [+ residual]) to positions of the target.

        The residual may be the target. An answer takes a 1x1 convolution of one map as it is.
        """
        if isinstance(target, Answer):
            self._owner.write(self.classifier().launch(sources[0], (), target, positions, relu=False))
        else:
            epilogue = Epilogue(residual=residual, relu=relu)
            self._owner.write(*self._convolution().launches(sources, target, positions, epilogue))
        yield

    def classifier(self) -> Classifier:
        """As the last convolution of an exit."""
        if self._classifier is None:
            (weight,), bias, _ = self._parts
            owner = self._owner
            self._classifier = Classifier(weight, bias, dtype=owner.dtype, target=owner.target)
        return self._classifier

    def _convolution(self) -> PackedConv:
        if self._packed is None:
            weights, bias, stride = self._parts
            owner = self._owner
            self._packed = PackedConv(weights, bias, stride=stride, dtype=owner.dtype, target=owner.target)
        return self._packed


class Operations:
    """The kernels for one kind of number on one device.

    Args:
        dtype: Of maps: torch.float32 or torch.bfloat16. Logits are float32 in either case.
        target: Where.
    """

    def __init__(self, dtype: torch.dtype, target: Target) -> None:
        self.dtype = dtype
        self.target = target
        self._passes = Passes(target)
        self._tape: list[Launch] = []

    @contextmanager
    def recording(self) -> Iterator[list[Launch]]:
        """The tape that everything called inside is written on."""
        before, self._tape = self._tape, []
        try:
            yield self._tape
        finally:
            self._tape = before

    def write(self, *launches: Launch) -> None:
        """Write onto the tape."""
        self._tape.extend(launches)

    def conv(self, weights: Sequence[Tensor], bias: Tensor | None, *, stride: int = 1) -> TapedConv:
        """A convolution with weights (outputs, inputs, k, k) for each source, k 1 or 3, and bias (outputs,) or None."""
        return TapedConv(weights, bias, stride, self)

    def map(self, images: int, channels: int, size: tuple[int, int]) -> Map:
        """A new map of zeros."""
        shape = MapShape(images=images, channels=channels, height=size[0], width=size[1])
        return Map.zeros(shape, self.dtype, self.target.device)

    def clear(self, target: Map) -> None:
        """Make a map zero."""
        self.write(
            Launch(run=lambda: _zero(target.memory), reads=frozenset(), writes=frozenset({target.key}))
        )

    def pixels(self, images: Tensor, target: Map, used: Tensor) -> Steps:
        """The first `used` of images (N, H, W, 3) uint8 as what the first convolution takes (`intake.WithOnes`)."""
        self.write(self._passes.pixels(images, target, used))
        yield

    def enlarge(
        self,
        coarse: Sequence[Map],
        target: Map | Answer,
        positions: Positions,
        *,
        onto: bool = True,
        relu: bool = False,
    ) -> Steps:
        """Write [relu]([target +] Σ bilinear(coarse)) to positions of the target; corners not aligned.

        An answer takes one map of half its size as it is.
        """
        if isinstance(target, Answer):
            self.write(self._passes.answer(coarse[0], target, positions))
        else:
            self.write(self._passes.enlarge(coarse, target, positions, onto=onto, relu=relu))
        yield

    def halve(self, source: Map, target: Map, positions: Positions, *, relu: bool = False) -> Steps:
        """Write [relu](the mean of 2x2 positions of the source) to positions of the target."""
        self.write(self._passes.halve(source, target, positions, relu=relu))
        yield


def _zero(memory: Tensor) -> None:
    memory.zero_()
