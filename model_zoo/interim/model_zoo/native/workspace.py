"""Where one section runs: which positions are computed at every resolution, and the maps in between.

Resolutions are *levels*: 0 is a quarter of the image, each level above halves, each below doubles.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.model_zoo.masked.masks import halved

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.operations import Operations
    from interim.model_zoo.native.runs import Runs

INNER = -1
"""The number of spare maps that are zero where nothing is computed."""

THROUGH = -1
"""In place of a finer level: read through all the levels between."""

Steps = Generator[None, None, None]
"""Work under way: yields wherever it may be given up, after a millisecond or so."""


Spares = dict[tuple[int, int, int], "Map"]
"""Maps for what is read at once, by number, channels and level."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A branch's map at the start of a stage: `value` is read first, `target` takes what comes of it."""

    value: Map
    target: Map


class Workspace:
    """The maps and lists of one batch in one section.

    Args:
        operations: The kernels.
        images: How many images.
        size: Height and width at level 0.
        active: The positions (N, h, w) bool at level 0 that are computed; None: all.
        spares: Maps of another workspace of so many images of this size, which is no longer used.
    """

    def __init__(
        self,
        operations: Operations,
        images: int,
        size: tuple[int, int],
        active: Tensor | None,
        spares: Spares,
    ) -> None:
        self.operations = operations
        self.images = images
        self.size = size
        self._active = active
        self._lists: dict[tuple[int, int], Runs] = {}
        self._masks: dict[int, Tensor] = {}
        self._spares = spares
        self._cleared: set[tuple[int, int, int]] = set()

    def all(self, level: int) -> Runs:
        """Every position at a level."""
        return self.operations.dense(self.images, self._at(level))

    def active(self, level: int) -> Runs:
        """The positions at a level that are computed: those with an active one of level 0 within."""
        return self.read_by(level, level)

    def read_by(self, finer: int, level: int) -> Runs:
        """The positions at `level` that a bilinear enlargement to the active ones at `finer` reads."""
        if self._active is None:
            return self.all(level)
        key = (finer, level)
        if key not in self._lists:
            mask = self._mask(self._active, finer)
            if level > finer:
                mask = self.operations.read_by_enlarging(mask, 2 ** (level - finer))
            self._lists[key] = self.operations.listed(mask)
        return self._lists[key]

    def _mask(self, active: Tensor, level: int) -> Tensor:
        if level not in self._masks:
            self._masks[level] = halved(self._mask(active, level - 1)) if level else active
        return self._masks[level]

    def read_through(self, level: int) -> Runs:
        """The positions at `level` that enlargements by 2, level after level, to the active ones at 0 read."""
        if self._active is None:
            return self.all(level)
        if (THROUGH, level) not in self._lists:
            mask = self._active
            for _ in range(level):
                mask = self.operations.read_by_enlarging(mask, 2)
            self._lists[THROUGH, level] = self.operations.listed(mask)
        return self._lists[THROUGH, level]

    def fresh(self, channels: int, level: int) -> Map:
        """A map of its own, whose insides may be anything."""
        return self.operations.map(self.images, channels, self._at(level))

    def spare(self, channels: int, level: int, number: int = 0) -> Map:
        """A map for what is read at once, the same each time it is asked for by the same number."""
        key = (number, channels, level)
        if key not in self._spares:
            self._spares[key] = self.fresh(channels, level)
        return self._spares[key]

    def inner(self, channels: int, level: int) -> Map:
        """Like `spare`, and zero wherever `active` does not list."""
        key, found = (INNER, channels, level), self.spare(channels, level, INNER)
        if self._active is not None and key not in self._cleared:
            self._cleared.add(key)
            self.operations.clear(found)
        return found

    def stream(self, value: Map, level: int) -> Stream:
        """A branch whose map must stay as it is: the target keeps its values where nothing is computed."""
        target = self.fresh(value.shape.channels, level)
        if self._active is None:
            return Stream(value, target)
        self.operations.copy(value, target)
        return Stream(target, target)

    def _at(self, level: int) -> tuple[int, int]:
        height, width = self.size
        if level < 0:
            return height << -level, width << -level
        return height >> level, width >> level
