"""What promised work is charged: its mean, and a tail that grows more slowly than the work does."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple, Self

TOGETHER = 0.4
"""How much stages are taken to be slow together: the correlation of any two. A stall hits a run of them, a burst of
newcomers all that run meanwhile. In four sets of runs on two busy cores 999 of 1,000 rows of four, six and eight
stayed within 2.3 to 3.7, 2.6 to 4.8 and 3.2 to 5.6 tails of one; this charges 3.0, 4.2 and 5.5."""


class Charge(NamedTuple):
    """Work that runs in a row: what it takes on average, and what its stages may take longer.

    A stage that stays within its mean and its tail with some probability, in a row with others like it, makes a
    sum that does so with about the same one: variances add up, and tails do as deviations do. For one stage it
    is the stage's own quantile; for many it is never less than their means and the largest tail, and never more
    than the sum of their quantiles.

    Attributes:
        mean_s: The means, added.
        tail_s: The tails, added.
        square: The squares of the tails, added.
    """

    mean_s: float
    tail_s: float
    square: float

    @property
    def seconds(self) -> float:
        """What the whole is charged."""
        return self.mean_s + together_s(self.tail_s, self.square)

    def plus(self, other: Charge) -> Charge:
        """Both in a row."""
        return Charge(self.mean_s + other.mean_s, self.tail_s + other.tail_s, self.square + other.square)

    def less(self, part: Charge) -> Charge:
        """What is left when `part`, a part of this work, is done."""
        return Charge(
            max(self.mean_s - part.mean_s, 0.0),
            max(self.tail_s - part.tail_s, 0.0),
            max(self.square - part.square, 0.0),
        )

    @classmethod
    def of(cls, mean_s: float, tail_s: float) -> Self:
        """One stage, one step, or a wait."""
        return cls(mean_s, tail_s, tail_s * tail_s)


NOTHING = Charge(0.0, 0.0, 0.0)


def together_s(tail_s: float, square: float) -> float:
    """The tail of a sum, of what the tails and their squares add up to."""
    return sqrt((1.0 - TOGETHER) * square + TOGETHER * tail_s * tail_s)


class Course:
    """A serial schedule, laid out work by work: when each is done, as charged.

    Args:
        free_s: When the device is expected to come free.
        later_s: How much later that may be.
    """

    __slots__ = ("_done_s", "_mean_s", "_square", "_tail_s")

    def __init__(self, free_s: float, later_s: float = 0.0) -> None:
        self._mean_s, self._tail_s, self._square = free_s, later_s, later_s * later_s
        self._done_s = free_s + later_s

    def add(self, charge: Charge, ready_s: float) -> float:
        """When work is done that begins after what was added before, and not before `ready_s`."""
        if ready_s >= self._done_s:  # the device stands still before it: what may be slow before that is over
            self._mean_s, self._tail_s, self._square, self._done_s = ready_s, 0.0, 0.0, ready_s
        self._mean_s = max(self._mean_s, ready_s) + charge.mean_s
        self._tail_s += charge.tail_s
        self._square += charge.square
        together = self._mean_s + together_s(self._tail_s, self._square)
        self._done_s = min(self._done_s + charge.seconds, together)
        return self._done_s
