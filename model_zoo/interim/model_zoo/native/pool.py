"""Memory for maps that is used again: who computes allocates nothing once a size has been served."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
import torch

from interim.model_zoo.native.maps import Map
from interim.model_zoo.native.shelf import Maker, Shelf

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.native.maps import MapShape

IDLE_BYTES = 512 * 2**20
"""Memory of shapes that have not been asked for lately is given back beyond this."""


class Pool:
    """Lends memory; it comes back when the last tensor over it dies.

    Memory of a map goes to maps of its own shape alone, so borders stay zero without being cleared.
    """

    def __init__(self, idle_bytes: int = IDLE_BYTES) -> None:
        self._idle_bytes = idle_bytes
        self._shelves: OrderedDict[MapShape | int, Shelf] = OrderedDict()
        self._maker = Maker()
        self.made = 0

    def map(self, shape: MapShape) -> Map:
        """A map whose insides may be anything."""
        return Map(shape, self._lent(shape, shape.cells))

    def floats(self, shape: tuple[int, ...]) -> Tensor:
        """A tensor of float32 whose values may be anything."""
        cells = math.prod(shape)
        return self._lent(cells, cells).view(torch.float32).view(shape)

    def poison(self, value: float) -> None:
        """Write a value into idle memory, borders left alone: whoever reads what it has not written will know."""
        for key, shelf in self._shelves.items():
            for memory in shelf.idle:
                values = memory.view(torch.float32) if isinstance(key, int) else Map(key, memory).values
                values.fill_(value)

    def _lent(self, key: MapShape | int, cells: int) -> Tensor:
        """Memory that is idle under a key, or new."""
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = Shelf(cells)
        self._shelves.move_to_end(key)
        memory = shelf.take()
        if memory is None:
            self._give_back(key)
            memory = shelf.make()
            self.made += 1
        shelf.order(self._maker.submit)
        return torch.from_numpy(np.asarray(_Lease(memory, shelf.idle)))

    def _give_back(self, keep: MapShape | int) -> None:
        """Free idle memory of other keys, the longest unused first, until little enough is idle."""
        sizes = {key: shelf.idle_bytes for key, shelf in self._shelves.items() if key != keep}
        excess = sum(sizes.values()) - self._idle_bytes
        for key, size in sizes.items():
            if excess <= 0:
                return
            excess -= size
            self._shelves[key].idle.clear()


class _Lease:
    """Memory on loan, as numpy takes it; its end is the end of the loan."""

    def __init__(self, memory: Tensor, idle: list[Tensor]) -> None:
        self._memory = memory
        self._idle = idle
        self.__array_interface__ = {
            "version": 3,
            "typestr": "<i4",
            "shape": tuple(memory.shape),
            "data": (memory.data_ptr(), False),
        }

    def __del__(self) -> None:
        self._idle.append(self._memory)
