"""From data to lessons: what is drawn beside it speaks of the same classes."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interim.training.data.errors import DataError
from interim.training.data.folder import open_folder
from interim.training.data.sample import VOID
from interim.training.lessons import PixelLessons
from interim.training.material import SCENE_SIZE, lessons_of
from interim.training.recipe import Recipe
from interim.training.scenes.labels import Label
from interim.training.scenes.scene import draw


@pytest.fixture
def folder(scenes: Path, tmp_path: Path) -> Path:
    """A copy of the scenes, every pixel of class 0."""
    root = shutil.copytree(scenes, tmp_path / "data")
    for path in (root / "labels").iterdir():
        Image.new("L", (128, 96)).save(path)
    return root


def named(root: Path, *names: str) -> None:
    """Give a folder's classes these names."""
    entries = [{"id": index, "name": name, "color": [index] * 3} for index, name in enumerate(names)]
    (root / "classes.json").write_text(json.dumps({"classes": entries}))


def test_drawn_scenes_take_the_classes_of_the_data(folder: Path, recipe: Recipe) -> None:
    """By name; what the data does not know is not labelled there."""
    named(folder, "dog", "ROAD", "sky")
    lessons = lessons_of(dataclasses.replace(recipe, scenes=1), open_folder(folder))
    assert isinstance(lessons, PixelLessons)
    (scene,) = lessons.batches.scenes
    drawn = draw(recipe.seed * 100_000, *SCENE_SIZE)[1]
    assert ((scene.labels == 1) == (drawn == Label.ROAD)).all()
    assert ((scene.labels == 2) == (drawn == Label.SKY)).all()
    assert set(np.unique(scene.labels)) <= {1, 2, VOID}


def test_scenes_that_share_no_class_are_refused(folder: Path, recipe: Recipe) -> None:
    """They would teach nothing."""
    named(folder, "dog", "cat")
    with pytest.raises(DataError, match=r"none of the classes of drawn scenes .*leave out `scenes`"):
        lessons_of(dataclasses.replace(recipe, scenes=1), open_folder(folder))


def test_data_without_a_label_is_refused(folder: Path, recipe: Recipe) -> None:
    """There is nothing to learn from it."""
    for path in (folder / "labels").iterdir():
        Image.new("L", (128, 96), VOID).save(path)
    with pytest.raises(DataError, match=r"No pixel of the split 'train' of .* is labelled"):
        lessons_of(recipe, open_folder(folder))
