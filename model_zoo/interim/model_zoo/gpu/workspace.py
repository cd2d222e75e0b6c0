"""Where one section runs: the maps in between, and the lists of what is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.gpu.positions import Lists, Positions, Window
from interim.model_zoo.native.regions import Where
from interim.model_zoo.native.workspace import INNER, Stream

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.gpu.maps import Map
    from interim.model_zoo.gpu.operations import Operations

Spares = dict[tuple[int, int, int], "Map"]
"""Maps for what is read at once, by number, channels and level."""


class Workspace:
    """The maps and lists of one section, as `native.workspace.Workspace` has them, whatever the masks will be.

    Args:
        operations: The kernels.
        images: How many images there is room for.
        used: How many there are, (1,) int32 on the device.
        size: Height and width at level 0.
        active: The positions (images, h, w) uint8 at level 0 that are computed; None: all.
        spares: Maps of other sections for so many images of this size, which do not run at the same time.
    """

    def __init__(
        self,
        operations: Operations,
        images: int,
        used: Tensor,
        size: tuple[int, int],
        *,
        active: Tensor | None,
        spares: Spares,
    ) -> None:
        self.operations = operations
        self.images = images
        self.size = size
        self.lists = None if active is None else Lists(active, operations.target)
        self._used = used
        self._spares = spares
        self._cleared: set[tuple[int, int]] = set()

    def all(self, level: int) -> Positions:
        """Every position at a level."""
        height, width = self._at(level)
        return Positions(
            height=height,
            width=width,
            capacity=self.images * height * width,
            count=self._used,
            slot=height * width,
            key=self._used.data_ptr(),
        )

    def active(self, level: int) -> Positions:
        """The positions at a level that are computed: those with an active one of level 0 within."""
        return self._listed(level, Window.around(2**level))

    def read_by(self, finer: int, level: int) -> Positions:
        """The positions at `level` that a bilinear enlargement to the active ones at `finer` reads."""
        return self._listed(level, Window.around(2**level, 2**level if level > finer else 0))

    def read_through(self, level: int) -> Positions:
        """The positions at `level` that enlargements by 2, level after level, to the active ones at 0 read."""
        return self._listed(level, Window.around(2**level, 2 ** (level + 1) - 2))

    @property
    def regions(self) -> Workspace:
        """As the other workspace has them; held, as nothing interpolates here."""
        return self

    def moved(self, level: int) -> Where:
        """Where a stream changes."""
        return Where(level, self.active(level))  # type: ignore[arg-type]  # lists of either kind

    def begun(self, level: int) -> Where:
        """Where a branch needs its first values."""
        return Where(level, self.all(level))  # type: ignore[arg-type]  # likewise

    def sent(self, finer: int, level: int) -> Where:
        """Where a branch says what a fuse enlarges."""
        return Where(level, self.read_by(finer, level))  # type: ignore[arg-type]  # likewise

    def reached(self, level: int) -> Positions:
        """Where a stream changes, as one list."""
        return self.active(level)

    def fresh(self, channels: int, level: int) -> Map:
        """A map of its own."""
        return self.operations.map(self.images, channels, self._at(level))

    def spare(self, channels: int, level: int, number: int = 0) -> Map:
        """A map for what is read at once, the same each time it is asked for by the same number."""
        key = (number, channels, level)
        if key not in self._spares:
            self._spares[key] = self.fresh(channels, level)
        return self._spares[key]

    def inner(self, channels: int, level: int) -> Map:
        """Like `spare`, and zero wherever `active` does not list."""
        found = self.spare(channels, level, INNER)
        if self.lists is not None and (channels, level) not in self._cleared:
            self._cleared.add((channels, level))
            self.operations.clear(found)
        return found

    def stream(self, value: Map, level: int) -> Stream:  # noqa: ARG002 - as the other workspace
        """A branch's map, in place: a section runs on a copy of what it was given."""
        return Stream(value, value)  # type: ignore[arg-type]  # a stream of either kind of map

    def _listed(self, level: int, window: Window) -> Positions:
        return self.all(level) if self.lists is None else self.lists.of(window, self._at(level))

    def _at(self, level: int) -> tuple[int, int]:
        height, width = self.size
        if level < 0:
            return height << -level, width << -level
        return height >> level, width >> level
