"""Batches of random crops whose order depends on nothing but seed, epoch and step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from interim.training.data.crops import CropRule, draw_crop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.training.data.sample import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Crops for one step: `images` (N, 3, H, W) uint8 RGB, `labels` (N, H, W) uint8."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Real samples, and scenes that may stand in for some of them.

    Every random choice is derived from (seed, epoch, place in the epoch), so a training that is
    resumed sees what it would have seen.
    """

    samples: Sequence[Sample]
    scenes: Sequence[Sample]
    rule: CropRule
    size: int
    seed: int

    @property
    def steps(self) -> int:
        """Whole batches in one epoch; the few samples left over change from epoch to epoch."""
        return max(1, len(self.samples) // self.size)

    def draw(self, epoch: int, step: int, scenes_share: float = 0.0) -> Batch:
        """The batch of one step; each crop is a scene with probability `scenes_share`."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.samples))
        places = range(step * self.size, (step + 1) * self.size)
        crops = [self._crop(epoch, place, order, scenes_share) for place in places]
        images = torch.from_numpy(np.stack([crop.image for crop in crops]))
        labels = torch.from_numpy(np.stack([crop.labels for crop in crops]))
        return Batch(images=images.permute(0, 3, 1, 2), labels=labels)

    def _crop(self, epoch: int, place: int, order: np.ndarray, scenes_share: float) -> Sample:
        rng = np.random.default_rng([self.seed, epoch, place])
        if self.scenes and rng.random() < scenes_share:
            sample = self.scenes[int(rng.integers(len(self.scenes)))]
        else:
            sample = self.samples[order[place % len(order)]]
        return draw_crop(sample, self.rule, rng)
