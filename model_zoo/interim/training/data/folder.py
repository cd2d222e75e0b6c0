"""A folder of labelled images: images/, labels/, classes.json and one list of names per split."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError

from interim.model_zoo.anytime import ClassSpec
from interim.training.data.sample import VOID, Sample

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIXES = (".jpg", ".jpeg", ".png")


class DataError(ValueError):
    """A data folder is not as it should be; the message names the file, the rule and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFolder:
    """Where labelled images lie, and which classes their labels name."""

    root: Path
    classes: tuple[ClassSpec, ...]

    def names(self, split: str) -> tuple[str, ...]:
        """The names (file stems) that SPLIT.txt lists, one a line.

        Raises:
            DataError: there is no such list, or it is empty.
        """
        path = self.root / f"{split}.txt"
        if not path.is_file():
            there = ", ".join(sorted(found.stem for found in self.root.glob("*.txt"))) or "none"
            raise DataError(
                f"There is no split {split!r} in {self.root} (no {path.name}); there are: {there}."
            )
        names = tuple(path.read_text(encoding="utf-8").split())
        if not names:
            raise DataError(f"{path} is empty: list one image name (without suffix) a line.")
        return names

    def read(self, name: str) -> Sample:
        """One image and its labels, checked against each other and against the classes.

        Raises:
            DataError: a file is missing or corrupt, the sizes differ, or a label is no class.
        """
        path = self.root / "labels" / f"{name}.png"
        image = np.asarray(_opened(self._image(name)).convert("RGB"))
        labels = _label_ids(path)
        if image.shape[:2] != labels.shape:
            sizes = [f"{a.shape[1]}x{a.shape[0]}" for a in (image, labels)]
            raise DataError(f"{path} is {sizes[1]} but its image is {sizes[0]}: the two must have one size.")
        self._check_values(path, labels)
        return Sample(name=name, image=image, labels=labels)

    def _image(self, name: str) -> Path:
        for suffix in SUFFIXES:
            path = self.root / "images" / f"{name}{suffix}"
            if path.is_file():
                return path
        raise DataError(f"There is no image {name!r} in {self.root / 'images'} ({', '.join(SUFFIXES)}).")

    def _check_values(self, path: Path, labels: NDArray[np.uint8]) -> None:
        seen = np.bincount(labels.ravel(), minlength=VOID + 1)
        wrong = np.flatnonzero(seen[len(self.classes) : VOID]) + len(self.classes)
        if wrong.size:
            rule = f"the classes are 0 to {len(self.classes) - 1}, and {VOID} is void"
            raise DataError(f"{path} holds the label {wrong[0]}: {rule}.")


def open_folder(root: Path) -> LabelledFolder:
    """A data folder with its classes; images are read later, one by one.

    Raises:
        DataError: the folder or its classes.json is missing or wrong.
    """
    layout = "images/, labels/, classes.json and SPLIT.txt"
    if not root.is_dir():
        raise DataError(f"There is no folder {root}: name one that holds {layout}.")
    path = root / "classes.json"
    if not path.is_file():
        raise DataError(f"{root} has no classes.json: a data folder holds {layout}.")
    return LabelledFolder(root=root, classes=_read_classes(path))


def _read_classes(path: Path) -> tuple[ClassSpec, ...]:
    try:
        entries = sorted(
            json.loads(path.read_text(encoding="utf-8"))["classes"], key=lambda entry: entry["id"]
        )
        ids = [entry["id"] for entry in entries]
        classes = tuple(ClassSpec(str(entry["name"]), _color(entry["color"])) for entry in entries)
    except (ValueError, KeyError, TypeError) as error:
        shape = '{"classes": [{"id": 0, "name": "Sky", "color": [r, g, b]}, ...]}'
        raise DataError(f"{path} cannot be read ({error!r}): it must look like {shape}.") from error
    if not ids or ids != list(range(len(ids))):
        raise DataError(f"{path} has the class ids {ids}: they must count from 0 without a gap.")
    return classes


def _color(entry: list[int]) -> tuple[int, int, int]:
    red, green, blue = entry
    return int(red), int(green), int(blue)


def _opened(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.load()
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Warning) as error:
        raise DataError(f"{path} cannot be read as an image ({error}).") from error
    return image


def _label_ids(path: Path) -> NDArray[np.uint8]:
    image = _opened(path)
    if image.mode not in {"P", "L"}:
        raise DataError(f"{path} has mode {image.mode}: labels are 8-bit class ids (a palette or grey PNG).")
    return np.asarray(image, dtype=np.uint8)
