"""The kernels as the network uses them: pooled maps, work cut into slices."""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.confidence import MaxProbability, Seen
from interim.model_zoo.mask_rules import measure_of
from interim.model_zoo.native.answers import Answers
from interim.model_zoo.native.conv import CConv, PackedConv
from interim.model_zoo.native.maps import CELL_BYTES, LANES, LINE_CELLS, Map, MapShape
from interim.model_zoo.native.passes import Passes
from interim.model_zoo.native.pool import Pool
from interim.model_zoo.native.runs import Band, RunLists, Runs, Work
from interim.model_zoo.native.strided import StridedConv, worth_striding
from interim.model_zoo.native.winograd import TiledConv, worth_tiling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor

    from interim.model_zoo.confidence import Rule
    from interim.model_zoo.native.interpolation import Interpolation
    from interim.model_zoo.native.kernels import Kernels

Steps = Generator[None, None, None]
"""Work under way: yields wherever it may be given up, after a millisecond or so."""

SLICE_LOADS = 100_000
"""Vectors read in a slice of what is no convolution: likewise."""

BAND_CELLS = 256 * 1024
"""Of a map, what stays in a core's second cache (1 MB) until the next step reads it."""

KNOWN_SIZES = 64
"""Lists of all positions that are kept."""

KNOWN_MOST = 64
"""Sets of maps that a convolution remembers."""

GROUP_RUNS = 4
"""Entries of work that the convolutions compute together."""


