"""Lists of work: which positions of a map a kernel computes, 16 neighbours at a time (c/cells.h, c/runs.c)."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.native.maps import LANES

if TYPE_CHECKING:
    import numpy.typing as npt

    from interim.model_zoo.native.library import Kernels

RUN = np.dtype([("y", np.uint16), ("x", np.uint16), ("lanes", np.uint16), ("image", np.uint16)])
"""`Run` of c/cells.h."""


class CMask(ctypes.Structure):
    """`Mask` of c/runs.c."""

    _fields_ = (
        ("bytes", ctypes.c_void_p),
        ("image_stride", ctypes.c_int64),
        ("row_stride", ctypes.c_int64),
        ("step", ctypes.c_int32),
        ("images", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
    )


@dataclass(frozen=True, slots=True)
class Runs:
    """Positions to compute, in order of image, row, column; none is listed twice.

    `array`: contiguous, of `RUN`. `address`: where it begins, for C; good as long as this object lives.
    """

    array: npt.NDArray[np.void]
    address: int

    @classmethod
    def of(cls, array: npt.NDArray[np.void]) -> Runs:
        """The list in an array of `RUN`."""
        whole = np.ascontiguousarray(array, RUN)
        return cls(whole, whole.ctypes.data)

    def __len__(self) -> int:
        return len(self.array)

    def part(self, first: int, count: int) -> Runs:
        """Up to `count` runs from `first` on: a slice of the work, no copy."""
        return Runs(self.array[first : first + count], self.address + RUN.itemsize * first)

    @property
    def positions(self) -> int:
        """How many positions are listed."""
        return int(np.bitwise_count(self.array["lanes"]).sum())


class RunLists:
    """Makes lists from masks. A mask is (N, h, w) bool, rows without gaps, true where work is wanted."""

    def __init__(self, kernels: Kernels) -> None:
        pointer, number = ctypes.c_void_p, ctypes.c_int
        self._runs = kernels.bind("runs_of_mask", pointer, pointer)
        self._read = kernels.bind("mask_read_by_enlarging", pointer, number, pointer)

    def dense(self, images: int, height: int, width: int) -> Runs:
        """All positions of so many maps."""
        return self.listed(torch.ones((images, height, width), dtype=torch.bool))

    def listed(self, mask: Tensor, *, step: int = 1) -> Runs:
        """The positions where a mask is true, in as few runs as there can be.

        Args:
            mask: (N, h, w) bool.
            step: For a map so many times smaller: the mask is resized to it as `masked.masks` does, which takes
                every `step`-th position.
        """
        c = _mask(mask, step)
        room = np.empty(c.images * c.height * -(-c.width // LANES), RUN)
        return Runs.of(room[: self._runs(ctypes.byref(c), room.ctypes.data)])

    def read_by_enlarging(self, mask: Tensor, factor: int, *, step: int = 1) -> Tensor:
        """Which positions of a smaller map a bilinear enlargement reads to compute those of a mask.

        A pixel of a coarse position reads it and the nearer of its eight neighbours; all nine are taken.

        Args:
            mask: (N, h, w) bool.
            factor: How many times smaller the other map is.
            step: The mask is resized first, as for `listed`; then factor counts from there.

        Returns:
            (N, h / step / factor, w / step / factor) bool.

        Raises:
            BadInputError: the size is not a multiple of factor and step.
        """
        c = _mask(mask, step)
        if c.height % factor or c.width % factor:
            raise BadInputError(f"a mask of {c.height}x{c.width} is not {factor} times any size")
        coarse = torch.empty((c.images, c.height // factor, c.width // factor), dtype=torch.bool)
        self._read(ctypes.byref(c), factor, coarse.data_ptr())
        return coarse


def _mask(mask: Tensor, step: int) -> Any:
    """A mask as C takes it."""
    if mask.dtype != torch.bool or mask.ndim != 3 or (mask.shape[2] > 1 and mask.stride(2) != 1):
        raise BadInputError(
            f"a mask of {mask.dtype} and shape {tuple(mask.shape)} does not fit: give (N, h, w) bool"
        )
    images, height, width = mask.shape
    sizes = (images, -(-height // step), -(-width // step))
    return CMask(mask.data_ptr(), mask.stride(0), mask.stride(1), step, *sizes)
