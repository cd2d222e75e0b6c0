"""How good every exit of a pose model is on annotated people, and what it costs to reach it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm

from interim.model_zoo.card import PCK, Measured
from interim.model_zoo.joint_metrics import joint_hits, joint_pck, pck, person_pck
from interim.model_zoo.joints import joints_of
from interim.training.data.errors import DataError
from interim.training.data.people.crops import PersonRule, portrait, whole_crop
from interim.training.evaluation import Evaluation, run_exits, work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from interim.model_zoo.anytime import ModelSpec
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.data.people.crops import PersonCrop
    from interim.training.data.people.folder import PeopleFolder
    from interim.training.data.people.person import Person

BATCH = 16


def evaluate_pose(model: AnytimeHrnet, folder: PeopleFolder, split: str) -> Evaluation:
    """Run every person of a split through all exits of `model`: PCK at half of the torso, without flipping.

    A person is cut out by its annotated box with a margin, as a square of the model's `long_side`, and
    measured in that crop; a joint beyond the crop counts too. People without a torso (or MPII's head) to measure by are left out.

    Returns:
        `measured.miou` and `quality` are PCK over all joints, and the mean of each person's own; `classes`
        are joints. Confidence is a heat and no probability, so `measured.ece` and `bins` are empty.

    Raises:
        DataError: the folder is not as it should be, has other joints than the model, or nobody to measure.
    """
    side = model.spec.long_side
    crops = crops_of(model.spec, folder, split)
    found, actives = _found(model, crops)
    known = np.stack([crop.annotated for crop in crops])
    truth, lengths = np.stack([crop.xy for crop in crops]), np.array([crop.length for crop in crops])
    hits = [joint_hits(truth, xy, lengths) for xy in found]
    shares, gmacs = work(model, {(side, side): [actives[:-1]]})
    scores = np.array([person_pck(each, known) for each in hits])
    measured = Measured(
        split=split,
        images=len(crops),
        miou=tuple(pck(each, known) for each in hits),
        quality=tuple(float(np.nanmean(each)) for each in scores),
        ece=(),
        active_share=shares,
        gmacs=gmacs,
        metric=PCK,
    )
    return Evaluation(
        measured=measured,
        classes=np.stack([joint_pck(each, known) for each in hits]),
        scores=scores,
        shares=np.stack([mask.double().mean((1, 2)).numpy() for mask in actives]),
        bins=(),
    )


def crops_of(spec: ModelSpec, folder: PeopleFolder, split: str) -> list[PersonCrop]:
    """Everybody of a split who can be measured, as a square of the model's `long_side`.

    Raises:
        DataError: the folder is not as it should be, has other joints than the model, or nobody to measure.
    """
    rule = PersonRule(height=spec.long_side, width=spec.long_side)
    people = tqdm(_measurable(spec, folder, split), split, disable=None, leave=False)
    return [whole_crop(portrait(person, rule), rule) for person in people]


def batched(crops: Sequence[PersonCrop]) -> Iterator[tuple[list[PersonCrop], Tensor]]:
    """So many at a time, with their images (N, 3, H, W) uint8."""
    for first in tqdm(range(0, len(crops), BATCH), "people", disable=None, leave=False):
        some = list(crops[first : first + BATCH])
        pixels = np.stack([crop.image for crop in some])
        yield some, torch.from_numpy(pixels).permute(0, 3, 1, 2)


def _measurable(spec: ModelSpec, folder: PeopleFolder, split: str) -> list[Person]:
    if len(folder.classes) != len(spec.classes):
        counts = f"{len(folder.classes)} joints, but {spec.name} has {len(spec.classes)}"
        raise DataError(f"{folder.root} has {counts}: evaluate it on data with its own joints.")
    people = [each for each in folder.people(split) if each.length > 0]
    if not people:
        raise DataError(f"Nobody in the split {split!r} of {folder.root} has a torso to measure by.")
    return people


def _found(
    model: AnytimeHrnet, crops: Sequence[PersonCrop]
) -> tuple[list[NDArray[np.float32]], list[Tensor]]:
    """By exit: everybody's joints (people, joints, 2), and active positions (people, h, w) bool."""
    joints: list[list[Tensor]] = [[] for _ in model.spec.exits]
    actives: list[list[Tensor]] = [[] for _ in model.spec.exits]
    for _, images in batched(crops):
        for index, prediction in enumerate(run_exits(model, images)):
            joints[index].append(joints_of(prediction.logits, stride=model.spec.stride).xy)
            actives[index].append(prediction.active)
    return [torch.cat(each).numpy() for each in joints], [torch.cat(each) for each in actives]
