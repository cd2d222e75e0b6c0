"""The temperature of each exit, fitted on labelled images the model was not trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from interim.training.data.sample import VOID, shrunk
from interim.training.evaluation import padded, run_exits

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.data.folder import LabelledFolder

PIXELS = 2000
"""Pixels drawn from each image: neighbours say nearly the same."""

RANGE = (0.05, 20.0)
TURNS = 48
GOLDEN = (5**0.5 - 1) / 2


def fit_temperatures(
    model: AnytimeHrnet, folder: LabelledFolder, split: str, *, threshold: float = 1.0
) -> tuple[float, ...]:
    """One temperature per exit: that of the least negative log likelihood on pixels of a split.

    The model is run with masking off, so that every exit answers everywhere itself; an exit's
    temperature is then fitted on the pixels that all exits before leave active at `threshold` (1: on
    all), for these are the ones it will be asked about.

    Raises:
        DataError: the folder is not as it should be.
    """
    masking, model.masking = model.masking, False
    logits, labels = _collect(model, folder, split)
    model.masking = masking
    temperatures = []
    active = torch.ones_like(labels, dtype=torch.bool)
    for found in logits:
        temperatures.append(best_temperature(found[active], labels[active]))
        active &= (found / temperatures[-1]).softmax(1).amax(1) <= threshold
    return tuple(temperatures)


def _collect(model: AnytimeHrnet, folder: LabelledFolder, split: str) -> tuple[list[Tensor], Tensor]:
    """Of pixels drawn from every image: each exit's logits (N, C), and the labels (N,) int64."""
    logits: list[list[Tensor]] = [[] for _ in model.spec.exits]
    labels = []
    for index, name in enumerate(tqdm(folder.names(split), "temperatures", disable=None, leave=False)):
        sample = shrunk(folder.read(name), model.spec.long_side)
        known = np.flatnonzero(sample.labels != VOID)
        count = min(PIXELS, len(known))
        chosen = np.random.default_rng(index).choice(known, count, replace=False)
        labels.append(torch.from_numpy(sample.labels.ravel()[chosen].astype(np.int64)))
        rows, columns = np.divmod(chosen, sample.labels.shape[1])
        images = padded(sample.image, model.spec.multiple)
        places = _places(rows, columns, (images.shape[2], images.shape[3]))
        for found, prediction in zip(logits, run_exits(model, images), strict=True):
            found.append(_at(prediction.logits, places))
    return [torch.cat(found) for found in logits], torch.cat(labels)


def best_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature whose softmax fits best: `logits` (N, C), `labels` (N,) int64; 1 where N is 0.

    The likelihood is concave in the inverse of the temperature, so a golden section over its
    logarithm finds the one maximum within `RANGE`.
    """
    if not len(labels):
        return 1.0

    def loss(log: float) -> float:
        return F.cross_entropy(logits / float(np.exp(log)), labels).item()

    low, high = (float(np.log(end)) for end in RANGE)
    near, far = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_near, at_far = loss(near), loss(far)
    for _ in range(TURNS):
        if at_near < at_far:
            high, far, at_far = far, near, at_near
            near = high - GOLDEN * (high - low)
            at_near = loss(near)
        else:
            low, near, at_near = near, far, at_far
            far = low + GOLDEN * (high - low)
            at_far = loss(far)
    return round(float(np.exp((low + high) / 2)), 4)


def _places(rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Pixels as (1, 1, N, 2) places x, y in -1 to 1 of an image of `size`."""
    grid = np.stack([(2 * columns + 1) / size[1] - 1, (2 * rows + 1) / size[0] - 1], -1)
    return torch.from_numpy(grid.astype(np.float32))[None, None]


def _at(logits: Tensor, places: Tensor) -> Tensor:
    """Logits (1, C, h, w) interpolated bilinearly at places: (N, C) float32."""
    found = F.grid_sample(logits.float(), places, "bilinear", "border", align_corners=False)
    return found[0, :, 0].T.contiguous()
