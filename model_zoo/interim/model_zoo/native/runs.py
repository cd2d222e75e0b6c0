"""Lists of work: which positions of a map a kernel computes, 16 neighbours at a time (c/cells.h, c/runs.c)."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.native.maps import LANES

if TYPE_CHECKING:
    import numpy.typing as npt

    from interim.model_zoo.native.kernels import Kernels

FACTORS = (1, 2, 4, 8)

RUN = np.dtype([("y", np.uint16), ("x", np.uint16), ("lanes", np.uint16), ("image", np.uint16)])
"""`Run` of c/cells.h."""

PAIR = np.dtype([("first", RUN), ("second", RUN)])
"""`Pair` of c/cells.h."""

WINDOW = np.dtype(
    [
        *(("y", np.uint16), ("x", np.int16), ("image", np.uint16), ("lanes", np.uint16)),
        *(("above", np.uint32), ("below", np.uint32)),
    ]
)
"""`Window` of c/cells.h."""


class CMask(ctypes.Structure):
    """`Mask` of c/runs.c."""

    _fields_ = (
        ("bytes", ctypes.c_void_p),
        ("image_stride", ctypes.c_int64),
        ("row_stride", ctypes.c_int64),
        ("images", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
    )


class Work:
    """A list for C: `array`, contiguous, begins at `address`, which is good as long as this object lives.

    `behind`: how many entries follow in memory, the next slices'.
    """

    def __init__(self, array: npt.NDArray[np.void], address: int | None = None, behind: int = 0) -> None:
        self.array = array
        self.address: int = array.ctypes.data if address is None else address
        self.behind = behind

    def __len__(self) -> int:
        return len(self.array)

    def part(self, first: int, count: int) -> Work:
        """Up to `count` entries from `first` on: a slice of the work, no copy."""
        array = self.array[first : first + count]
        address = self.address + self.array.dtype.itemsize * first
        return Work(array, address, len(self.array) - first - len(array))


class Vectors(Work):
    """Windows, of which one or more make an entry: a vector (c/cells.h)."""

    def __init__(self, windows: npt.NDArray[np.void]) -> None:
        super().__init__(windows)
        self._starts = np.append(np.flatnonzero(windows["lanes"] & 1), len(windows)).tolist()

    def __len__(self) -> int:
        return len(self._starts) - 1

    def part(self, first: int, count: int) -> Work:
        """The windows of up to `count` vectors from `first` on."""
        begin, end = self._starts[first], self._starts[min(first + count, len(self))]
        return super().part(begin, end - begin)


@dataclass(frozen=True, slots=True)
class Band:
    """Some of the positions of a list, as `PAIR`."""

    pairs: Work


class Runs(Work):
    """Positions to compute, as `RUN`, in order of image, row, column; none is listed twice.

    The same positions in other ways are found when they are asked for, the first time.
    """

    def __init__(self, array: npt.NDArray[np.void], lists: RunLists, mask: Tensor) -> None:
        super().__init__(array)
        self._lists = lists
        self._mask = mask

    @cached_property
    def mask(self) -> CMask:
        """What is listed, for C."""
        return _mask(self._mask)

    @cached_property
    def pairs(self) -> Work:
        """As `PAIR`, for enlarging and convolutions of stride 1: if those are fewer, two runs in one."""
        found = self._lists.pairs(self._mask)
        return self.alone if len(found) > len(self) else Work(found)

    @cached_property
    def alone(self) -> Work:
        """As `PAIR`, each run by itself, for convolutions of stride 2."""
        return Work(alone(self.array))

    @cached_property
    def windows(self) -> Vectors:
        """As `WINDOW`, for convolutions in tiles; an entry is a vector, of one window or more."""
        return Vectors(self._lists.windows(self._mask, 2))

    @cached_property
    def positions_anywhere(self) -> Vectors:
        """As `WINDOW` with positions for tiles, for convolutions of stride 2 at positions anywhere."""
        return Vectors(self._lists.windows(self._mask, 1))

    def bands(self, pairs: int) -> list[Band]:
        """The same positions in lists of so many pairs."""
        return [Band(self.pairs.part(first, pairs)) for first in range(0, len(self.pairs), pairs)]

    @property
    def positions(self) -> int:
        """How many positions are listed."""
        return int(np.bitwise_count(self.array["lanes"]).sum())


def alone(runs: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """An array of `RUN` as one of `PAIR` whose second runs are empty."""
    pairs = np.zeros(len(runs), PAIR)
    pairs["first"] = runs
    return pairs


class RunLists:
    """Makes lists from masks. A mask is (N, h, w) bool, rows without gaps, true where work is wanted."""

    def __init__(self, kernels: Kernels) -> None:
        pointer, number = ctypes.c_void_p, ctypes.c_int
        self._runs = kernels.bind("runs_of_mask", pointer, pointer)
        self._pairs = kernels.bind("pairs_of_mask", pointer, pointer)
        self._halved = kernels.bind("mask_halved", pointer, pointer)
        self._windows = kernels.bind("windows_of_mask", pointer, number, pointer)
        self._read = kernels.bind("mask_read_by_enlarging", pointer, number, pointer)

    def dense(self, images: int, height: int, width: int) -> Runs:
        """All positions of so many maps."""
        return self.listed(torch.ones((images, height, width), dtype=torch.bool))

    def listed(self, mask: Tensor) -> Runs:
        """The positions where a mask is true, in as few runs as there can be; it must not change any more."""
        return Runs(self._covered(mask, self._runs, RUN), self, mask)

    def pairs(self, mask: Tensor) -> npt.NDArray[np.void]:
        """The same as `PAIR`: words of a row, two of them together where they share no lane."""
        return self._covered(mask, self._pairs, PAIR)

    def halved(self, mask: Tensor) -> Tensor:
        """As `masks.halved`."""
        c = _mask(mask)
        half = torch.empty((c.images, c.height // 2, c.width // 2), dtype=torch.bool)
        self._halved(ctypes.byref(c), half.data_ptr())
        return half

    def windows(self, mask: Tensor, side: int) -> npt.NDArray[np.void]:
        """The same as `WINDOW`, of tiles with 1 or 2 positions a side."""
        c = _mask(mask)
        room = np.empty(c.images * -(-c.height // side) * -(-c.width // side), WINDOW)
        return room[: self._windows(ctypes.byref(c), side, room.ctypes.data)]

    def read_by_enlarging(self, mask: Tensor, factor: int) -> Tensor:
        """Which positions of a smaller map a bilinear enlargement reads to compute those of a mask.

        A pixel of a coarse position reads it and the nearer of its eight neighbours; all nine are taken.

        Args:
            mask: (N, h, w) bool.
            factor: How many times smaller the other map is; 1: the positions and all their neighbours.

        Returns:
            (N, h / factor, w / factor) bool.

        Raises:
            BadInputError: the size is not a multiple of the factor, or that is not 1, 2, 4 or 8.
        """
        c = _mask(mask)
        if factor not in FACTORS or c.height % factor or c.width % factor:
            raise BadInputError(
                f"a mask of {c.height}x{c.width} is not {factor} times any size (of {FACTORS})"
            )
        coarse = torch.empty((c.images, c.height // factor, c.width // factor), dtype=torch.bool)
        self._read(ctypes.byref(c), factor, coarse.data_ptr())
        return coarse

    def _covered(self, mask: Tensor, function: Any, kind: np.dtype[np.void]) -> npt.NDArray[np.void]:
        """A mask as a list of one kind, which a function of C makes."""
        c = _mask(mask)
        room = np.empty(c.images * c.height * -(-c.width // LANES), kind)
        return room[: function(ctypes.byref(c), room.ctypes.data)]


def _mask(mask: Tensor) -> CMask:
    """A mask as C takes it."""
    if mask.dtype != torch.bool or mask.ndim != 3 or (mask.shape[2] > 1 and mask.stride(2) != 1):
        raise BadInputError(
            f"a mask of {mask.dtype} and shape {tuple(mask.shape)} does not fit: give (N, h, w) bool"
        )
    return CMask(mask.data_ptr(), mask.stride(0), mask.stride(1), *mask.shape)
