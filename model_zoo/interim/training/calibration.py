"""How far confidence can be believed: the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Pixels of about one confidence: their share of all, their mean confidence, how many are right."""

    share: float
    confidence: float
    accuracy: float


class Calibration:
    """Counts how often predictions of each confidence are right (Guo et al. 2017, section 3)."""

    def __init__(self) -> None:
        self._pixels = np.zeros(BINS)
        self._confidence = np.zeros(BINS)
        self._right = np.zeros(BINS)

    def add(self, confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> None:
        """Count pixels: their confidence in 0 to 1, and whether the predicted class was the true one."""
        bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
        self._pixels += np.bincount(bins, minlength=BINS)
        self._confidence += np.bincount(bins, weights=confidence, minlength=BINS)
        self._right += np.bincount(bins, weights=right, minlength=BINS)

    @property
    def bins(self) -> tuple[Bin, ...]:
        """The bins that hold pixels, by confidence."""
        total = self._pixels.sum()
        rows = zip(self._pixels.tolist(), self._confidence.tolist(), self._right.tolist(), strict=True)
        return tuple(
            Bin(share=pixels / total, confidence=confidence / pixels, accuracy=right / pixels)
            for pixels, confidence, right in rows
            if pixels
        )

    @property
    def error(self) -> float:
        """The mean distance between confidence and accuracy over all pixels, in 0 to 1; nan without any."""
        total = self._pixels.sum()
        return float(np.abs(self._confidence - self._right).sum() / total) if total else float("nan")
