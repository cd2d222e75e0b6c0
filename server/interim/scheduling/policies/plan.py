"""Policy B: plan by density under the deadlines, then run the densest planned piece that delays none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.scheduling.batching import fill
from interim.scheduling.guard import Guard, by_deadline
from interim.scheduling.job import State
from interim.scheduling.outlook import Outlooks
from interim.scheduling.planning import plan
from interim.scheduling.price import Price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.planning import Planned
    from interim.scheduling.step import Step
    from interim.scheduling.utility import Utility

_LIVE = (State.WAITING, State.ASKED)
_ROUNDING_S = 1e-9


class DensityPlan:
    """Pieces of all jobs are added by density while every deadline can still be met; then the best one runs.

    For work that can be divided and preempted, greedy by density under the deadlines is optimal for the known
    queue (see `interim.scheduling.hull`). Exit 1 comes before all refinements, and pieces below the price
    µ(t) run only where nothing better waits: they would block what is about to arrive.
    """

    def __init__(self, costs: CostModel, max_batch: int, utility: Utility) -> None:
        self._costs = costs
        self._max_batch = max_batch
        self._outlooks = Outlooks(costs, utility)
        self._price = Price(up=1.0)

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """See `interim.scheduling.policy.Policy`."""
        self._price.update(now_s, queue, self._outlooks)
        self._outlooks.prune(queue)
        live = sorted((job for job in queue if job.state in _LIVE), key=by_deadline)
        waiting = [job for job in live if job.state is State.WAITING]
        if not waiting:
            return None
        guard = Guard(now_s, queue, self._costs)
        planned = self._planned(now_s, live, guard)
        lead = next((job for job in planned if guard.keeps(job)), None)
        lead = lead or guard.mandatory() or guard.overdue(waiting)
        if lead is None:
            return None
        first = {job.id for job in planned}
        others = sorted(waiting, key=lambda job: job.id not in first)  # stable: each part by deadline
        return fill(now_s, lead, others, rows=guard.rows, costs=self._costs, max_batch=self._max_batch)

    def _planned(self, now_s: float, live: Sequence[Job], guard: Guard) -> list[Job]:
        """The jobs that may run now, the best first."""
        outlooks = [self._outlooks.of(job) for job in live]
        planned = plan(now_s, [job.answer_by_s for job in live], outlooks)
        ready = [piece for piece in planned if live[piece.place].state is State.WAITING]
        if guard.laxity_s < max(outlook.stage_s for outlook in outlooks):
            ready = [piece for piece in ready if live[piece.place].exit == 0] or ready
        price = self._price.value
        worth = [piece for piece in ready if piece.density >= price]
        if not worth:
            self._price.relax()
        ready = worth or ready
        free = [piece for piece in ready if piece.least_s + _ROUNDING_S >= piece.cost_s]
        return [live[piece.place] for piece in free or sorted(ready, key=_by_place)]


def _by_place(piece: Planned) -> int:
    return piece.place
