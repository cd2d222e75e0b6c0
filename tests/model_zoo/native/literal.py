"""The operations of the native network in torch, one position mask at a time: plain, slow, any dtype."""

import itertools
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from interim.model_zoo.confidence import Rule, Seen
from interim.model_zoo.native.interpolation import Interpolation
from interim.model_zoo.native.maps import MapShape
from interim.model_zoo.native.operations import Steps

Runs = Tensor
"""Here a list of positions is a mask (N, 1, h, w) bool."""


@dataclass
class LiteralMap:
    """A map as a tensor (N, C, h, w)."""

    tensor: Tensor

    @property
    def shape(self) -> MapShape:
        images, channels, height, width = self.tensor.shape
        return MapShape(
            channels=channels, height=height, width=width, dtype=torch.float32, images=images
        )  # float32: other kinds have no layout

    def write(self, values: Tensor, runs: Runs) -> None:
        self.tensor.copy_(torch.where(runs, values, self.tensor))


@dataclass
class LiteralConv:
    weight: Tensor
    bias: Tensor | None
    stride: int
    shift: Tensor | None

    @property
    def inputs(self) -> int:
        return self.weight.shape[1]

    @property
    def outputs(self) -> int:
        return self.weight.shape[0]

    def steps(
        self,
        sources: Sequence[LiteralMap],
        target: LiteralMap,
        runs: Runs,
        *,
        residual: LiteralMap | None = None,
        raw: LiteralMap | None = None,
        relu: bool = False,
    ) -> Steps:
        source = torch.cat([x.tensor for x in sources], 1)
        made = F.conv2d(source, self.weight, self.bias, self.stride, self.weight.shape[-1] // 2)
        if raw is not None:
            raw.write(made, runs)
        if self.shift is not None:
            made = made + self.shift.view(-1, 1, 1)
        if residual is not None:
            made = made + residual.tensor
        target.write(made.relu() if relu else made, runs)
        yield


class Literal:
    """`Operations` in torch. Every map begins as NaN: what is read must have been written."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def conv(
        self,
        weights: Sequence[Tensor],
        bias: Tensor | None,
        *,
        stride: int = 1,
        shift: Tensor | None = None,
    ) -> LiteralConv:
        added = (None if each is None else each.to(self.dtype) for each in (bias, shift))
        return LiteralConv(torch.cat(list(weights), 1).to(self.dtype), next(added), stride, next(added))

    def map(self, images: int, channels: int, size: tuple[int, int]) -> LiteralMap:
        return LiteralMap(torch.full((images, channels, *size), torch.nan, dtype=self.dtype))

    def logits(self, source: LiteralMap, runs: Runs, before: Tensor | None) -> Generator[None, None, Tensor]:
        yield
        return source.tensor.clone() if before is None else torch.where(runs, source.tensor, before)

    def surety(
        self, logits: Tensor, rule: Rule, threshold: float, before: Tensor | None, *, exit_: int
    ) -> tuple[Tensor, Tensor]:
        confidence = rule.confidence(logits)
        seen = Seen(logits=logits, confidence=confidence, exit_=exit_, before=before)
        active = rule.active(seen, threshold)
        return confidence, active if before is None else active & before

    def memory(self, source: LiteralMap) -> Tensor:
        return source.tensor

    def batch(self, tensor: Tensor, channels: int, size: tuple[int, int]) -> LiteralMap:
        assert tensor.shape[1:] == (channels, *size)
        return LiteralMap(tensor)

    def pixels(self, images: Tensor, target: LiteralMap) -> Steps:
        target.tensor[:, :3] = images
        target.tensor[:, 3] = 1
        yield

    def clear(self, target: LiteralMap) -> None:
        target.tensor.zero_()

    def copy(self, source: LiteralMap, target: LiteralMap) -> None:
        target.tensor.copy_(source.tensor)

    def dense(self, images: int, size: tuple[int, int]) -> Runs:
        return torch.ones(images, 1, *size, dtype=torch.bool)

    def listed(self, mask: Tensor) -> Runs:
        return mask[:, None]

    def bands(self, runs: Runs, target: LiteralMap) -> list[Runs]:
        height = target.tensor.shape[2]
        rows = torch.arange(height).view(1, 1, height, 1) // 4
        return [runs & (rows == band) for band in range(-(-height // 4))]

    def halved(self, mask: Tensor) -> Tensor:
        return F.max_pool2d(mask.float(), 2) > 0

    def read_by_enlarging(self, mask: Tensor, factor: int) -> Tensor:
        inside = F.max_pool2d(mask.float(), factor)  # of a factor of 1: the mask
        return F.max_pool2d(inside, 3, stride=1, padding=1) > 0

    def enlarge(
        self,
        coarse: Sequence[LiteralMap],
        target: LiteralMap,
        runs: Runs,
        *,
        onto: bool = True,
        relu: bool = False,
    ) -> Steps:
        size = target.tensor.shape[-2:]
        parts = [F.interpolate(x.tensor, size, mode="bilinear", align_corners=False) for x in coarse]
        total = sum(parts, target.tensor if onto else torch.zeros((), dtype=self.dtype))
        target.write(total.relu() if relu else total, runs)
        yield

    def halve(self, source: LiteralMap, target: LiteralMap, runs: Runs, *, relu: bool = False) -> Steps:
        made = F.avg_pool2d(source.tensor, 2)
        target.write(made.relu() if relu else made, runs)
        yield

    def interpolate(
        self,
        interpolation: Interpolation,
        source: LiteralMap,
        known: Runs,
        target: LiteralMap,
        runs: Runs,
        *,
        residual: LiteralMap | None = None,
        relu: bool = False,
    ) -> Steps:
        height, width = source.tensor.shape[-2:]
        wide = F.pad(torch.where(known, source.tensor, 0), [interpolation.radius] * 4)
        made = torch.zeros_like(source.tensor) + interpolation.shift.view(-1, 1, 1)
        line = list(enumerate(interpolation.line.tolist()))
        for (down, above), (right, beside) in itertools.product(line, line):
            made += above * beside * wide[..., down : down + height, right : right + width]
        if residual is not None:
            made = made + residual.tensor
        target.write(made.relu() if relu else made, runs)
        yield
