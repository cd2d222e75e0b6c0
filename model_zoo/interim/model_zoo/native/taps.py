"""Interpolation: which neighbours a masked position is filled from, and what each of them counts (c/interpolate.c)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import torch

from interim.model_zoo.native.conv import even_floats
from interim.model_zoo.native.maps import CMap

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.native.maps import Map

NEGLIGIBLE = 1e-12
"""Neighbours that count less, of 1 for all together, are left out: no kind of number here shows them."""


class CTap(ctypes.Structure):
    """`Tap` of c/interpolate.c."""

    _fields_ = (("down", ctypes.c_int32), ("right", ctypes.c_int32), ("weight", ctypes.c_float))


class CInterpolation(ctypes.Structure):
    """`Interpolation` of c/interpolate.c."""

    _fields_ = (
        ("taps", ctypes.c_void_p),
        ("shift", ctypes.c_void_p),
        ("tap_count", ctypes.c_int32),
        ("relu", ctypes.c_int32),
        ("source", CMap),
        ("target", CMap),
        ("residual", CMap),
    )


class Taps:
    """Neighbours by their weights, the same for every channel, and a shift for each channel.

    `offsets`: (down, right) of each; `weights`: (taps,) float64; `shift`: (channels,).
    """

    def __init__(self, offsets: list[tuple[int, int]], weights: Tensor, shift: Tensor) -> None:
        self.offsets = offsets
        self.weights = weights.double()
        self.shift = shift
        pairs = zip(offsets, self.weights.tolist(), strict=True)
        self._taps = (CTap * len(offsets))(*(CTap(down, right, weight) for (down, right), weight in pairs))
        self._shift = even_floats(shift)

    @classmethod
    def around(cls, line: Tensor, shift: Tensor) -> Taps:
        """Those of the kernel that is `line` (odd,) along rows and columns, without its centre (masked/rbf.py)."""
        square = torch.outer(line, line).double()
        radius = len(line) // 2
        square[radius, radius] = 0
        kept = (square > NEGLIGIBLE).nonzero()
        return cls([(y - radius, x - radius) for y, x in kept.tolist()], square[tuple(kept.T)], shift)

    @classmethod
    def itself(cls, shift: Tensor) -> Taps:
        """The position itself, as it is."""
        return cls([(0, 0)], torch.ones(1), shift)

    def __len__(self) -> int:
        return len(self.offsets)

    def bind(self, source: Map, target: Map, residual: Map | None, *, relu: bool) -> Any:
        """The interpolation of these maps for C; good as long as they and this object live."""
        c = CInterpolation(
            *(ctypes.addressof(self._taps), self._shift.data_ptr(), len(self), int(relu)),
            *(source.c, target.c),
        )
        if residual is not None:
            c.residual = residual.c
        return c
