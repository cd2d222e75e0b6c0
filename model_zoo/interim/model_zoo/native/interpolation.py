"""Interpolation: how a masked position is filled from what is known around it (c/interpolate.c)."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.masked.rbf import RADIUS
from interim.model_zoo.native.conv import even_floats
from interim.model_zoo.native.maps import CMap
from interim.model_zoo.native.runs import CMask

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.runs import Runs, Work

NEGLIGIBLE = 1e-12
"""Neighbours that count less, of 1 for all together, are left out: no kind of number here shows them."""


class CInterpolation(ctypes.Structure):
    """`Interpolation` of c/interpolate.c."""

    _fields_ = (
        ("shift", ctypes.c_void_p),
        ("line", ctypes.c_float * (2 * RADIUS + 1)),
        ("radius", ctypes.c_int32),
        ("relu", ctypes.c_int32),
        ("known", CMask),
        ("source", CMap),
        ("target", CMap),
        ("residual", CMap),
    )


class Interpolation:
    """What neighbours that are known count, the same for every channel, and a shift for each channel.

    `line`: the weights (2 * radius + 1,) along rows, and along columns, float64. A position that is known counts
    itself too, by the square of the middle one. `shift`: (channels,).
    """

    def __init__(self, line: Tensor, shift: Tensor) -> None:
        self.line = line.double()
        self.radius = len(line) // 2
        self.shift = shift
        self._shift = even_floats(shift)

    @classmethod
    def around(cls, line: Tensor, shift: Tensor) -> Interpolation:
        """That of a line (7,) (masked/rbf.py), without the ends that count nothing."""
        counting = (line * line.max() > NEGLIGIBLE).nonzero().flatten()
        radius = int((counting - RADIUS).abs().max())
        return cls(line[RADIUS - radius : RADIUS + radius + 1], shift)

    @classmethod
    def itself(cls, shift: Tensor) -> Interpolation:
        """The position itself, as it is."""
        return cls(torch.ones(1), shift)

    def bind(
        self, source: Map, known: Runs, target: Map, residual: Map | None, *, relu: bool
    ) -> CInterpolation:
        """The interpolation of these maps for C; good as long as they, the list and this object live."""
        c = CInterpolation(
            self._shift.data_ptr(),
            (ctypes.c_float * (2 * RADIUS + 1))(*self.line.tolist()),
            *(self.radius, int(relu)),
            *(known.mask, source.c, target.c),
        )
        if residual is not None:
            c.residual = residual.c
        return c


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundInterpolation:
    """An interpolation of certain maps, ready to run any number of times.

    `function`: the kernel. `keeps`: what must live as long as `c`, which points into it.
    """

    c: CInterpolation
    function: Callable[..., int]
    threads: int
    keeps: tuple[object, ...]

    @property
    def loads(self) -> int:
        """Vectors that a run reads."""
        found: int = self.c.target.planes * (2 * self.c.radius + 2)
        return found

    def run(self, runs: Work) -> None:
        """Fill the listed positions of the target."""
        self.function(ctypes.addressof(self.c), runs.address, len(runs), self.threads)
