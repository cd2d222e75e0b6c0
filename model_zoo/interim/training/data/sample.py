"""One labelled image in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOID = 255
"""The label that stands for "not labelled": no loss, no score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An image (H, W, 3) uint8 RGB with its labels (H, W) uint8: class ids, or `VOID`."""

    name: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def shrunk(sample: Sample, long_side: int) -> Sample:
    """The sample with its longer side at most `long_side` pixels: bilinear colours, nearest labels."""
    height, width = sample.labels.shape
    scale = long_side / max(height, width)
    if scale >= 1:
        return sample
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(sample.image).resize(size, Image.Resampling.BILINEAR)
    labels = Image.fromarray(sample.labels).resize(size, Image.Resampling.NEAREST)
    return Sample(name=sample.name, image=np.asarray(image), labels=np.asarray(labels))
