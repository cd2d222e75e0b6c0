"""Policy A: earliest deadline first over the stages that are worth the price of device time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.scheduling.batching import fill
from interim.scheduling.changes import Register
from interim.scheduling.guard import Guard, by_deadline
from interim.scheduling.job import State
from interim.scheduling.outlook import Outlooks
from interim.scheduling.price import Price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.step import Step
    from interim.scheduling.utility import Utility


class PricedDeadlines:
    """Earliest deadline first over jobs without exit 1 and over next pieces whose density is at least µ(t).

    Nothing worth the price: the densest piece there is. Promises are kept as by `EarliestDeadlineFirst`, and
    exit 1 goes first while the smallest laxity among promises is less than the longest stage.
    """

    def __init__(self, costs: CostModel, max_batch: int, utility: Utility) -> None:
        self._costs = costs
        self._max_batch = max_batch
        self._outlooks = Outlooks(costs, utility)
        self._price = Price()
        self._register = Register()

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """See `interim.scheduling.policy.Policy`."""
        changes = self._register.update(queue)
        self._outlooks.forget(changes.fresh)
        self._price.update(now_s, changes, self._outlooks)
        self._outlooks.forget(changes.left)
        waiting = [job for job in queue if job.state is State.WAITING]
        if not waiting:
            return None
        waiting.sort(key=by_deadline)
        guard = Guard(now_s, queue, self._costs)
        lead = self._lead(now_s, waiting, guard)
        if lead is None:
            return None
        return fill(now_s, lead, waiting, rows=guard.rows, costs=self._costs, max_batch=self._max_batch)

    def _lead(self, now_s: float, waiting: Sequence[Job], guard: Guard) -> Job | None:
        outlooks = [self._outlooks.of(job) for job in waiting]
        if guard.laxity_s < max(outlook.stage_s for outlook in outlooks):
            mandatory = guard.mandatory()
            if mandatory is not None:
                return mandatory
        price = self._price.value
        cheap: list[tuple[float, Job]] = []
        for job, outlook in zip(waiting, outlooks, strict=True):
            piece = outlook.within(job.answer_by_s - now_s)
            if piece is None:
                continue
            if job.exit == 0 or piece.density >= price:
                if guard.keeps(job):
                    return job
            else:
                cheap.append((piece.density, job))
        cheap.sort(key=_by_density, reverse=True)
        fits = (job for _, job in cheap if guard.keeps(job))
        lead = next(fits, None) or guard.mandatory() or guard.overdue(waiting)
        if lead is not None:
            self._price.relax(lead)
        return lead


def _by_density(row: tuple[float, Job]) -> float:
    return row[0]
