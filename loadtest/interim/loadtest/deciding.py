"""The costs of a device that waits for its scheduler: what a decision may take counts in every promise."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from interim.loadtest.quantiles import quantile
from interim.scheduling.charge import Charge
from interim.scheduling.costs import CostModel

if TYPE_CHECKING:
    from interim.scheduling.job import Size

WINDOW = 256
_HIGH = 0.99


class Deciding(CostModel):
    """Other costs, and on top of what they promise the time of a decision: the 99th percentile of the last.

    Args:
        costs: Of the stages alone.
        first_s: What a decision may take before any was timed.
    """

    def __init__(self, costs: CostModel, first_s: float) -> None:
        super().__init__()
        self._costs = costs
        self._recent = deque([first_s], maxlen=WINDOW)
        self._decision_s = first_s

    def decided(self, seconds: float) -> None:
        """A decision took this long."""
        self._recent.append(seconds)
        self._decision_s = quantile(self._recent, _HIGH) or 0.0

    def mean(self, stage: int, size: Size, *, active_share: float = 1.0, batch: int = 1) -> float:
        """Seconds of a step without its decision: what plans weigh against each other."""
        return self._costs.mean(stage, size, active_share=active_share, batch=batch)

    def charge(
        self, stage: int, size: Size, quantile: float, *, active_share: float = 1.0, batch: int = 1
    ) -> Charge:
        """What a step is charged among others: every one of them has its decision."""
        step = self._costs.charge(stage, size, quantile, active_share=active_share, batch=batch)
        return step.plus(Charge.of(self._decision_s))

    def observe(
        self, stage: int, size: Size, seconds: float, *, active_share: float = 1.0, batch: int = 1
    ) -> None:
        """See `CostModel.observe`."""
        self._costs.observe(stage, size, seconds, active_share=active_share, batch=batch)

    def doubt(self, stage: int, size: Size) -> None:
        """See `CostModel.doubt`."""
        self._costs.doubt(stage, size)
