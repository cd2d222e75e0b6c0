"""Small squares of labelled images as a classification set: each square's class is what most of it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from interim.training.data.sample import VOID

if TYPE_CHECKING:
    from torch import Tensor

    from interim.training.data.folder import LabelledFolder
    from interim.training.data.sample import Sample

SIDE = 32
TRIES = 200
"""Squares looked at in each image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """`images` (N, 3, 32, 32) float32, normalised; `labels` (N,) int64."""

    images: Tensor
    labels: Tensor


def patches(folder: LabelledFolder, split: str, *, per_class: int, seed: int) -> Patches:
    """Squares of 32x32 pixels more than half of which one class fills, at most so many of each class.

    Where they lie follows from `seed` alone.

    Raises:
        DataError: the folder is not as it should be.
    """
    rng = np.random.default_rng(seed)
    found: dict[int, list[np.ndarray]] = {}
    for name in folder.names(split):
        for label, square in _squares(folder.read(name), rng):
            found.setdefault(label, []).append(square)
    chosen: list[np.ndarray] = []
    labels: list[int] = []
    for label, squares in sorted(found.items()):
        kept = rng.permutation(len(squares))[:per_class]
        chosen += [squares[index] for index in kept]
        labels += [label] * len(kept)
    pixels = torch.from_numpy(np.stack(chosen)).permute(0, 3, 1, 2).float()
    return Patches(images=(pixels - 110) / 60, labels=torch.tensor(labels))


def _squares(sample: Sample, rng: np.random.Generator) -> list[tuple[int, np.ndarray]]:
    height, width = sample.labels.shape
    found = []
    for top, left in zip(
        rng.integers(0, height - SIDE + 1, TRIES), rng.integers(0, width - SIDE + 1, TRIES), strict=True
    ):
        window = np.s_[top : top + SIDE, left : left + SIDE]
        counts = np.bincount(sample.labels[window].ravel(), minlength=VOID + 1)[:VOID]
        if counts.max() > SIDE * SIDE / 2:
            found.append((int(counts.argmax()), sample.image[window].copy()))
    return found
