"""A folder of labelled images, whatever its layout: classes, splits, and samples by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.training.data.camvid import camvid
from interim.training.data.cityscapes import cityscapes
from interim.training.data.errors import DataError
from interim.training.data.own import own
from interim.training.data.pixels import read_pixels
from interim.training.data.sample import Sample
from interim.training.data.voc import voc

if TYPE_CHECKING:
    from pathlib import Path

    from interim.model_zoo.anytime import ClassSpec
    from interim.training.data.layout import Layout
    from interim.training.data.legend import Legend

LAYOUTS = (own, camvid, cityscapes, voc)
"""What a folder is tried as, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFolder:
    """Where labelled images lie, and which classes their labels name."""

    root: Path
    legend: Legend
    layout: Layout

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """The classes in order of their ids."""
        return self.legend.classes

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        return self.layout.splits()

    def names(self, split: str) -> tuple[str, ...]:
        """The images of one split, in order.

        Raises:
            DataError: there is no such split, or it is empty.
        """
        if split not in self.splits:
            there = ", ".join(self.splits) or "none"
            raise DataError(f"There is no split {split!r} in {self.root}; there are: {there}.")
        names = self.layout.names(split)
        if not names:
            raise DataError(f"The split {split!r} of {self.root} is empty: it needs at least one image.")
        return names

    def read(self, name: str) -> Sample:
        """One image and its labels, checked against each other and against the classes.

        Raises:
            DataError: a file is missing or corrupt, the sizes differ, or a label is no class.
        """
        pair = self.layout.pair(name)
        image, labels = read_pixels(pair.image), self.legend.read(pair.labels)
        if image.shape[:2] != labels.shape:
            sizes = [f"{a.shape[1]}x{a.shape[0]}" for a in (image, labels)]
            raise DataError(
                f"{pair.labels} is {sizes[1]} but its image is {sizes[0]}: the two must have one size."
            )
        return Sample(name=name, image=image, labels=labels)


def open_folder(root: Path) -> LabelledFolder:
    """A data set with its classes; images are read later, one by one.

    Known are a folder of one's own (images/, labels/ or masks/, a file of classes), CamVid (train/ with
    trainannot/ or train_labels/), Cityscapes (leftImg8bit/, gtFine/) and PASCAL VOC (JPEGImages/,
    SegmentationClass/, ImageSets/).

    Raises:
        DataError: the folder is missing, is none of these, or its classes are missing or wrong.
    """
    layout = "images/, labels/ (or masks/) and classes.json (or classes.txt)"
    if not root.is_dir():
        raise DataError(f"There is no folder {root}: name one that holds {layout}.")
    for find in LAYOUTS:
        found = find(root)
        if found is not None:
            return LabelledFolder(root=root, legend=found[0], layout=found[1])
    others = "CamVid (trainannot/), Cityscapes (leftImg8bit/) or PASCAL VOC (JPEGImages/)"
    raise DataError(f"{root} has no images/ and is not {others}: a data folder holds {layout}.")
