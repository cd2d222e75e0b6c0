"""Which positions of every resolution a section computes: what its fill makes of the mask.

Resolutions are *levels*: 0 is a quarter of the image, each level above halves, each below doubles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from interim.model_zoo.native.operations import Operations
    from interim.model_zoo.native.runs import Runs


@dataclass(frozen=True, slots=True)
class Where:
    """Where a convolution's outputs are wanted, at one level.

    `computed`: what it computes. `filled`: what is interpolated from that; None: nothing.
    """

    level: int
    computed: Runs
    filled: Runs | None = None


class Regions:
    """The positions of one batch.

    Args:
        operations: The kernels.
        images: How many images.
        size: Height and width at level 0.
        active: The positions (N, h, w) bool at level 0 that are computed; None: all.
    """

    def __init__(
        self, operations: Operations, images: int, size: tuple[int, int], active: Tensor | None
    ) -> None:
        self.operations = operations
        self.images = images
        self.masked = active is not None
        self._size = size
        self._active = active
        self._lists: dict[tuple[str, int, int], Runs] = {}
        self._masks: dict[tuple[str, int], Tensor] = {}

    def at(self, level: int) -> tuple[int, int]:
        """Height and width at a level."""
        height, width = self._size
        return (height << -level, width << -level) if level < 0 else (height >> level, width >> level)

    def all(self, level: int) -> Runs:
        """Every position at a level."""
        return self.operations.dense(self.images, self.at(level))

    def active(self, level: int) -> Runs:
        """The positions that convolutions of this level compute."""
        return self._listed("active", level, level, lambda: self._active_at(level))

    def read_by(self, finer: int, level: int) -> Runs:
        """The positions at `level` that a bilinear enlargement to the active ones at `finer` reads."""
        return self._listed("read", finer, level, lambda: self._read_by(finer, level))

    def read_through(self, level: int) -> Runs:
        """The positions at `level` that enlargements by 2, level after level, to the active ones at 0 read."""
        if level == 1:
            return self.read_by(0, 1)
        return self._listed("through", 0, level, lambda: self._through(level))

    def moved(self, level: int) -> Where:
        """Where a stream changes."""
        raise NotImplementedError

    def begun(self, level: int) -> Where:
        """Where a branch needs its first values."""
        raise NotImplementedError

    def sent(self, finer: int, level: int) -> Where:
        """Where a branch at `level` says what a fuse enlarges to `finer`."""
        raise NotImplementedError

    def reached(self, level: int) -> Runs:
        """Where a stream changes, as one list."""
        raise NotImplementedError

    def _through(self, level: int) -> Tensor:
        mask = self._active_at(0)
        for _ in range(level):
            mask = self.operations.read_by_enlarging(mask, 2)
        return mask

    def _listed(self, name: str, finer: int, level: int, mask: Callable[[], Tensor]) -> Runs:
        """The list of a mask, made once; everything where nothing is masked."""
        if self._active is None:
            return self.all(level)
        key = (name, finer, level)
        if key not in self._lists:
            self._lists[key] = self.operations.listed(mask())
        return self._lists[key]

    def _known(self, name: str, level: int, mask: Callable[[], Tensor]) -> Tensor:
        """A mask, made once."""
        key = (name, level)
        if key not in self._masks:
            self._masks[key] = mask()
        return self._masks[key]

    def _active_at(self, level: int) -> Tensor:
        """The active positions (N, h, w) bool at a level; there is a mask."""
        raise NotImplementedError

    def _read_by(self, finer: int, level: int) -> Tensor:
        mask = self._active_at(finer)
        return self.operations.read_by_enlarging(mask, 2 ** (level - finer)) if level > finer else mask


class Held(Regions):
    """Of a network that holds: a coarser position is active where anything within it is, and no other changes."""

    def read_by(self, finer: int, level: int) -> Runs:
        """The active ones, which hold all active ones at `finer`, and their neighbours."""
        if finer == level:
            return self.active(level)
        return self._listed(
            "read", level, level, lambda: self.operations.read_by_enlarging(self._active_at(level), 1)
        )

    def moved(self, level: int) -> Where:
        """The active ones."""
        return Where(level, self.active(level))

    def begun(self, level: int) -> Where:
        """Everywhere, so that every position has a value to keep."""
        return Where(level, self.all(level))

    def sent(self, finer: int, level: int) -> Where:
        """What is read, from whatever is held there."""
        return Where(level, self.read_by(finer, level))

    def reached(self, level: int) -> Runs:
        """The active ones."""
        return self.active(level)

    def _active_at(self, level: int) -> Tensor:
        assert self._active is not None
        if level == 0:
            return self._active
        return self._known("active", level, lambda: self.operations.halved(self._active_at(level - 1)))


class Interpolated(Regions):
    """Of a network that interpolates: every second position of the finer level is active with it.

    Streams have values at active positions and at those that these ever read: their neighbours, and what
    enlargements to finer active positions reach. There they are interpolated; elsewhere they may be anything.
    """

    def moved(self, level: int) -> Where:
        """The active ones, and what they read."""
        return self._around("moved", level, level, lambda: self._reach(level))

    def begun(self, level: int) -> Where:
        """As `moved`."""
        return self.moved(level)

    def sent(self, finer: int, level: int) -> Where:
        """The active ones, and what is read where the finer stream has values."""
        factor = 2 ** (level - finer)
        return self._around(
            "sent", finer, level, lambda: self.operations.read_by_enlarging(self._reach(finer), factor)
        )

    def reached(self, level: int) -> Runs:
        """The active ones, and what they read."""
        return self._listed("reached", level, level, lambda: self._reach(level))

    def within(self, level: int) -> Runs:
        """The positions of the next finer level that lie in active ones of this."""

        def mask() -> Tensor:
            return self._active_at(level).repeat_interleave(2, 1).repeat_interleave(2, 2)

        if self._active is None:
            return self.all(level - 1)
        return self._listed("within", level, level - 1, mask)

    def beside(self, level: int) -> Runs:
        """The active positions and all their neighbours."""
        return self._listed("beside", level, level, lambda: self._beside(level, level))

    def _around(self, name: str, finer: int, level: int, wanted: Callable[[], Tensor]) -> Where:
        """The active positions are computed, the others of a mask filled."""
        if self._active is None:
            return Where(level, self.all(level))
        filled = self._listed(name, finer, level, lambda: wanted() & ~self._active_at(level))
        return Where(level, self.active(level), filled)

    def _reach(self, level: int) -> Tensor:
        def mask() -> Tensor:
            found = self._beside(level, level)
            for finer in range(level):
                found |= self._beside(finer, level)
            return found

        return self._known("reach", level, mask)

    def _beside(self, finer: int, level: int) -> Tensor:
        """At `level`, what holds active positions of `finer`, and all its neighbours."""
        return self.operations.read_by_enlarging(self._active_at(finer), 2 ** (level - finer))

    def _active_at(self, level: int) -> Tensor:
        assert self._active is not None
        active, step = self._active, 2**level
        return self._known("active", level, active[:, ::step, ::step].contiguous)
