"""CamVid as it is handed around: SegNet's folders of class ids, or folders of colours with a table.

Brostow, Fauqueur, Cipolla, "Semantic object classes in video" (2009); the eleven classes are those of
Badrinarayanan et al., "SegNet" (2015).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.training.data.classes_file import read_legend
from interim.training.data.errors import DataError
from interim.training.data.layout import Listed, Pair
from interim.training.data.legend import Legend
from interim.training.data.pixels import stems
from interim.training.data.sample import VOID
from interim.training.scenes.labels import CLASSES

if TYPE_CHECKING:
    from pathlib import Path

SPLITS = ("train", "val", "test")

UNLABELLED = 11


def camvid(root: Path) -> tuple[Legend, Listed] | None:
    """The legend and the layout of SPLIT/ with SPLITannot/ (ids) or SPLIT_labels/ (colours); None for others.

    Raises:
        DataError: an image has no labels, or the table of colours is missing or wrong.
    """
    if (root / "trainannot").is_dir():
        values = {index: index for index in range(UNLABELLED)} | {UNLABELLED: VOID, VOID: VOID}
        legend = Legend(classes=CLASSES, values=values, home="SegNet's list of 11 classes")
        return legend, _listed(root, "{}annot")
    if (root / "train_labels").is_dir():
        return read_legend(root), _listed(root, "{}_labels")
    return None


def _listed(root: Path, labels: str) -> Listed:
    splits = [split for split in SPLITS if (root / split).is_dir() and (root / labels.format(split)).is_dir()]
    return Listed({split: _pairs(root / split, root / labels.format(split)) for split in splits})


def _pairs(images: Path, labels: Path) -> dict[str, Pair]:
    files = stems(labels)
    pairs = {}
    for name, image in stems(images).items():
        found = files.get(name) or files.get(f"{name}_L")
        if found is None:
            raise DataError(
                f"{image} has no labels: there is neither {name}.png nor {name}_L.png in {labels}."
            )
        pairs[name] = Pair(image, found)
    return pairs
