"""One labelled image in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VOID = 255
"""The label that stands for "not labelled": no loss, no score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An image (H, W, 3) uint8 RGB with its labels (H, W) uint8: class ids, or `VOID`."""

    name: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
