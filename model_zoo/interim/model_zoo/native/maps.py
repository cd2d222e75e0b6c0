"""Feature maps as the native kernels keep them: planes of cells inside a border of zeros (c/cells.h)."""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import dataclass

import torch
from torch import Tensor

from interim.model_zoo.errors import BadInputError

LANES = 16
LEAD_CELLS = 16
SLACK_CELLS = 64
CELL_BYTES = 4
LINE_CELLS = 16
"""Cells of a cache line."""
PAGE_LINES = 64
"""Cache lines that fall into different sets; two cells that many lines apart share one."""
STEP_LINES = 5
"""How far the next plane's sets lie from this one's: a group of four runs and its neighbours fill so many lines."""
HUGE_BYTES = 2 * 1024 * 1024


class CMap(ctypes.Structure):
    """`Map` of c/cells.h."""

    _fields_ = (
        ("cells", ctypes.c_void_p),
        ("image_stride", ctypes.c_int64),
        ("plane_stride", ctypes.c_int64),
        ("row_pitch", ctypes.c_int32),
        ("planes", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("channels", ctypes.c_int32),
        ("images", ctypes.c_int32),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MapShape:
    """What a map holds: `images` pictures of `channels` x `height` x `width`.

    `dtype`: torch.bfloat16 (a cell is two channels) or torch.float32 (a cell is one).
    """

    channels: int
    height: int
    width: int
    dtype: torch.dtype
    images: int = 1

    def __post_init__(self) -> None:
        """Refuse what has no layout."""
        if self.dtype not in (torch.bfloat16, torch.float32):
            raise BadInputError(f"maps of {self.dtype} do not exist: use torch.bfloat16 or torch.float32")
        if min(self.channels, self.height, self.width, self.images) < 1:
            raise BadInputError(f"{self} is empty: every size must be at least 1")
        if max(self.height, self.width, self.images) > 0xFFFF:
            raise BadInputError(f"{self} is too large: height, width and images end at 65535")

    @property
    def depth(self) -> int:
        """Channels of a cell."""
        return 2 if self.dtype == torch.bfloat16 else 1

    @property
    def planes(self) -> int:
        """Planes of an image."""
        return -(-self.channels // self.depth)

    @property
    def row_pitch(self) -> int:
        """Cells from a row to the next: at least one of border between them."""
        return _whole(self.width + 1, LINE_CELLS)

    @property
    def plane_stride(self) -> int:
        """Cells from a plane to the next, so that neighbouring planes lie in different cache sets."""
        lines = ((self.height + 2) * self.row_pitch + 2 * LEAD_CELLS) // LINE_CELLS
        return (lines + (STEP_LINES - lines) % PAGE_LINES) * LINE_CELLS

    @property
    def image_stride(self) -> int:
        """Cells from an image to the next."""
        return self.planes * self.plane_stride

    @property
    def cells(self) -> int:
        """Cells of the whole allocation."""
        return self.images * self.image_stride + self.row_pitch + SLACK_CELLS


class Map:
    """A map in memory. Its border is zero and must stay so: kernels read it and never write it.

    `shape`: what it holds. `c`: the same for the kernels.
    """

    def __init__(self, shape: MapShape, memory: Tensor | None = None) -> None:
        """A map of zeros, or one in memory that is given.

        Args:
            shape: What it is to hold.
            memory: `shape.cells` or more of int32 from `memory`, 64-byte aligned, zeroed or last used by a map
                of the same shape; None: its own.

        Raises:
            BadInputError: the memory does not fit.
        """
        self._memory = memory_of(shape.cells) if memory is None else memory
        if self._memory.dtype != torch.int32 or self._memory.numel() < shape.cells:
            raise BadInputError(
                f"{shape} needs {shape.cells} cells of int32, not {tuple(self._memory.shape)}"
            )
        if self._memory.data_ptr() % (LINE_CELLS * CELL_BYTES):
            raise BadInputError(
                "a map's memory must start at a multiple of 64 bytes: take it from memory_of()"
            )
        self.shape = shape
        self.c = CMap(
            self._memory.data_ptr(),
            *(shape.image_stride, shape.plane_stride, shape.row_pitch, shape.planes),
            *(shape.height, shape.width, shape.channels, shape.images),
        )

    @property
    def all_cells(self) -> Tensor:
        """Every cell with the border, int32 (images, planes, cells of a plane); a view."""
        cells = self._memory[: self.shape.images * self.shape.image_stride]
        return cells.view(self.shape.images, self.shape.planes, self.shape.plane_stride)

    @property
    def values(self) -> Tensor:
        """What the map holds, in its dtype (images, planes, channels of a cell, height, width); a view."""
        shape, depth = self.shape, self.shape.depth
        numbers = self._memory.view(shape.dtype)
        return torch.as_strided(
            numbers,
            (shape.images, shape.planes, depth, shape.height, shape.width),
            (depth * shape.image_stride, depth * shape.plane_stride, 1, depth * shape.row_pitch, depth),
            numbers.storage_offset() + depth * (LEAD_CELLS + shape.row_pitch),
        )

    def fill(self, images: Tensor) -> None:
        """Take over images (N, C, H, W) of any kind of float, rounded to the map's.

        Raises:
            BadInputError: the shape is not the map's.
        """
        shape = self.shape
        wanted = (shape.images, shape.channels, shape.height, shape.width)
        if tuple(images.shape) != wanted:
            raise BadInputError(f"images of shape {tuple(images.shape)} do not fit a map of {wanted}")
        values = self.values
        for lane in range(shape.depth):
            part = images[:, lane :: shape.depth]
            values[:, : part.shape[1], lane].copy_(part)

    def tensor(self) -> Tensor:
        """A copy of what the map holds, (N, C, H, W) in its dtype."""
        shape = self.shape
        whole = self.values.reshape(shape.images, -1, shape.height, shape.width)
        return whole[:, : shape.channels].contiguous()


def memory_of(cells: int) -> Tensor:
    """Zeroed int32 cells at a page's start, in huge pages where the system has them: maps span many pages.

    It is never given back to the system while the tensor lives.
    """
    size = _whole(cells * CELL_BYTES, mmap.PAGESIZE)
    huge = size >= HUGE_BYTES and hasattr(mmap, "MADV_HUGEPAGE")
    spare = (
        HUGE_BYTES if huge else 0
    )  # address space only: to begin where a huge page does, and to end with one
    room = mmap.mmap(-1, _whole(size, spare or 1) + spare, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if huge:
        room.madvise(mmap.MADV_HUGEPAGE)
    memory = torch.frombuffer(room, dtype=torch.int32)
    begin = -memory.data_ptr() % (spare or 1) // CELL_BYTES
    return memory[begin : begin + cells]


def _whole(size: int, step: int) -> int:
    """`size`, rounded up to a multiple of `step`."""
    return -(-size // step) * step
