"""A folder of one's own: images/, masks/ or labels/, a file of classes, and lists of names if there are any."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from interim.training.data.classes_file import NAMES, read_legend
from interim.training.data.errors import DataError
from interim.training.data.layout import Pair, read_list
from interim.training.data.pixels import SUFFIXES, stems

if TYPE_CHECKING:
    from pathlib import Path

    from interim.training.data.legend import Legend

FOLDERS = ("labels", "masks")
VAL_SHARE = 0.2


@dataclass(frozen=True)
class Own:
    """The layout of such a folder.

    SPLIT.txt lists the names of a split, one a line. Without train.txt and val.txt both are made of the
    images that no other list names: `val`, a fifth of them drawn by their names (so it stays when others
    are added or renamed), and `train`.
    """

    root: Path

    def splits(self) -> tuple[str, ...]:
        """See `Layout`."""
        return tuple(sorted({*self._lists, *self._drawn}))

    def names(self, split: str) -> tuple[str, ...]:
        """See `Layout`."""
        return read_list(self._lists[split]) if split in self._lists else self._drawn_names(split)

    def pair(self, name: str) -> Pair:
        """See `Layout`."""
        if name not in self._images:
            where = self.root / "images"
            raise DataError(f"There is no image {name!r} in {where} ({', '.join(SUFFIXES)}).")
        return Pair(self._images[name], self._masks.get(name, self.masks / f"{name}.png"))

    @cached_property
    def masks(self) -> Path:
        """The folder of the label files."""
        there = [self.root / name for name in FOLDERS if (self.root / name).is_dir()]
        if len(there) != 1:
            found = "both labels/ and masks/" if there else "neither labels/ nor masks/"
            raise DataError(f"{self.root} has {found}: keep one PNG per image in one of the two.")
        return there[0]

    @cached_property
    def _images(self) -> dict[str, Path]:
        return stems(self.root / "images")

    @cached_property
    def _masks(self) -> dict[str, Path]:
        return stems(self.masks)

    @cached_property
    def _lists(self) -> dict[str, Path]:
        return {path.stem: path for path in self.root.glob("*.txt") if path.name not in NAMES}

    @property
    def _drawn(self) -> tuple[str, ...]:
        """The splits that are made where the folder names neither of them."""
        return () if {"train", "val"} & self._lists.keys() else ("train", "val")

    def _drawn_names(self, split: str) -> tuple[str, ...]:
        """The images of one of the two splits that are made."""
        listed = {name for path in self._lists.values() for name in read_list(path)}
        images = [name for name in self._images if name not in listed]
        if len(images) < 2:
            raise DataError(f"{self.root / 'images'} holds {len(images)} images: training needs at least 2.")
        bare = [name for name in images if name not in self._masks]
        if bare:
            way = f"add {self.masks / bare[0]}.png, or list the images to use in {self.root / 'train.txt'}"
            raise DataError(f"{len(bare)} of {len(images)} images have no labels: {way}.")
        count = max(1, round(VAL_SHARE * len(images)))
        val = set(sorted(images, key=lambda name: hashlib.sha256(name.encode()).digest())[:count])
        return tuple(name for name in images if (name in val) == (split == "val"))


def own(root: Path) -> tuple[Legend, Own] | None:
    """The legend and the layout of a folder that holds images/; None where it does not.

    Raises:
        DataError: it does, but what goes with it is missing or wrong.
    """
    if not (root / "images").is_dir():
        return None
    return read_legend(root), Own(root)
