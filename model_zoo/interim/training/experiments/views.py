"""A data set small enough to try methods on: images of one small size in memory, and windows of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from interim.model_zoo.networks.staged import normalised
from interim.training.data.sample import VOID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from interim.training.data.folder import LabelledFolder

HEIGHT, WIDTH = 192, 256
CROP = (96, 128)
ZOOM = (0.6, 1.6)
GAIN = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """`images` (N, 3, H, W) uint8 RGB and `labels` (N, H, W) uint8, class ids or 255, all of one size."""

    images: Tensor
    labels: Tensor


def views(folder: LabelledFolder, split: str, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Views:
    """Every image of a split, scaled to `size` (height, width): bilinear colours, nearest labels.

    Raises:
        DataError: the folder is not as it should be.
    """
    images, labels = [], []
    wanted = (size[1], size[0])
    for name in folder.names(split):
        sample = folder.read(name)
        image = Image.fromarray(sample.image).resize(wanted, Image.Resampling.BILINEAR)
        images.append(np.asarray(image).transpose(2, 0, 1))
        labels.append(np.asarray(Image.fromarray(sample.labels).resize(wanted, Image.Resampling.NEAREST)))
    return Views(images=torch.from_numpy(np.stack(images)), labels=torch.from_numpy(np.stack(labels)))


def windows(
    data: Views, step: int, *, batch: int, seed: int, crop: tuple[int, int] = CROP
) -> tuple[Tensor, Tensor]:
    """One step's crops, float32 (N, 3, h, w) normalised and uint8 (N, h, w): they follow from seed and step alone.

    Windows of one zoom a step, mirrored half of the time, of random brightness.
    """
    rng = np.random.default_rng([seed, step])
    zoom = np.exp(rng.uniform(*np.log(ZOOM)))
    height, width = (
        min(whole, round(side / zoom)) for whole, side in zip(data.labels.shape[1:], crop, strict=True)
    )
    images, labels = [], []
    for row in rng.integers(0, len(data.labels), batch).tolist():
        top = int(rng.integers(0, data.labels.shape[1] - height + 1))
        left = int(rng.integers(0, data.labels.shape[2] - width + 1))
        window = np.s_[row, ..., top : top + height, left : left + width]
        mirrored = [-1] if rng.random() < 0.5 else []
        images.append(data.images[window].float().flip(mirrored) * rng.uniform(1 - GAIN, 1 + GAIN))
        labels.append(data.labels[window].flip(mirrored))
    scaled = F.interpolate(torch.stack(images), size=crop, mode="bilinear", align_corners=False)
    ids = F.interpolate(torch.stack(labels)[:, None], size=crop, mode="nearest")[:, 0]
    return normalised(scaled), ids


def confusions(answers: Callable[[Tensor], Sequence[Tensor]], data: Views, classes: int) -> NDArray[np.int64]:
    """What several exits answer to every image: (exits, images, classes, classes) pixels, true by predicted.

    Args:
        answers: From images (N, 3, H, W) uint8 to each exit's logits (N, classes, h, w), enlarged to the
            labels' size here.
        data: What to measure on.
        classes: How many there are.
    """
    found = []
    with torch.inference_mode():
        for images, labels in zip(torch.split(data.images, 1), torch.split(data.labels, 1), strict=True):
            known = labels != VOID
            truth = labels[known].long() * classes
            row = []
            for logits in answers(images):
                fine = F.interpolate(logits, size=labels.shape[1:], mode="bilinear", align_corners=False)
                pairs = torch.bincount(truth + fine.argmax(1)[known], minlength=classes**2)
                row.append(pairs.reshape(classes, classes).numpy())
            found.append(np.stack(row))
    return np.stack(found, 1)
