"""PASCAL VOC: JPEGImages/, SegmentationClass/, ImageSets/Segmentation/ (Everingham et al., 2010)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.model_zoo.anytime import ClassSpec
from interim.training.data.errors import DataError
from interim.training.data.layout import Pair, read_list
from interim.training.data.legend import Color, Legend
from interim.training.data.sample import VOID

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
BORDER: Color = (224, 224, 192)
"""The colour of a pixel that is not labelled, where label files bear colours."""


@dataclass(frozen=True, slots=True)
class Voc:
    """The layout of one year's folder."""

    root: Path

    def splits(self) -> tuple[str, ...]:
        """See `Layout`."""
        return tuple(sorted(path.stem for path in (self.root / "ImageSets" / "Segmentation").glob("*.txt")))

    def names(self, split: str) -> tuple[str, ...]:
        """See `Layout`."""
        lines = read_list(self.root / "ImageSets" / "Segmentation" / f"{split}.txt")
        return tuple(line.split()[0] for line in lines)

    def pair(self, name: str) -> Pair:
        """See `Layout`."""
        image = self.root / "JPEGImages" / f"{name}.jpg"
        if not image.is_file():
            raise DataError(f"There is no image {name!r}: no file {image}.")
        return Pair(image, self.root / "SegmentationClass" / f"{name}.png")


def voc(root: Path) -> tuple[Legend, Voc] | None:
    """The legend and the layout of VOCdevkit/, VOC2012/ or a folder like it; None for others.

    In VOCdevkit the latest year with segmentation counts.
    """
    homes = [path for path in (root, *sorted(root.glob("VOC20*"), reverse=True)) if _is_home(path)]
    if not homes:
        return None
    classes = tuple(ClassSpec(name, palette_color(index)) for index, name in enumerate(NAMES))
    legend = Legend(
        classes=classes,
        values={index: index for index in range(len(NAMES))} | {VOID: VOID},
        colors={each.color: index for index, each in enumerate(classes)} | {BORDER: VOID},
        home="PASCAL VOC's list of classes",
    )
    return legend, Voc(homes[0])


def palette_color(index: int) -> Color:
    """The colour of a class in VOC's palette: the index's bits dealt out to red, green and blue in turn."""
    levels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            levels[channel] |= (index >> (3 * place + channel) & 1) << (7 - place)
    return levels[0], levels[1], levels[2]


def _is_home(path: Path) -> bool:
    return (path / "JPEGImages").is_dir() and (path / "SegmentationClass").is_dir()
