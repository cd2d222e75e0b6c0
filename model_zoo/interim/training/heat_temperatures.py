"""The temperature of each exit of a pose model: what makes heat at a joint mean the same at all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from interim.model_zoo.temperature import temper
from interim.training.evaluation import run_exits
from interim.training.pose_evaluation import batched, crops_of

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.data.people.crops import PersonCrop
    from interim.training.data.people.folder import PeopleFolder

MISSED = 0.1
"""The share of joints whose heat is lower than what exits are made alike by."""

RANGE = (0.01, 100.0)
"""Of temperatures, as an exit may find no joint at all."""


def fit_heat_temperatures(model: AnytimeHrnet, folder: PeopleFolder, split: str) -> tuple[float, ...]:
    """By exit: the heat that there is at nine of ten annotated joints, as a share of the last exit's.

    Squared errors teach an exit to give less heat the less it knows where a joint is, so that one threshold
    would leave out more joints the earlier the exit. Divided by these it leaves out about as many at each.
    Every position is computed; the model is left tempered.

    Raises:
        DataError: the folder is not as it should be, or has other joints than the model.
    """
    masking, model.masking = model.masking, False
    found: list[list[Tensor]] = [[] for _ in model.spec.exits]
    for crops, images in batched(crops_of(model.spec, folder, split)):
        for heats, prediction in zip(found, run_exits(model, images), strict=True):
            heats.append(_at_joints(prediction.confidence, crops, model.spec.stride))
    model.masking = masking
    reached = [torch.cat(heats).quantile(MISSED).item() for heats in found]
    last = reached[-1] or 1.0
    temperatures = (*(round(min(max(heat / last, RANGE[0]), RANGE[1]), 4) for heat in reached[:-1]), 1.0)
    temper(model, temperatures)
    return temperatures


def _at_joints(heat: Tensor, crops: list[PersonCrop], stride: int) -> Tensor:
    """What a mask is judged by, (N, h, w), in the cells of all known joints: (joints,)."""
    xy, known = np.stack([crop.xy for crop in crops]), np.stack([crop.known for crop in crops])
    cells = np.floor((xy + 0.5) / stride).astype(np.int64)
    columns = cells[..., 0].clip(0, heat.shape[2] - 1)
    rows = cells[..., 1].clip(0, heat.shape[1] - 1)
    return heat[np.nonzero(known)[0], rows[known], columns[known]]
