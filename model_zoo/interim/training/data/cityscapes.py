"""Cityscapes: leftImg8bit/ and gtFine/, 19 classes for training (Cordts et al., 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.anytime import ClassSpec
from interim.training.data.errors import DataError
from interim.training.data.layout import Listed, Pair
from interim.training.data.legend import Legend
from interim.training.data.sample import VOID

if TYPE_CHECKING:
    from pathlib import Path

SPLITS = ("train", "val", "test")
IMAGES, LABELS = "leftImg8bit", "gtFine"

CLASSES = (
    (7, ClassSpec("road", (128, 64, 128))),
    (8, ClassSpec("sidewalk", (244, 35, 232))),
    (11, ClassSpec("building", (70, 70, 70))),
    (12, ClassSpec("wall", (102, 102, 156))),
    (13, ClassSpec("fence", (190, 153, 153))),
    (17, ClassSpec("pole", (153, 153, 153))),
    (19, ClassSpec("traffic light", (250, 170, 30))),
    (20, ClassSpec("traffic sign", (220, 220, 0))),
    (21, ClassSpec("vegetation", (107, 142, 35))),
    (22, ClassSpec("terrain", (152, 251, 152))),
    (23, ClassSpec("sky", (70, 130, 180))),
    (24, ClassSpec("person", (220, 20, 60))),
    (25, ClassSpec("rider", (255, 0, 0))),
    (26, ClassSpec("car", (0, 0, 142))),
    (27, ClassSpec("truck", (0, 0, 70))),
    (28, ClassSpec("bus", (0, 60, 100))),
    (31, ClassSpec("train", (0, 80, 100))),
    (32, ClassSpec("motorcycle", (0, 0, 230))),
    (33, ClassSpec("bicycle", (119, 11, 32))),
)
"""The label ids that are trained on, in the order of their train ids."""

LABEL_IDS = 34
"""Label ids go from 0 to 33 (and -1, the licence plate, stored as 255); the others are not evaluated."""


def cityscapes(root: Path) -> tuple[Legend, Listed] | None:
    """The legend and the layout of a folder that holds leftImg8bit/ and gtFine/; None where it does not.

    Label files are `*_gtFine_labelTrainIds.png` where a split has them, else `*_gtFine_labelIds.png`:
    one kind for the whole data set. A name is CITY/CITY_SEQUENCE_FRAME.

    Raises:
        DataError: an image has no labels.
    """
    if not ((root / IMAGES).is_dir() and (root / LABELS).is_dir()):
        return None
    trained = any((root / LABELS).glob("*/*/*_labelTrainIds.png"))
    classes = tuple(each for _, each in CLASSES)
    if trained:
        values = {index: index for index in range(len(classes))}
    else:
        values = dict.fromkeys(range(LABEL_IDS), VOID) | {
            ids: place for place, (ids, _) in enumerate(CLASSES)
        }
    legend = Legend(classes=classes, values=values | {VOID: VOID}, home="Cityscapes' list of labels")
    kind = "labelTrainIds" if trained else "labelIds"
    splits = [split for split in SPLITS if (root / IMAGES / split).is_dir()]
    return legend, Listed({split: _pairs(root, split, kind) for split in splits})


def _pairs(root: Path, split: str, kind: str) -> dict[str, Pair]:
    pairs = {}
    for image in sorted((root / IMAGES / split).glob(f"*/*_{IMAGES}.*")):
        stem = image.stem.removesuffix(f"_{IMAGES}")
        labels = root / LABELS / split / image.parent.name / f"{stem}_{LABELS}_{kind}.png"
        if not labels.is_file():
            raise DataError(f"{image} has no labels: there is no file {labels}.")
        pairs[f"{image.parent.name}/{stem}"] = Pair(image, labels)
    return pairs
