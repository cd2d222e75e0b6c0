"""From a recipe and its data to lessons: files read, checked and kept in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tqdm import tqdm

from interim.training.data.batches import Batches
from interim.training.data.crops import CropRule
from interim.training.data.folder import LabelledFolder, open_folder
from interim.training.data.people.batches import PeopleBatches
from interim.training.data.people.crops import PersonRule, portrait
from interim.training.data.people.folder import PeopleFolder, open_people_folder
from interim.training.data.sample import Sample
from interim.training.data.samples import Samples
from interim.training.lessons import PixelLessons, PoseLessons
from interim.training.losses import class_weights
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
    scenes = [_scene(recipe, index) for index in tqdm(range(recipe.scenes), "scenes", disable=None)]
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


def _scene(recipe: Recipe, index: int) -> Sample:
    image, labels = draw(recipe.seed * 100_000 + index, *SCENE_SIZE)
    return Sample(name=f"scene {index}", image=image, labels=labels)


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
