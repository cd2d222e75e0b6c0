"""The memory that the front and one engine share: images in, findings out, no names, nothing to leak.

One anonymous file (memfd) holds a fixed number of slots. The front creates it, hands out slots and reads
findings; the engine inherits the descriptor, reads images and writes findings. Pages are allocated when they are
first touched, so unused room costs nothing, and the kernel frees all of it with the last process.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Shape = tuple[int, int]

PAGE = mmap.PAGESIZE
OUTPUTS = 2
STAMP_WORDS = 8  # 64 bytes, one cache line an output: token, height and width of answer and cells, kind
MAX_EXIT = 255
UNPUBLISHED = 0
LABELS, JOINTS = 0, 1  # the kind of an answer


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
    """What one exit of a segmentation says of one image.

    `labels`: class ids, uint8, at the working size or at the cells' (as the request asked).
    `confidence` (0 to 255 for 0 to 1) and `active` (1: still to be refined): uint8, one per cell, a cell
    being one position of the logits (a quarter of the working size, rounded up).
    """

    labels: Bytes
    confidence: Bytes
    active: Bytes


@dataclass(frozen=True, slots=True)
class Pose:
    """What one exit of a pose model says of one image, whom it takes to show one person.

    `joints`: (J, 3) float32, for each joint x and y in pixels of the working size (0 is the middle of the
    first) and the heat at its peak, 0 to 1. `confidence` and `active` as in `Maps`.
    """

    joints: Floats
    confidence: Bytes
    active: Bytes


Finding = Maps | Pose


class ArenaError(Exception):
    """A slot is used against the rules, or something does not fit."""


class Arena:
    """Slots of shared memory, each with room for one image and the findings of two exits.

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

    def write(self, slot: Slot, exit_: int, finding: Finding) -> None:
        """Publish the finding of one exit; it replaces that of the exit two before.

        The stamp is void while the bytes change, and set when they are complete.
        """
        if not 1 <= exit_ <= MAX_EXIT:
            raise ArenaError(f"Exit {exit_} has no place: exits count from 1 to {MAX_EXIT}.")
        output = exit_ % OUTPUTS
        stamp = self._stamp(slot.index, output)
        stamp[0] = UNPUBLISHED
        kind, answer = self._answer(finding)
        for position, part in enumerate((answer, finding.confidence, finding.active)):
            self._part(slot.index, output, position, _shape(part))[:] = part
        stamp[1:6] = (*_shape(answer), *_shape(finding.active), kind)
        stamp[0] = slot.token(exit_)

    def read(self, slot: Slot, exit_: int) -> Finding | None:
        """A copy of the finding of one exit; None: not complete, or a newer exit has overwritten it."""
        output = exit_ % OUTPUTS
        stamp = self._stamp(slot.index, output)
        if stamp[0] != slot.token(exit_):
            return None
        height, width, rows, columns, kind = (int(number) for number in stamp[1:6])
        if max(height * width, rows * columns) > self._area:
            return None  # torn by a writer that began between the two looks
        answer = self._part(slot.index, output, 0, (height, width)).copy()
        confidence = self._part(slot.index, output, 1, (rows, columns)).copy()
        active = self._part(slot.index, output, 2, (rows, columns)).copy()
        overtaken = stamp[0] != slot.token(exit_)
        if overtaken:
            return None
        if kind == JOINTS:
            return Pose(answer.view(np.float32), confidence, active)
        return Maps(answer, confidence, active)

    def _answer(self, finding: Finding) -> tuple[int, Bytes]:
        """The kind of an answer, and its bytes in rows.

        Raises:
            ArenaError: it has no room.
        """
        self._check(finding.active.size)
        if isinstance(finding, Maps):
            self._check(finding.labels.size)
            return LABELS, finding.labels
        if finding.joints.nbytes > self._area:
            raise ArenaError(
                f"{len(finding.joints)} joints do not fit into a slot: it has {self._area} bytes."
            )
        return JOINTS, np.ascontiguousarray(finding.joints, np.float32).view(np.uint8)

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
