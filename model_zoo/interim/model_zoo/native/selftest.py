"""What freshly loaded kernels must get right before anybody relies on them: each against torch, on masks."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from interim.model_zoo.confidence import MaxProbability, Seen
from interim.model_zoo.label_map import label_map
from interim.model_zoo.native.answers import Answers
from interim.model_zoo.native.conv import PackedConv
from interim.model_zoo.native.interpolation import Interpolation
from interim.model_zoo.native.maps import Map, MapShape
from interim.model_zoo.native.passes import Passes
from interim.model_zoo.native.runs import RunLists, Runs
from interim.model_zoo.native.strided import StridedConv
from interim.model_zoo.native.winograd import TiledConv

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from interim.model_zoo.native.kernels import Kernels

SIZE = (8, 40)
CHANNELS = 34
"""Of outputs five blocks and a rest, or for a matrix unit three parts: two at a time, and one alone."""

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.05}
"""Of values about 1; what is wrong is off by more."""


def fault(kernels: Kernels) -> str | None:
    """What is wrong with the kernels, in a few words; None when all is well."""
    with torch.inference_mode():
        for name in kernels.dtypes:
            trial = _Trial.of(kernels, getattr(torch, name))
            for operation in (
                "convolution",
                "tiling",
                "striding",
                "interpolating",
                "enlarging",
                "halving",
                "intake",
            ):
                if not getattr(trial, f"{operation}_works")():
                    return f"{operation} in {name}"
        return None if _answers_work(kernels) else "answers"


@dataclass(frozen=True, slots=True)
class _Trial:
    """Noise, a mask, and the positions of it as a list, for one kind of number."""

    kernels: Kernels
    dtype: torch.dtype
    mask: Tensor
    runs: Runs

    @classmethod
    def of(cls, kernels: Kernels, dtype: torch.dtype) -> _Trial:
        mask = _noise((1, *SIZE)) > 0
        return cls(kernels, dtype, mask, RunLists(kernels).listed(mask))

    def convolution_works(self) -> bool:
        """Whether 3x3 and 1x1 are torch's."""
        made = functools.partial(PackedConv, self.kernels, dtype=self.dtype)
        return all(
            self._convolves(functools.partial(made, stride=stride), kernel, stride)
            for kernel, stride in ((3, 1), (3, 2), (1, 1))
        )

    def tiling_works(self) -> bool:
        """Whether a 3x3 convolution in tiles is torch's; true where there is none."""
        made = functools.partial(TiledConv, self.kernels, dtype=self.dtype)
        return not self.kernels.instructions.anywhere or self._convolves(made, 3, 1)

    def striding_works(self) -> bool:
        """Whether a 3x3 convolution of stride 2 at positions anywhere is the plain one; true where there is none."""
        if not self.kernels.instructions.anywhere:
            return True
        strided = functools.partial(StridedConv, self.kernels, dtype=self.dtype)
        plain = functools.partial(PackedConv, self.kernels, dtype=self.dtype, stride=2)
        found, wanted = self._convolved(strided, 3, 2), self._convolved(plain, 3, 2)
        return all(torch.equal(one.values, other.values) for one, other in zip(found, wanted, strict=True))

    def interpolating_works(self) -> bool:
        """Whether known neighbours are added up by a kernel as torch does it, to the border of the map."""
        (source, x), (target, before) = self._map(CHANNELS), self._map(CHANNELS)
        line, shift = _noise((7,)).abs(), _noise((CHANNELS,))
        known, passes = RunLists(self.kernels).listed(~self.mask), Passes(self.kernels, self.dtype)
        around = Interpolation.around(line, shift)
        passes.interpolation(around, source, known, target, residual=target).run(self.runs)
        kernel = torch.outer(line, line)
        made = F.conv2d(x * ~self.mask, kernel.expand(CHANNELS, 1, 7, 7), shift, padding=3, groups=CHANNELS)
        return self._close(target, made + before, before)

    def enlarging_works(self) -> bool:
        """Whether the sum of three enlarged maps is torch's."""
        target, before = self._map(CHANNELS)
        coarse = [self._map(CHANNELS, 1 / factor) for factor in (2, 4, 8)]
        Passes(self.kernels, self.dtype).enlarge([map_ for map_, _ in coarse], target, self.runs.pairs)
        wanted = sum((F.interpolate(x, SIZE, mode="bilinear") for _, x in coarse), before)
        return self._close(target, wanted, before)

    def halving_works(self) -> bool:
        """Whether the mean of 2x2 is torch's."""
        source, x = self._map(CHANNELS, 2)
        target, before = self._map(CHANNELS)
        Passes(self.kernels, self.dtype).halve(source, target, self.runs)
        return self._close(target, F.avg_pool2d(x, 2), before)

    def intake_works(self) -> bool:
        """Whether bytes come in, and out again, as they are."""
        images = torch.arange(3 * SIZE[0] * SIZE[1]).to(torch.uint8).view(1, 3, *SIZE)
        target, _ = self._map(4)
        unpacked = torch.zeros(1, 4, *SIZE)
        passes = Passes(self.kernels, self.dtype)
        passes.pixels(images, target)
        passes.unpack(target, unpacked, self.runs)
        wanted = torch.cat((images.float(), torch.ones(1, 1, *SIZE)), 1)
        return torch.equal(unpacked, torch.where(self.mask, wanted, 0))

    def _convolves(self, make: Callable[..., PackedConv], kernel: int, stride: int) -> bool:
        """Whether a convolution with bias, shift, residual and ReLU is torch's, and the raw sums beside it."""
        weight, bias, shift = self._weights(kernel)
        (_, x), (_, before) = self._map(CHANNELS, stride), self._map(CHANNELS)
        target, raw = self._convolved(make, kernel, stride)
        sums = F.conv2d(x, weight, bias, stride, kernel // 2)
        wanted = (sums + shift.view(-1, 1, 1) + before).relu_()
        return self._close(raw, sums, before) and self._close(target, wanted, before)

    def _convolved(self, make: Callable[..., PackedConv], kernel: int, stride: int) -> tuple[Map, Map]:
        """What a convolution makes of noise, and its raw sums."""
        weight, bias, shift = self._weights(kernel)
        (source, _), (target, _), (raw, _) = (
            self._map(CHANNELS, stride),
            self._map(CHANNELS),
            self._map(CHANNELS),
        )
        conv = make(weight, bias, shift=shift)
        bound = conv.bind([source], target, residual=target, raw=raw, relu=True)
        bound.run(conv.work(self.runs).array)
        return target, raw

    def _weights(self, kernel: int) -> tuple[Tensor, Tensor, Tensor]:
        """Noise as weight, bias and shift."""
        weight = _noise((CHANNELS, CHANNELS, kernel, kernel)).to(self.dtype).float() / CHANNELS
        return weight, _noise((CHANNELS,)), _noise((1, CHANNELS))[0]

    def _map(self, channels: int, scale: float = 1) -> tuple[Map, Tensor]:
        """Noise in a map `scale` times the usual size, and the same as a tensor."""
        height, width = (int(side * scale) for side in SIZE)
        map_ = Map(MapShape(channels=channels, height=height, width=width, dtype=self.dtype))
        map_.fill(_noise((1, channels, height, width)))
        return map_, map_.tensor().float()

    def _close(self, found: Map, wanted: Tensor, before: Tensor) -> bool:
        """Whether listed positions are as wanted and the others as before."""
        expected = torch.where(self.mask, wanted, before)
        tolerance = TOLERANCE[self.dtype]
        return torch.allclose(found.tensor().float(), expected, rtol=tolerance, atol=tolerance)


def _answers_work(kernels: Kernels) -> bool:
    """Whether confidence and label maps are the reference's; whole numbers have exact sums.

    The numbers are others each time: memory that still holds the answers of a test before is no answer.
    """
    draw = torch.Generator().manual_seed(next(_TESTS))
    logits = (torch.randn((1, 5, *SIZE), generator=draw) * 3).round()
    answers, rule = Answers(kernels), MaxProbability()
    confidence, active = answers.confidence(logits, 0.5)
    size = (4 * SIZE[0] - 1, 4 * SIZE[1] - 2)
    return (
        torch.allclose(confidence, rule.confidence(logits))
        and torch.equal(active, rule.active(Seen(logits=logits, confidence=confidence, exit_=1), 0.5))
        and torch.equal(answers.label_map(logits, size), label_map(logits, size))
    )


_TESTS = itertools.count(1)


def _noise(shape: tuple[int, ...]) -> Tensor:
    """Numbers about 0, the same every time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))
