"""Lists of positions on the device: how many there are, the host never knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.gpu.kernels.positions import list_positions
from interim.model_zoo.gpu.tape import Launch
from interim.model_zoo.gpu.target import power

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.gpu.target import Target

BLOCK = 64

MOST = 24
"""Lists of one mask."""

ROOM = 4
"""Entries of all its lists, in positions of the mask."""

GRAIN = 64
"""Lists begin at multiples, so that all are aligned alike: kernels are compiled for alignments."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which fine positions a coarse one looks at, along either axis: step·y + first and `span` - 1 more."""

    step: int
    first: int
    span: int

    @classmethod
    def around(cls, step: int, reach: int = 0) -> Window:
        """Those within a coarse position `step` times larger, and `reach` more on either side."""
        return cls(step, -reach, step + 2 * reach)


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Positions of maps of one size, at most `capacity`.

    `entries`: int32; None: all of the images computed. `count`: (1,) int32, on the device: how many entries, or
    how many images; times `slot` it is how many positions.
    """

    height: int
    width: int
    capacity: int
    count: Tensor
    slot: int
    key: int
    entries: Tensor | None = None


class Lists:
    """All lists that come of one mask.

    Args:
        active: The mask (images, height, width) uint8, which may change.
        target: Where.
    """

    def __init__(self, active: Tensor, target: Target) -> None:
        device = active.device
        self._active = active
        self._block = power(active.numel(), 16) if target.interpreted else BLOCK
        self._room = torch.zeros(ROOM * (active.numel() + GRAIN), dtype=torch.int32, device=device)
        self._counts = torch.zeros((MOST, 4), dtype=torch.int32, device=device)
        self._table = torch.zeros((MOST, 6), dtype=torch.int32, device=device)
        self._used = 0
        self._found: dict[tuple[Window, tuple[int, int]], Positions] = {}

    def of(self, window: Window, size: tuple[int, int]) -> Positions:
        """Positions of maps of a size where anything active is in their window, once `launch` has run."""
        key = (window, size)
        if key not in self._found:
            capacity, number = self._active.shape[0] * size[0] * size[1], len(self._found)
            entries = self._room[self._used : self._used + capacity]
            assert len(entries) == capacity
            row = (*size, window.step, window.first, window.span, self._used)
            self._table[number] = torch.tensor(row, dtype=torch.int32)
            self._used += -(-capacity // GRAIN) * GRAIN
            self._found[key] = Positions(
                height=size[0],
                width=size[1],
                capacity=capacity,
                count=self._counts[number, :1],
                slot=1,
                entries=entries,
                key=self._room.data_ptr(),
            )
        return self._found[key]

    def launch(self) -> Launch | None:
        """Makes all the lists asked for so far; None: none was."""
        if not self._found:
            return None
        images, height, width = self._active.shape
        capacity = max(each.capacity for each in self._found.values())
        spans = [window.span for window, _ in self._found]
        grid = (-(-capacity // self._block), len(self._found))

        def run() -> None:
            self._counts.zero_()
            list_positions[grid](
                *(self._active, self._table, self._room, self._counts, images, height, width),
                COLUMNS=power(max(spans)),
                BLOCK=self._block,
            )

        reads, writes = frozenset({self._active.data_ptr()}), frozenset({self._room.data_ptr()})
        return Launch(run=run, reads=reads, writes=writes)
