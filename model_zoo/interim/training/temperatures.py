"""The temperature of each exit, fitted on labelled images the model was not trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from interim.model_zoo.anytime import finish
from interim.model_zoo.temperature import temper
from interim.training.data.sample import VOID, shrunk
from interim.training.evaluation import padded

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.data.folder import LabelledFolder
    from interim.training.data.sample import Sample

PIXELS = 2000
"""Pixels drawn from each image: neighbours say nearly the same."""

RANGE = (0.05, 20.0)
TURNS = 48
GOLDEN = (5**0.5 - 1) / 2


def fit_temperatures(model: AnytimeHrnet, folder: LabelledFolder, split: str) -> tuple[float, ...]:
    """One temperature per exit: that of the least negative log likelihood on pixels of a split.

    The model is run as it is and left tempered. With confidence adaptivity on, an exit's temperature is
    fitted on the pixels it refines, after those of the exits before have been applied: the others keep
    the logits they have, whose temperature is settled.

    Raises:
        DataError: the folder is not as it should be.
    """
    temperatures = [1.0] * len(model.spec.exits)
    for index in tqdm(range(len(temperatures)), "temperatures", disable=None, leave=False):
        drawn = [_drawn(model, index + 1, folder.read(name)) for name in folder.names(split)]
        logits, labels = (torch.cat(column) for column in zip(*drawn, strict=True))
        temperatures[index] = best_temperature(logits, labels)
        temper(
            model, [1.0] * index + temperatures[index : index + 1] + [1.0] * (len(temperatures) - index - 1)
        )
    return tuple(temperatures)


def _drawn(model: AnytimeHrnet, exit_: int, whole: Sample) -> tuple[Tensor, Tensor]:
    """Of pixels drawn from one image that an exit refines: its logits (N, C), their labels (N,) int64."""
    sample = shrunk(whole, model.spec.long_side)
    images = padded(sample.image, model.spec.multiple)
    with torch.inference_mode():
        before = None
        state = model.start(images)
        for stage in range(1, exit_ + 1):
            before = state.prediction
            state = finish(model.stage(stage, state))
    assert state.prediction is not None
    known = sample.labels != VOID
    if model.masking and before is not None:
        known &= _covering(before.active[0].numpy(), model.spec.stride, known.shape)
    places = np.flatnonzero(known)
    chosen = np.random.default_rng(0).choice(places, min(PIXELS, len(places)), replace=False)
    rows, columns = np.divmod(chosen, known.shape[1])
    labels = torch.from_numpy(sample.labels[rows, columns].astype(np.int64))
    found = _at(state.prediction.logits, _places(rows, columns, (images.shape[2], images.shape[3])))
    return found, labels


def _covering(coarse: NDArray[np.bool_], stride: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Positions as the pixels they cover."""
    return coarse.repeat(stride, 0).repeat(stride, 1)[: shape[0], : shape[1]]


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
