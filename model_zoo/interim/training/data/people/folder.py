"""A folder of people: images/, and one annotation file for each split."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.model_zoo.anytime import ClassSpec
from interim.training.data.errors import DataError
from interim.training.data.people.files import open_people

if TYPE_CHECKING:
    from pathlib import Path

    from interim.training.data.people.person import People, Person, Skeleton

GOLDEN = 0.618034


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleFolder:
    """Annotated people; `classes` are their joints."""

    root: Path
    skeleton: Skeleton

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """The joints in the order of the annotation, in colours far apart."""
        return tuple(ClassSpec(name, _color(index)) for index, name in enumerate(self.skeleton.joints))

    def people(self, split: str) -> tuple[Person, ...]:
        """The people of one split, in order.

        Raises:
            DataError: there is no such split, it is empty, or its joints are not those of the folder.
        """
        found = _read(self.root, split)
        if found.skeleton.joints != self.skeleton.joints:
            raise DataError(f"The joints of {self.root / split} differ from those of the other splits.")
        if not found.people:
            raise DataError(f"The split {split!r} of {self.root} is empty: it needs at least one person.")
        return found.people


def open_people_folder(root: Path, split: str = "train") -> PeopleFolder:
    """A folder with images/ and SPLIT.json (or .mat) in a format that `open_people` knows.

    Raises:
        DataError: the folder, the split or an image is missing, or the annotations cannot be read.
    """
    return PeopleFolder(root=root, skeleton=_read(root, split).skeleton)


def _read(root: Path, split: str) -> People:
    for suffix in (".json", ".mat"):
        source = root / f"{split}{suffix}"
        if source.is_file():
            return open_people(source, root / "images")
    raise DataError(
        f"There is no {root / split}.json: a folder of people holds images/ and a file per split."
    )


def _color(index: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(index * GOLDEN % 1, 0.7, 0.95)
    return int(255 * red), int(255 * green), int(255 * blue)
