"""What the next exit adds to one image, from what is known when it stands at an exit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from interim.model_zoo.card import Gain

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fit_gains(scores: NDArray[np.float64], shares: NDArray[np.float64]) -> tuple[Gain, ...]:
    """One line per exit but the last, fitted over images by least squares.

    `scores`, `shares` (exits, images): each image's own mIoU at, and its active share after, each exit;
    images without a score (nan) do not count. With fewer than three images, or shares all alike, a line
    is flat: the mean gain.
    """
    known = ~np.isnan(scores).any(0)
    return tuple(
        _line(exit_, shares[exit_ - 1, known], scores[exit_, known] - scores[exit_ - 1, known])
        for exit_ in range(1, len(scores))
    )


def _line(exit_: int, share: NDArray[np.float64], gain: NDArray[np.float64]) -> Gain:
    mean = float(gain.mean()) if gain.size else 0.0
    if gain.size < 3 or np.ptp(share) < 1e-6 or np.ptp(gain) < 1e-9:
        return Gain(exit=exit_, intercept=mean, slope=0.0, correlation=0.0)
    slope, intercept = np.polyfit(share, gain, 1)
    correlation = float(np.corrcoef(share, gain)[0, 1])
    return Gain(exit=exit_, intercept=float(intercept), slope=float(slope), correlation=correlation)
