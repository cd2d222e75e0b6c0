"""The memory that the front and one engine share: images in, maps out, no names, nothing to leak.

One anonymous file (memfd) holds a fixed number of slots. The front creates it, hands out slots and reads
maps; the engine inherits the descriptor, reads images and writes maps. Pages are allocated when they are
first touched, so unused room costs nothing, and the kernel frees all of it with the last process.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Shape = tuple[int, int]

PAGE = mmap.PAGESIZE
OUTPUTS = 2
STAMP_WORDS = 8  # 64 bytes, one cache line an output: token, then height and width of labels and of cells
MAX_EXIT = 255
UNPUBLISHED = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """One life of one slot: the generation tells it from the lives before and after."""

    index: int
    generation: int

    def token(self, exit_: int) -> int:
        """The stamp of a complete exit of this life; never `UNPUBLISHED`."""
        return self.generation << 8 | exit_


@dataclass(frozen=True, slots=True)
class Maps:
    """What one exit says of one image.

    `labels`: class ids, uint8, at the working size or at the cells' (as the request asked).
    `confidence` (0 to 255 for 0 to 1) and `active` (1: still to be refined): uint8, one per cell, a cell
    being one position of the logits (a quarter of the working size, rounded up).
    """

    labels: Bytes
    confidence: Bytes
    active: Bytes


class ArenaError(Exception):
    """A slot is used against the rules, or something does not fit."""


class Arena:
    """Slots of shared memory, each with room for one image and the maps of two exits.

    The two sides share bytes, not the books: which slots are free is known to the creator alone.
    """

    def __init__(self, descriptor: int, *, slots: int, max_pixels: int) -> None:
        """Map the arena behind an inherited descriptor; the sizes must be the creator's."""
        self.descriptor = descriptor
        self.slots = slots
        self.max_pixels = max_pixels
        self._area = _pages(max_pixels)  # no map has more cells than the image has pixels
        self._stride = PAGE + _pages(3 * max_pixels) + OUTPUTS * 3 * self._area
        size = slots * self._stride
        if os.fstat(descriptor).st_size < size:
            os.ftruncate(descriptor, size)
        self._bytes: Bytes = np.frombuffer(mmap.mmap(descriptor, size), np.uint8)
        self._generations = [0] * slots
        self._free = list(range(slots - 1, -1, -1))
        self._taken: dict[int, Slot] = {}

    @classmethod
    def create(cls, *, slots: int, max_pixels: int) -> Arena:
        """A new arena of `slots` images of at most `max_pixels` pixels each."""
        if slots < 1 or max_pixels < 1:
            raise ArenaError(f"{slots} slots of {max_pixels} pixels make no arena: give at least 1 of each.")
        return cls(os.memfd_create("interim-arena"), slots=slots, max_pixels=max_pixels)

    def close(self) -> None:
        """Close the descriptor; the memory goes with the last view and the last process."""
        os.close(self.descriptor)
        self.descriptor = -1

    @property
    def free(self) -> int:
        """How many slots nobody holds."""
        return len(self._free)

    def acquire(self) -> Slot | None:
        """A free slot in a new life, the one used last first (its pages are there); None: all are taken."""
        if not self._free:
            return None
        index = self._free.pop()
        self._generations[index] += 1
        slot = Slot(index, self._generations[index])
        self._taken[index] = slot
        for output in range(OUTPUTS):
            self._stamp(index, output)[0] = UNPUBLISHED
        return slot

    def release(self, slot: Slot) -> None:
        """Give a slot back: the engine has acknowledged, or is dead.

        Raises:
            ArenaError: it is not held, or held in another life.
        """
        if self._taken.get(slot.index) != slot:
            raise ArenaError(
                f"Slot {slot.index} is not held in generation {slot.generation}: release it once."
            )
        del self._taken[slot.index]
        self._free.append(slot.index)

    def input(self, slot: Slot, height: int, width: int) -> Bytes:
        """The image of a slot: (height, width, 3) uint8 RGB, shared, to be written or read in place."""
        self._check(height * width)
        start = slot.index * self._stride + PAGE
        return self._bytes[start : start + height * width * 3].reshape(height, width, 3)

    def write(self, slot: Slot, exit_: int, maps: Maps) -> None:
        """Publish the maps of one exit; they replace those of the exit two before.

        The stamp is void while the bytes change, and set when they are complete.
        """
        if not 1 <= exit_ <= MAX_EXIT:
            raise ArenaError(f"Exit {exit_} has no place: exits count from 1 to {MAX_EXIT}.")
        output = exit_ % OUTPUTS
        stamp = self._stamp(slot.index, output)
        stamp[0] = UNPUBLISHED
        for position, part in enumerate((maps.labels, maps.confidence, maps.active)):
            self._check(part.size)
            self._part(slot.index, output, position, _shape(part))[:] = part
        stamp[1:5] = (*_shape(maps.labels), *_shape(maps.active))
        stamp[0] = slot.token(exit_)

    def read(self, slot: Slot, exit_: int) -> Maps | None:
        """A copy of the maps of one exit; None: not complete, or a newer exit has overwritten them."""
        output = exit_ % OUTPUTS
        stamp = self._stamp(slot.index, output)
        if stamp[0] != slot.token(exit_):
            return None
        height, width, rows, columns = (int(number) for number in stamp[1:5])
        if max(height * width, rows * columns) > self.max_pixels:
            return None  # torn by a writer that began between the two looks
        labels = self._part(slot.index, output, 0, (height, width)).copy()
        confidence = self._part(slot.index, output, 1, (rows, columns)).copy()
        active = self._part(slot.index, output, 2, (rows, columns)).copy()
        overtaken = stamp[0] != slot.token(exit_)
        return None if overtaken else Maps(labels, confidence, active)

    def _stamp(self, index: int, output: int) -> npt.NDArray[np.int64]:
        start = index * self._stride + output * STAMP_WORDS * 8
        return self._bytes[start : start + STAMP_WORDS * 8].view(np.int64)

    def _part(self, index: int, output: int, position: int, shape: Shape) -> Bytes:
        start = (index + 1) * self._stride - (OUTPUTS * 3 - output * 3 - position) * self._area
        return self._bytes[start : start + shape[0] * shape[1]].reshape(shape)

    def _check(self, pixels: int) -> None:
        if pixels > self.max_pixels:
            raise ArenaError(f"{pixels} pixels do not fit into a slot of {self.max_pixels}.")


def _pages(size: int) -> int:
    return -(-size // PAGE) * PAGE


def _shape(part: Bytes) -> Shape:
    height, width = part.shape
    return height, width