class SlicedConv:
    """A convolution with "same" padding, in slices."""

    def __init__(self, packed: PackedConv, slice_macs: int, threads: int) -> None:
        self.outputs = packed.outputs
        self._packed = packed
        self._known: dict[tuple[int | None, ...], tuple[Callable[..., int], CConv]] = {}
        self._threads = threads
        self._slice = max(1, threads * slice_macs // packed.macs_per_entry // GROUP_RUNS) * GROUP_RUNS

    def steps(
        self,
        sources: Sequence[Map],
        target: Map,
        runs: Runs | Band,
        *,
        residual: Map | None = None,
        raw: Map | None = None,
        relu: bool = False,
    ) -> Steps:
        """Write [relu](conv(sources, concatenated) + bias + shift [+ residual]) to the listed positions of the target.

        The residual may be the target. `raw` gets conv(sources, concatenated) + bias there. Bands are for 1x1 alone.
        """
        function, conv = self._bound(sources, target, (residual, raw), relu=relu)
        address = ctypes.addressof(conv)
        work = runs.pairs if isinstance(runs, Band) else self._packed.work(runs)
        for part in _cut(work, self._slice):
            function(address, part.address, len(part), part.behind, self._threads, None)
            yield

    def _bound(
        self, sources: Sequence[Map], target: Map, beside: tuple[Map | None, Map | None], *, relu: bool
    ) -> tuple[Callable[..., int], CConv]:
        """The kernel and its argument for certain maps.

        Remembered by where maps are: their memory is pooled, so it is the same ones again and again.
        """
        shape = target.shape
        place = (shape.images, shape.height, shape.width)
        others = (None if each is None else each.c.cells for each in beside)
        key = (*place, relu, target.c.cells, *others, *(source.c.cells for source in sources))
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= KNOWN_MOST:
                self._known.clear()
            residual, raw = beside
            bound = self._packed.bind(sources, target, residual=residual, raw=raw, relu=relu)
            found = self._known[key] = (bound.function, bound.c)  # not the maps: their memory is to go back
        return found


class Operations:
    """The kernels of a library for one kind of number, and the memory they work in.

    Args:
        kernels: The library.
        dtype: Of maps: torch.float32 or torch.bfloat16. Logits are float32 in either case.
        threads: How many compute.
    """

    def __init__(self, kernels: Kernels, dtype: torch.dtype, *, threads: int = 1) -> None:
        self.pool = Pool()
        self.answers = Answers(kernels, threads=threads)
        self._kernels = kernels
        self._dtype = dtype
        self._threads = threads
        self._passes = Passes(kernels, dtype, threads=threads)
        self._lists = RunLists(kernels)
        self._dense: dict[tuple[int, int, int], Runs] = {}

    def conv(
        self,
        weights: Sequence[Tensor],
        bias: Tensor | None,
        *,
        stride: int = 1,
        shift: Tensor | None = None,
    ) -> SlicedConv:
        """A convolution with weights (outputs, inputs, k, k) for each source, k 1 or 3.

        Bias and shift are (outputs,) or None.
        """
        inputs = [weight.shape[1] for weight in weights]
        whole = torch.cat(list(weights), 1)
        alone = len(weights) == 1
        if alone and stride == 1 and worth_tiling(self._kernels, whole, self._dtype):
            packed: PackedConv = TiledConv(self._kernels, whole, bias, dtype=self._dtype, shift=shift)
        elif alone and stride == 2 and worth_striding(self._kernels, whole, self._dtype):
            packed = StridedConv(self._kernels, whole, bias, dtype=self._dtype, shift=shift)
        else:
            packed = PackedConv(
                self._kernels, whole, bias, stride=stride, dtype=self._dtype, inputs=inputs, shift=shift
            )
        return SlicedConv(packed, self._kernels.slice_macs(self._dtype), self._threads)

    def map(self, images: int, channels: int, size: tuple[int, int]) -> Map:
        """A map from the pool, whose insides may be anything."""
        return self.pool.map(self._shape(images, channels, size))

    def memory(self, source: Map) -> Tensor:
        """The memory of a map as int32 (N, planes, cells of a plane), borders and all."""
        return source.all_cells

    def batch(self, tensor: Tensor, channels: int, size: tuple[int, int]) -> Map:
        """The map whose `memory` a tensor is; rows that were joined are copied to where maps may lie."""
        shape = self._shape(tensor.shape[0], channels, size)
        room = tensor.untyped_storage().nbytes() // tensor.itemsize - tensor.storage_offset()
        if (
            tensor.is_contiguous()
            and room >= shape.cells
            and tensor.data_ptr() % (LINE_CELLS * CELL_BYTES) == 0
        ):
            return Map(shape, tensor.as_strided((shape.cells,), (1,)))
        copied = self.pool.map(shape)
        copied.all_cells.copy_(tensor)
        return copied

    def clear(self, target: Map) -> None:
        """Make a map zero."""
        ctypes.memset(target.c.cells, 0, _bytes(target))

    def copy(self, source: Map, target: Map) -> None:
        """Copy a map whole."""
        ctypes.memmove(target.c.cells, source.c.cells, _bytes(target))

    def dense(self, images: int, size: tuple[int, int]) -> Runs:
        """All positions of a size."""
        key = (images, *size)
        if key not in self._dense:
            if len(self._dense) >= KNOWN_SIZES:
                self._dense.clear()
            self._dense[key] = self._lists.dense(*key)
        return self._dense[key]

    def listed(self, mask: Tensor) -> Runs:
        """The positions where a mask (N, h, w) bool is true."""
        return self._lists.listed(mask)

    def bands(self, runs: Runs, target: Map) -> list[Band]:
        """A list in parts, each of which a processor's cache holds of the target: for steps that follow one another."""
        return runs.bands(max(1, BAND_CELLS // (target.shape.planes * LANES)))

    def halved(self, mask: Tensor) -> Tensor:
        """A mask (N, h, w) bool at half of its size: true where any of 2x2 positions is."""
        return self._lists.halved(mask)

    def read_by_enlarging(self, mask: Tensor, factor: int) -> Tensor:
        """The positions of a map `factor` times smaller that enlarging it to a mask reads (runs.RunLists)."""
        return self._lists.read_by_enlarging(mask, factor)

    def pixels(self, images: Tensor, target: Map) -> Steps:
        """Images (N, 3, H, W) uint8 as what a network's first convolution takes (`intake.WithOnes`)."""
        rows = images.shape[0] * images.shape[2]
        step = self._slice(2 * images.shape[3] // LANES)
        for first in range(0, rows, step):
            self._passes.pixels(images, target, first=first, count=min(step, rows - first))
            yield

    def enlarge(
        self, coarse: Sequence[Map], target: Map, runs: Runs | Band, *, onto: bool = True, relu: bool = False
    ) -> Steps:
        """Write [relu]([target +] Σ bilinear(coarse)) to the listed positions; corners not aligned."""
        for part in _cut(runs.pairs, self._slice(target.shape.planes * (1 + 2 * len(coarse)))):
            self._passes.enlarge(coarse, target, part, onto=onto, relu=relu)
            yield

    def halve(self, source: Map, target: Map, runs: Runs, *, relu: bool = False) -> Steps:
        """Write [relu](the mean of 2x2 positions of the source) to the listed positions."""
        for part in _cut(runs, self._slice(4 * target.shape.planes)):
            self._passes.halve(source, target, part, relu=relu)
            yield

    def interpolate(
        self,
        interpolation: Interpolation,
        source: Map,
        known: Runs,
        target: Map,
        runs: Runs,
        *,
        residual: Map | None = None,
        relu: bool = False,
    ) -> Steps:
        """Write [relu](what known neighbours in the source count together + shift [+ residual]) where listed."""
        bound = self._passes.interpolation(interpolation, source, known, target, residual=residual, relu=relu)
        for part in _cut(runs, self._slice(bound.loads)):
            bound.run(part)
            yield

    def logits(self, source: Map, runs: Runs, before: Tensor | None) -> Generator[None, None, Tensor]:
        """Logits (N, C, h, w) float32: those of the map where listed, elsewhere those of before; pooled."""
        shape = source.shape
        found = self.pool.floats((shape.images, shape.channels, shape.height, shape.width))
        if before is not None:
            found.copy_(before)
            yield
        self._passes.unpack(source, found, runs)
        yield
        return found

    def surety(
        self, logits: Tensor, rule: Rule, threshold: float, before: Tensor | None, *, exit_: int
    ) -> tuple[Tensor, Tensor]:
        """The confidence (N, h, w) float32 of an exit's logits, and which positions (N, h, w) bool are active.

        None is that was not active before (None: all were).
        """
        if isinstance(measure_of(rule), MaxProbability):
            confidence, active = self.answers.confidence(logits, threshold, before)
            if isinstance(rule, MaxProbability):
                return confidence, active
        else:
            confidence = rule.confidence(logits)
        seen = Seen(logits=logits, confidence=confidence, exit_=exit_, before=before)
        active = rule.active(seen, threshold)
        return confidence, active if before is None else active & before

    def _shape(self, images: int, channels: int, size: tuple[int, int]) -> MapShape:
        return MapShape(channels=channels, height=size[0], width=size[1], dtype=self._dtype, images=images)

    def _slice(self, loads: int) -> int:
        """How many runs of so many loads fit a slice."""
        return max(1, self._threads * SLICE_LOADS // loads)


def _bytes(map_: Map) -> int:
    """Of all its images, borders and all."""
    return CELL_BYTES * map_.shape.images * map_.shape.image_stride


def _cut(work: Work, step: int) -> Iterable[Work]:
    """A list in parts of `step`."""
    return (work.part(first, step) for first in range(0, len(work), step))
