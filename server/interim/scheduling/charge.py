"""What promised work is charged: its mean, what is often slow for all of it, and what rarely is for a part."""

from __future__ import annotations

from math import cbrt
from typing import NamedTuple, Self


class Charge(NamedTuple):
    """Work that runs in a row: what it takes on average, and what its stages may take longer.

    Two kinds of slowness add up differently. What one stage in a hundred meets may last (a processor that is
    shared, or hot), so a row is charged it for every stage. What one in a thousand meets beyond that is a stall, and
    few of a row meet one: stalls add up as the cube root of their cubes, a soft maximum, to 2.2 for ten alike.

    Alone, a stage is charged its own quantile. A row is charged its means, its tails and its longest stall at
    least, and the quantiles of its stages, added, at most.

    Attributes:
        mean_s: The means, added.
        tail_s: What is often slow, added.
        stalls: The cubes of what rarely is, added, in cubic seconds.
    """

    mean_s: float
    tail_s: float
    stalls: float

    @property
    def seconds(self) -> float:
        """What the whole is charged."""
        return self.mean_s + self.tail_s + together_s(self.stalls)

    def plus(self, other: Charge) -> Charge:
        """Both in a row."""
        return Charge(self.mean_s + other.mean_s, self.tail_s + other.tail_s, self.stalls + other.stalls)

    def less(self, part: Charge) -> Charge:
        """What is left when `part`, a part of this work, is done."""
        return Charge(
            max(self.mean_s - part.mean_s, 0.0),
            max(self.tail_s - part.tail_s, 0.0),
            max(self.stalls - part.stalls, 0.0),
        )

    @classmethod
    def of(cls, mean_s: float, tail_s: float = 0.0, stall_s: float = 0.0) -> Self:
        """One stage, one step, or a wait."""
        return cls(mean_s, tail_s, stall_s * stall_s * stall_s)


NOTHING = Charge(0.0, 0.0, 0.0)


def together_s(stalls: float) -> float:
    """What stalls are charged together, of what their cubes add up to."""
    return cbrt(stalls)


class Course:
    """A serial schedule, laid out work by work: when each is done, as charged.

    Args:
        free_s: When the device is expected to come free.
        later: What it may take longer than that; it has no mean.
    """

    __slots__ = ("_done_s", "_mean_s", "_stalls", "_tail_s")

    def __init__(self, free_s: float, later: Charge = NOTHING) -> None:
        self._mean_s, self._tail_s, self._stalls = free_s, later.tail_s, later.stalls
        self._done_s = free_s + later.seconds

    def add(self, charge: Charge, ready_s: float) -> float:
        """When work is done that begins after what was added before, and not before `ready_s`."""
        if ready_s >= self._done_s:  # the device stands still before it: what may be slow before that is over
            self._mean_s, self._tail_s, self._stalls, self._done_s = ready_s, 0.0, 0.0, ready_s
        self._mean_s = max(self._mean_s, ready_s) + charge.mean_s
        self._tail_s += charge.tail_s
        self._stalls += charge.stalls
        together = self._mean_s + self._tail_s + together_s(self._stalls)
        self._done_s = min(self._done_s + charge.seconds, together)
        return self._done_s
