"""Whose turn it is: an order that depends on nothing but seed, epoch and step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Turn(NamedTuple):
    """One place in a batch: the sample's number, and the random numbers for all that is drawn there."""

    sample: int
    rng: np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Batches of `size` out of `count` samples, in an order drawn anew each epoch.

    Every choice is derived from (seed, epoch, place in the epoch), so a training that is resumed sees what
    it would have seen.
    """

    count: int
    size: int
    seed: int

    @property
    def steps(self) -> int:
        """Whole batches in one epoch, at least one."""
        return max(1, self.count // self.size)

    def of(self, epoch: int, step: int) -> list[Turn]:
        """Those of one step."""
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        return [
            Turn(int(order[place % self.count]), np.random.default_rng([self.seed, epoch, place]))
            for place in range(step * self.size, (step + 1) * self.size)
        ]
