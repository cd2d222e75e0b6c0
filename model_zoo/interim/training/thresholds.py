"""The confidence threshold: quality against work along a curve, and the point to serve."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tqdm import tqdm

from interim.training.measuring import evaluated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.model_zoo.card import Measured
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.evaluation import Evaluation
    from interim.training.material import Data

THRESHOLDS = (0.7, 0.8, 0.9, 0.95, 0.98, 0.995)
HEATS = (0.02, 0.03, 0.04, 0.05, 0.07, 0.1)
"""Of pose models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One threshold with what was found there."""

    threshold: float
    found: Evaluation

    @property
    def share(self) -> float:
        """The mean active share of the stages after the first."""
        shares = self.found.measured.active_share[1:]
        return sum(shares) / len(shares) if shares else 1.0


def threshold_curve(
    model: AnytimeHrnet, data: Data, split: str, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[Point, ...]:
    """Evaluate a model with confidence adaptivity on, at each threshold from the lowest to the highest.

    Raises:
        DataError: the data is not as it should be.
    """
    points = []
    before = model.spec
    for threshold in tqdm(sorted(thresholds), "thresholds", disable=None, leave=False):
        model.spec = dataclasses.replace(before, threshold=threshold)
        points.append(Point(threshold=threshold, found=evaluated(model, data, split)))
    model.spec = before
    return tuple(points)


def choose(points: Sequence[Point], dense: Measured, *, within: float) -> Point:
    """The point of least work whose last exit loses at most `within` (in mIoU or PCK) against computing all.

    Where none keeps that, the one with the best last exit.
    """
    good = [point for point in points if point.found.measured.miou[-1] >= dense.miou[-1] - within]
    if not good:
        return max(points, key=lambda point: point.found.measured.miou[-1])
    return min(good, key=lambda point: point.found.measured.gmacs[-1])
