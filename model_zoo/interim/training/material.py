"""From a recipe and its data to lessons: files read, checked and kept in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from interim.training.data.batches import Batches
from interim.training.data.crops import CropRule
from interim.training.data.errors import DataError
from interim.training.data.folder import LabelledFolder, open_folder
from interim.training.data.people.batches import PeopleBatches
from interim.training.data.people.crops import PersonRule, portrait
from interim.training.data.people.folder import PeopleFolder, open_people_folder
from interim.training.data.sample import VOID, Sample
from interim.training.data.samples import Samples
from interim.training.lessons import PixelLessons, PoseLessons
from interim.training.losses import class_weights
from interim.training.scenes.labels import CLASSES
from interim.training.scenes.scene import draw

if TYPE_CHECKING:
    from pathlib import Path

    from interim.training.lessons import Lessons
    from interim.training.recipe import Recipe

SCENE_SIZE = (360, 480)

Data = LabelledFolder | PeopleFolder
"""A data folder of either task."""


def open_data(recipe: Recipe, root: Path) -> Data:
    """The data folder that a recipe's task is trained on.

    Raises:
        DataError: the folder is not as it should be.
    """
    return open_people_folder(root, recipe.split) if recipe.task == "pose" else open_folder(root)


def lessons_of(recipe: Recipe, data: Data) -> Lessons:
    """All lessons of a training; every file is read here.

    Raises:
        DataError: the split or one of its files is not as it should be.
    """
    return _people(recipe, data) if isinstance(data, PeopleFolder) else _pixels(recipe, data)


def _pixels(recipe: Recipe, data: LabelledFolder) -> PixelLessons:
    samples = Samples(data, recipe.split)
    if not any((sample.labels != VOID).any() for sample in samples):
        raise DataError(
            f"No pixel of the split {recipe.split!r} of {data.root} is labelled: nothing can be learnt."
        )
    scenes = _scenes(recipe, data) if recipe.scenes else []
    height, width = recipe.crop
    low, high = recipe.scales
    rule = CropRule(height=height, width=width, scales=(low, high), jitter=recipe.jitter)
    weights = class_weights(
        (sample.labels for sample in samples),
        len(data.classes),
        power=recipe.class_weight_power,
        cap=recipe.class_weight_cap,
    )
    batches = Batches(samples=samples, scenes=scenes, rule=rule, size=recipe.batch, seed=recipe.seed)
    return PixelLessons(batches=batches, weights=weights, overlap=recipe.overlap)


def _scenes(recipe: Recipe, data: LabelledFolder) -> list[Sample]:
    """Drawn scenes, in the data's classes: those of the same name (small and capital letters alike); others are void.

    Raises:
        DataError: no name agrees.
    """
    places = {each.name.lower(): index for index, each in enumerate(data.classes)}
    ids = np.array([places.get(each.name.lower(), VOID) for each in CLASSES], np.uint8)
    if (ids == VOID).all():
        names = ", ".join(each.name for each in CLASSES)
        raise DataError(f"{data.root} has none of the classes of drawn scenes ({names}): leave out `scenes`.")
    found = []
    for index in tqdm(range(recipe.scenes), "scenes", disable=None):
        image, labels = draw(recipe.seed * 100_000 + index, *SCENE_SIZE)
        found.append(Sample(name=f"scene {index}", image=image, labels=ids[labels]))
    return found


def _people(recipe: Recipe, data: PeopleFolder) -> PoseLessons:
    height, width = recipe.crop
    low, high = recipe.scales
    rule = PersonRule(
        height=height,
        width=width,
        scales=(low, high),
        turn_deg=recipe.turn_deg,
        shift=recipe.shift,
        jitter=recipe.jitter,
    )
    people = tqdm(data.people(recipe.split), recipe.split, disable=None, leave=False)
    batches = PeopleBatches(
        people=[portrait(person, rule) for person in people],
        flip=data.skeleton.flip,
        rule=rule,
        size=recipe.batch,
        seed=recipe.seed,
    )
    return PoseLessons(batches=batches, sigma=recipe.heat_sigma)
