"""Batches of random crops whose order depends on nothing but seed, epoch and step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from interim.training.data.crops import CropRule, draw_crop
from interim.training.data.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.training.data.sample import Sample
    from interim.training.data.turns import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Crops for one step: `images` (N, 3, H, W) uint8 RGB, `labels` (N, H, W) uint8."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Real samples in turn, and scenes that may stand in for some of them."""

    samples: Sequence[Sample]
    scenes: Sequence[Sample]
    rule: CropRule
    size: int
    seed: int

    @property
    def steps(self) -> int:
        """Whole batches in one epoch; the few samples left over change from epoch to epoch."""
        return self._turns.steps

    def draw(self, epoch: int, step: int, scenes_share: float = 0.0) -> Batch:
        """The batch of one step; each crop is a scene with probability `scenes_share`."""
        crops = [self._crop(turn, scenes_share) for turn in self._turns.of(epoch, step)]
        images = torch.from_numpy(np.stack([crop.image for crop in crops]))
        labels = torch.from_numpy(np.stack([crop.labels for crop in crops]))
        return Batch(images=images.permute(0, 3, 1, 2), labels=labels)

    @property
    def _turns(self) -> Turns:
        return Turns(count=len(self.samples), size=self.size, seed=self.seed)

    def _crop(self, turn: Turn, scenes_share: float) -> Sample:
        if self.scenes and turn.rng.random() < scenes_share:
            sample = self.scenes[int(turn.rng.integers(len(self.scenes)))]
        else:
            sample = self.samples[turn.sample]
        return draw_crop(sample, self.rule, turn.rng)
