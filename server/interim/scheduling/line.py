"""The cost of one stage at one size: a line in the active share, a curve over the batch, and a spread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from interim.scheduling.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEEP = 0.98  # what an old observation weighs after each new one: about the last 50 count
_BATCH_STEP = 0.2  # how fast the batch curve follows
_DOUBTED = 1.0  # what the whole past weighs against the next observation once it is in doubt
_LEAST_VARIANCE = 1e-4  # of the active share: below it the slope cannot be told from the noise


@dataclass(slots=True)
class Line:
    """Seconds of a batch of n: n · curve(n) · (a + b · share), where share is the mean active share.

    `a` and `b` are the least squares fit of recent observations of single jobs, older ones fading, with
    a, b >= 0. While the share never varied there is no slope: a masked stage is charged like the dense
    one. `curve(n)` is the measured cost of a job in a batch of n against that of a job alone: of the largest
    measured batch up to n, and 1 where there is none (batching pays nothing until it was seen to pay).
    """

    weight: float = 0.0
    mean_share: float = 0.0
    mean_s: float = 0.0
    variance: float = 0.0
    covariance: float = 0.0
    curve: dict[int, float] = field(default_factory=dict)
    spread: Spread = field(default_factory=Spread)
    _slope: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """The slope follows from the moments."""
        self._slope = self._fitted_slope()

    def alone(self, share: float) -> float:
        """Expected seconds of one job alone at this active share."""
        return max(self.mean_s + self._slope * (share - self.mean_share), 0.0)

    def mean(self, share: float, batch: int) -> float:
        """Expected seconds of a batch whose mean active share is `share`."""
        return self.alone(share) if batch == 1 else batch * self.factor(batch) * self.alone(share)

    def factor(self, batch: int) -> float:
        """The cost of a job in a batch of this many, against that of a job alone."""
        factor = self.curve.get(batch)
        if factor is None:
            below = [n for n in self.curve if n < batch]
            factor = self.curve[max(below)] if below else 1.0
        return factor

    def observe(self, share: float, batch: int, seconds: float) -> None:
        """Learn from one measured step."""
        first = self.weight == 0.0
        if first:
            self._fit(share, seconds / batch)
        self.spread.add(seconds / max(self.mean(share, batch), 1e-9))
        if batch > 1:
            factor = seconds / max(batch * self.alone(share), 1e-9)
            known = self.curve.get(batch, factor)
            self.curve[batch] = known + _BATCH_STEP * (factor - known)
        elif not first:
            self._fit(share, seconds)

    def doubt(self) -> None:
        """The past refused what an idle device can perhaps do: let it count for little from now on."""
        keep = min(_DOUBTED / self.weight, 1.0) if self.weight else 1.0
        self.weight *= keep
        self.variance *= keep
        self.covariance *= keep
        self.spread.doubt()

    def _fitted_slope(self) -> float:
        """b, so that a >= 0 and b >= 0."""
        if self.variance <= _LEAST_VARIANCE * self.weight:
            return 0.0
        steepest = self.mean_s / self.mean_share if self.mean_share > 0.0 else 0.0
        return min(max(self.covariance / self.variance, 0.0), steepest)

    def _fit(self, share: float, seconds: float) -> None:
        """Welford's update of the weighted means and moments, older observations fading."""
        self.weight = self.weight * _KEEP + 1.0
        ahead = share - self.mean_share
        self.mean_share += ahead / self.weight
        self.variance = self.variance * _KEEP + ahead * (share - self.mean_share)
        self.covariance = self.covariance * _KEEP + (share - self.mean_share) * (seconds - self.mean_s)
        self.mean_s += (seconds - self.mean_s) / self.weight
        self._slope = self._fitted_slope()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "weight": self.weight,
            "mean_share": self.mean_share,
            "mean_s": self.mean_s,
            "variance": self.variance,
            "covariance": self.covariance,
            "curve": {str(batch): factor for batch, factor in sorted(self.curve.items())},
            "spread": self.spread.to_list(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        numbers = {name: float(data[name]) for name in _NUMBERS}
        curve = {int(batch): float(factor) for batch, factor in data["curve"].items()}
        return cls(**numbers, curve=curve, spread=Spread.from_list(data["spread"]))


_NUMBERS = ("weight", "mean_share", "mean_s", "variance", "covariance")
