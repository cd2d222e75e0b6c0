"""What a data set holds: every file looked at once, classes counted, and what may surprise its owner."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from interim.training.data.sample import VOID
from interim.training.data.samples import Samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from interim.training.data.folder import LabelledFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSurvey:
    """One split: `pixels` and `images` (classes + 1,) int64 by class, the unlabelled last; `size` (h, w)."""

    split: str
    count: int
    pixels: NDArray[np.int64]
    images: NDArray[np.int64]
    size: tuple[int, int]


def survey(folder: LabelledFolder, split: str) -> SplitSurvey:
    """Read every image of a split, and count; `size` is the median height and width.

    Raises:
        DataError: a file is not as it should be.
    """
    classes = len(folder.classes)
    pixels, images = np.zeros(classes + 1, np.int64), np.zeros(classes + 1, np.int64)
    samples = Samples(folder, split, limit_bytes=0)
    heights, widths = [], []
    for sample in samples:
        found = np.bincount(sample.labels.ravel(), minlength=VOID + 1)
        count = np.append(found[:classes], found[VOID])
        pixels += count
        images += count > 0
        heights.append(sample.labels.shape[0])
        widths.append(sample.labels.shape[1])
    size = (int(median(heights)), int(median(widths)))
    return SplitSurvey(split=split, count=len(samples), pixels=pixels, images=images, size=size)


def warnings(folder: LabelledFolder, train: SplitSurvey, val: SplitSurvey) -> list[str]:
    """Sentences about what training would do silently: classes never seen, pixels never labelled, images listed twice."""
    said = _repeated(folder, train.split, val.split)
    for place, each in enumerate(folder.classes):
        if not train.images[place]:
            where = "has no pixel in train, so it is never learnt"
            also = " (255 means not labelled: where it is meant as a class, write NAME 255 in classes.txt)"
            said.append(f"{each.name} {where}{also if train.images[-1] and not val.images[place] else ''}.")
        elif not val.images[place]:
            said.append(f"{each.name} has no pixel in val, so nothing tells how well it is learnt.")
    if train.pixels[-1] > 0.5 * train.pixels.sum():
        share = 100 * train.pixels[-1] / train.pixels.sum()
        said.append(f"{share:.0f} % of train's pixels are not labelled: nothing is learnt from them.")
    return said


def _repeated(folder: LabelledFolder, train: str, val: str) -> list[str]:
    """What the lists of the two splits name more than once."""
    learnt, held = folder.names(train), folder.names(val)
    said = []
    for split, names in ((train, learnt), (val, held)):
        name, times = Counter(names).most_common(1)[0]
        if times > 1:
            said.append(f"{name} is listed {times} times in {split}: it counts as often.")
    both = sorted({*learnt} & {*held})
    if both:
        count = f"{len(both)} of {val}'s {len(held)} images are in {train} too ({both[0]})"
        said.append(f"{count}: how well they are answered says nothing of new ones.")
    return said
