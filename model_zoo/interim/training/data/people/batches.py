"""Batches of people whose order depends on nothing but seed, epoch and step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from interim.training.data.people.crops import draw_person
from interim.training.data.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from interim.training.data.people.crops import PersonRule, Portrait


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleBatch:
    """Crops for one step: `images` (N, 3, H, W) uint8 RGB; `xy` (N, J, 2) in pixels; `known` (N, J) bool."""

    images: Tensor
    xy: Tensor
    known: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleBatches:
    """People in turn."""

    people: Sequence[Portrait]
    flip: Sequence[int]
    rule: PersonRule
    size: int
    seed: int

    @property
    def steps(self) -> int:
        """Whole batches in one epoch."""
        return self._turns.steps

    def draw(self, epoch: int, step: int) -> PeopleBatch:
        """The batch of one step."""
        crops = [
            draw_person(self.people[turn.sample], self.rule, self.flip, turn.rng)
            for turn in self._turns.of(epoch, step)
        ]
        images = torch.from_numpy(np.stack([crop.image for crop in crops]))
        return PeopleBatch(
            images=images.permute(0, 3, 1, 2),
            xy=torch.from_numpy(np.stack([crop.xy for crop in crops])),
            known=torch.from_numpy(np.stack([crop.known for crop in crops])),
        )

    @property
    def _turns(self) -> Turns:
        return Turns(count=len(self.people), size=self.size, seed=self.seed)
