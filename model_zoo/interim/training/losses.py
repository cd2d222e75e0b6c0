"""The training losses of all exits: class-weighted cross-entropies at half resolution, or errors of heat maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from interim.model_zoo.joints import heat_of
from interim.training.data.sample import VOID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


def class_weights(labels: Iterable[NDArray[np.uint8]], classes: int, *, power: float, cap: float) -> Tensor:
    """Median-frequency weights, softened: min((median / frequency) ** power, cap), float32 (classes,).

    A class's frequency is its share of the pixels of the images that show it (Eigen & Fergus 2015,
    section 6.3.2); `power` 1 is their rule, below 1 milder. A class that never occurs weighs 1.
    """
    pixels = np.zeros(classes)
    frame = np.zeros(classes)
    for ids in labels:
        count = np.bincount(ids.ravel(), minlength=VOID + 1)[:classes]
        pixels += count
        frame += np.where(count > 0, count.sum(), 0)
    frequency = np.divide(pixels, frame, out=np.zeros(classes), where=frame > 0)
    seen = frequency > 0
    ratio = np.divide(np.median(frequency[seen]), frequency, out=np.ones(classes), where=seen)
    return torch.from_numpy(np.minimum(ratio**power, cap).astype(np.float32))


def exit_losses(logits: Sequence[Tensor], labels: Tensor, weights: Tensor, *, offset: int) -> Tensor:
    """One cross-entropy per exit, float32 (exits,).

    `logits` (N, C, H/4, W/4) each; `labels` (N, H, W) uint8. The logits are upsampled twofold and
    compared with every second label of every second row: a quarter of the cost of full resolution.
    `offset` (0 or 1) says which: take turns, for either lies half a pixel beside the upsampled grid.
    """
    target = labels[:, offset::2, offset::2].long()
    size = target.shape[1:]
    return torch.stack([_cross_entropy(part, size, target, weights) for part in logits])


def _cross_entropy(logits: Tensor, size: Sequence[int], target: Tensor, weights: Tensor) -> Tensor:
    fine = F.interpolate(logits.float(), size=tuple(size), mode="bilinear", align_corners=False)
    total = F.cross_entropy(fine, target, weights, ignore_index=VOID, reduction="sum")
    known = torch.cat([weights, weights.new_zeros(VOID + 1 - len(weights))])[target]
    return total / known.sum().clamp(min=1e-6)


def heat_losses(heat: Sequence[Tensor], xy: Tensor, known: Tensor, *, stride: int, sigma: float) -> Tensor:
    """One squared error of heat maps per exit, float32 (exits,); predicting nothing at all costs about 1.

    The target is a bell of height 1 around the joint (heat_of). Squared differences are summed over a
    map, divided by the bell's own sum of squares (πσ²), and averaged over the known joints.

    Args:
        heat: (N, J, h, w) each.
        xy: Joints (N, J, 2) in the image's pixels.
        known: Which of them count (N, J) bool.
        stride: How many times smaller than the image the maps are.
        sigma: The bell's standard deviation in cells.
    """
    height, width = heat[0].shape[-2:]
    # what is not known may be anything, and 0 times no number is none
    target = heat_of(xy, (height, width), stride=stride, sigma=sigma).where(known[..., None, None], 0)
    share = known.float() / (math.pi * sigma**2 * known.sum().clamp(min=1))
    return torch.stack([((part.float() - target).square().sum((2, 3)) * share).sum() for part in heat])
