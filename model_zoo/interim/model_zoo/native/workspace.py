"""Where one section runs: the regions that are computed, and the maps in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.model_zoo.native.regions import Held

if TYPE_CHECKING:
    from collections.abc import Generator

    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.regions import Regions

INNER, RAW = -1, -2
"""The numbers of spare maps that are zero where nothing is computed, and of those that take what is not shifted yet."""

Spares = dict[tuple[int, int, int], "Map"]
"""Maps for what is read at once, by number, channels and level."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A branch's map at the start of a stage: `value` is read first, `target` takes what comes of it."""

    value: Map
    target: Map


class Workspace:
    """The maps of one batch in one section.

    Args:
        regions: Where what is computed.
        spares: Maps of another workspace of so many images of this size, which is no longer used.
    """

    def __init__(self, regions: Regions, spares: Spares) -> None:
        self.regions = regions
        self.operations = regions.operations
        self._spares = spares
        self._cleared: set[tuple[int, int, int]] = set()

    def fresh(self, channels: int, level: int) -> Map:
        """A map of its own, whose insides may be anything."""
        return self.operations.map(self.regions.images, channels, self.regions.at(level))

    def spare(self, channels: int, level: int, number: int = 0) -> Map:
        """A map for what is read at once, the same each time it is asked for by the same number."""
        key = (number, channels, level)
        if key not in self._spares:
            self._spares[key] = self.fresh(channels, level)
        return self._spares[key]

    def inner(self, channels: int, level: int) -> Map:
        """Like `spare`, and zero wherever `Regions.moved` does not compute or fill."""
        key, found = (INNER, channels, level), self.spare(channels, level, INNER)
        if self.regions.masked and key not in self._cleared:
            self._cleared.add(key)
            self.operations.clear(found)
        return found

    def raw(self, channels: int, level: int) -> Map:
        """Like `spare`, for what is to be shifted, and what positions are filled from."""
        return self.spare(channels, level, RAW)

    def stream(self, value: Map, level: int) -> Generator[None, None, Stream]:
        """A branch whose map must stay as it is: the target keeps its values where nothing is computed."""
        target = self.fresh(value.shape.channels, level)
        if not self.regions.masked or not isinstance(self.regions, Held):
            return Stream(value, target)
        self.operations.copy(value, target)
        yield
        return Stream(target, target)
