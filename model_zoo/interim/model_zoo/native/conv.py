"""A convolution for the native kernels: weights packed once, run on listed positions (c/conv.h)."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.native.maps import LANES, CMap, Map, MapShape
from interim.model_zoo.native.matrix import MOST_ROWS, cut, on_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from interim.model_zoo.native.kernels import Kernels
    from interim.model_zoo.native.runs import Runs, Work

BLOCK_OUTPUTS = 6
MAX_SOURCES = 4
ARGUMENTS = (
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64),
    *(ctypes.c_int, ctypes.c_void_p),
)
"""Of all functions: conv, work, count, behind, threads, give_up. They return int."""


class CConv(ctypes.Structure):
    """`Conv` of c/conv.h."""

    _fields_ = (
        ("weights", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("shift", ctypes.c_void_p),
        ("taps", ctypes.c_int64),
        ("outputs", ctypes.c_int32),
        ("kernel", ctypes.c_int32),
        ("stride", ctypes.c_int32),
        ("relu", ctypes.c_int32),
        ("sources", ctypes.c_int32),
        ("unused", ctypes.c_int32),
        ("source", CMap * MAX_SOURCES),
        ("target", CMap),
        ("residual", CMap),
        ("raw", CMap),
    )


class PackedConv:
    """A convolution with "same" padding, its weights as the kernels read them.

    `symbols`: the function of c/conv.h for each kind of number.
    """

    symbols: ClassVar[Mapping[torch.dtype, str]] = MappingProxyType(
        {torch.bfloat16: "conv_bf16", torch.float32: "conv_fp32"}
    )

    def __init__(
        self,
        kernels: Kernels,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        stride: int = 1,
        dtype: torch.dtype,
        inputs: Sequence[int] | None = None,
        shift: Tensor | None = None,
    ) -> None:
        """Pack a folded convolution.

        Args:
            kernels: What will run it.
            weight: (outputs, inputs, k, k), k 1 or 3, any kind of float.
            bias: (outputs,); None: zeros. It stays float32.
            stride: 1, or 2 where k is 3.
            dtype: torch.bfloat16 (products of bfloat16, added in float32) or torch.float32.
            inputs: The channels of each source, where several stand for their concatenation; None: one source.
            shift: (outputs,), added like the bias, but not to what a raw map gets; None: zeros.

        Raises:
            BadInputError: there is no kernel for it.
        """
        self.outputs, channels, self.kernel, across = weight.shape
        self.inputs = (channels,) if inputs is None else tuple(inputs)
        self.stride, self.dtype = stride, dtype
        if self.kernel != across or (self.kernel, stride) not in {(1, 1), (3, 1), (3, 2)}:
            raise BadInputError(
                f"a {self.kernel}x{across} convolution of stride {stride} has no kernel: use 3x3, or 1x1 at stride 1"
            )
        if sum(self.inputs) != channels or not 1 <= len(self.inputs) <= MAX_SOURCES:
            raise BadInputError(
                f"up to {MAX_SOURCES} sources make {channels} channels together, not {list(self.inputs)}"
            )
        kernels.check(dtype)
        self._function = kernels.bind(self.symbols[dtype], *ARGUMENTS)
        self._taps = sum(planes_of(each, dtype) for each in self.inputs) * self.kernel**2
        self._weights = self._packed(weight.detach(), matrix=on_matrix(kernels, dtype))
        self._bias = even_floats(torch.zeros(self.outputs) if bias is None else bias)
        self._shift = None if shift is None else even_floats(shift)

    @property
    def macs_per_entry(self) -> int:
        """Multiplications that an entry of its work costs, however many positions it lists."""
        return LANES * self.outputs * sum(self.inputs) * self.kernel**2

    def work(self, runs: Runs) -> Work:
        """What `BoundConv.run` computes, as a list of the kind that this convolution takes."""
        return runs.pairs if self.stride == 1 else runs.alone

    def bind(
        self,
        sources: Sequence[Map],
        target: Map,
        *,
        residual: Map | None = None,
        raw: Map | None = None,
        relu: bool = False,
    ) -> BoundConv:
        """The convolution of these maps: target = [relu](conv(sources, concatenated) + bias + shift [+ residual]).

        `residual` may be `target`; `target` may not be one of the sources. `raw`, a map apart from all others,
        gets conv(sources, concatenated) + bias at the same positions.

        Raises:
            BadInputError: the maps do not fit the convolution or one another.
        """
        self._check(sources, target, residual, raw)
        c = CConv(
            *(self._weights.data_ptr(), self._bias.data_ptr()),
            None if self._shift is None else self._shift.data_ptr(),
            self._taps,
            *(self.outputs, self.kernel, self.stride, int(relu), len(sources)),
        )
        for place, source in enumerate(sources):
            c.source[place] = source.c
        c.target = target.c
        if residual is not None:
            c.residual = residual.c
        if raw is not None:
            c.raw = raw.c
        return BoundConv(c=c, function=self._function, keeps=(self, *sources, target, residual, raw))

    def _packed(self, weight: Tensor, *, matrix: bool) -> Tensor:
        """Weights (outputs, inputs, k, k) as int32 cells [block][source][plane][ky][kx][output of the block], flat.

        For a matrix unit they are cut as it takes them, their depth being [source][plane][ky][kx].
        """
        if matrix and self._taps > MOST_ROWS:
            raise BadInputError(
                f"on a matrix unit a convolution may read {MOST_ROWS} cells for an output, not {self._taps}"
            )
        sources = torch.split(even(weight.float(), 0), list(self.inputs), dim=1)
        cells = torch.cat([weight_cells(source, self.dtype) for source in sources], dim=1)
        if matrix:
            return cut(cells.flatten(1))
        blocks = torch.split(cells, BLOCK_OUTPUTS)
        return torch.cat([block.permute(1, 2, 3, 0).reshape(-1) for block in blocks])

    def _check(self, sources: Sequence[Map], target: Map, residual: Map | None, raw: Map | None) -> None:
        """Refuse maps that do not fit."""
        shape, channels = target.shape, tuple(source.shape.channels for source in sources)
        if shape.channels != self.outputs or shape.dtype != self.dtype:
            raise BadInputError(f"{shape} does not fit {self.outputs} outputs of {self.dtype}")
        for name, beside in (("residual", residual), ("raw map", raw)):
            if beside is not None and beside.shape != shape:
                raise BadInputError(f"the {name} {beside.shape} is not shaped like the target {shape}")
        if channels != self.inputs or any(source is target for source in sources):
            raise BadInputError(
                f"sources of {self.inputs} channels other than the target are needed, not {channels}"
            )
        for source in sources:
            self._check_size(source.shape, shape)

    def _check_size(self, source: MapShape, target: MapShape) -> None:
        """Refuse a source of another kind, or whose size does not give the target's."""
        made = (source.images, -(-source.height // self.stride), -(-source.width // self.stride))
        if source.dtype != target.dtype or made != (target.images, target.height, target.width):
            raise BadInputError(f"{source} at stride {self.stride} does not give {target}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundConv:
    """A convolution of certain maps, ready to run any number of times.

    `function`: the kernel. `keeps`: what must live as long as `c`, which points into it.
    """

    c: CConv
    function: Callable[..., int]
    keeps: tuple[object, ...]

    def run(self, work: npt.NDArray[np.void], *, threads: int = 1, give_up: int | None = None) -> bool:
        """Compute the listed positions of the target; no other is written.

        Args:
            work: `PackedConv.work` of runs of the target, contiguous; all positions must be inside it.
            threads: How many compute; one needs no OpenMP.
            give_up: Address of an int32 that stops the work when it is not zero.

        Returns:
            Whether it was done, not given up.
        """
        return bool(self.function(ctypes.addressof(self.c), work.ctypes.data, len(work), 0, threads, give_up))


def even_floats(values: Tensor) -> Tensor:
    """One number a channel (C,) as the kernels read them: float32, an even number of them, the last 0 if need be."""
    return even(values.detach().float(), 0).contiguous()


def planes_of(channels: int, dtype: torch.dtype) -> int:
    """Planes that channels take."""
    return -(-channels // (2 if dtype == torch.bfloat16 else 1))


def weight_cells(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Weights (outputs, inputs, k, k) as int32 cells (outputs, planes, k, k)."""
    if dtype == torch.float32:
        return weight.contiguous().view(torch.int32)
    pairs = even(weight, 1).to(dtype)
    lanes = torch.stack([pairs[:, 0::2], pairs[:, 1::2]], dim=-1)
    return lanes.reshape(-1).view(torch.int32).view(lanes.shape[:-1])


def even(x: Tensor, axis: int) -> Tensor:
    """`x` with an even number of slices along an axis, the last one zero where need be."""
    shape = [*x.shape]
    shape[axis] %= 2
    return torch.cat([x, x.new_zeros(shape)], dim=axis)


def goes_anywhere(kernels: Kernels, weight: Tensor, dtype: torch.dtype, *, most_planes: int) -> bool:
    """Whether kernels whose vectors hold positions from anywhere, for so many planes of inputs, take these weights."""
    fits = weight.shape[2:] == (3, 3) and planes_of(weight.shape[1], dtype) <= most_planes
    return kernels.instructions.anywhere and fits
