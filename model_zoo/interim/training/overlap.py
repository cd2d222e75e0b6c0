"""The Lovász-softmax loss: a convex stand-in for what is reported, each class's intersection over union."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from interim.training.data.sample import VOID

if TYPE_CHECKING:
    from collections.abc import Sequence


def overlap_losses(logits: Sequence[Tensor], labels: Tensor, *, offset: int) -> Tensor:
    """One Lovász-softmax loss per exit, float32 (exits,), from 0 (all right and sure) to 1.

    The mean, over the classes that the batch shows, of the Jaccard loss's Lovász extension at the
    errors of all its pixels (Berman, Rannen Triki & Blaschko, CVPR 2018, sections 2.2 and 3). `logits` (N, C,
    H/4, W/4) each are compared with one label in sixteen of `labels` (N, H, W) uint8, unenlarged: sorting
    is what it costs. `offset` (0 or 1) says which label of the two beside a cell's centre: take turns.
    """
    target = labels[:, 1 + offset :: 4, 1 + offset :: 4].flatten().long()
    known = target != VOID
    target = target[known]
    return torch.stack([_overlap(part.permute(0, 2, 3, 1).flatten(0, 2)[known], target) for part in logits])


def _overlap(logits: Tensor, target: Tensor) -> Tensor:
    """Logits (P, C) against labels (P,) of which none is void."""
    truth = F.one_hot(target, logits.shape[1]).float()
    shown = truth.sum(0) > 0
    if not shown.any():
        return logits.sum() * 0
    truth = truth[:, shown]
    errors = (truth - logits.float().softmax(1)[:, shown]).abs()
    ranked, order = errors.sort(dim=0, descending=True)
    return (ranked * _gradient(truth.gather(0, order))).sum(0).mean()


def _gradient(truth: Tensor) -> Tensor:
    """What each error adds to a class's Jaccard loss, for truth (P, classes) in falling order of error."""
    right = truth.cumsum(0)
    pixels = right[-1]
    jaccard = 1 - (pixels - right) / (pixels + (1 - truth).cumsum(0))
    return torch.cat([jaccard[:1], jaccard.diff(dim=0)])
