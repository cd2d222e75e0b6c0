"""Policy B: plan by density under the deadlines, then run the densest planned piece that delays none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.scheduling.batching import fill
from interim.scheduling.changes import Register
from interim.scheduling.demand import Demand
from interim.scheduling.guard import Guard
from interim.scheduling.job import State
from interim.scheduling.outlook import Outlooks
from interim.scheduling.planning import Agenda
from interim.scheduling.price import Price
from interim.scheduling.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.planning import Item
    from interim.scheduling.utility import Utility

_ROUNDING_S = 1e-9


class DensityPlan:
    """Pieces of all jobs are added by density while every deadline can still be met; then the best one runs.

    For work that can be divided and preempted, greedy by density under the deadlines is optimal for the known
    queue (see `interim.scheduling.hull`). Exit 1 comes before all refinements, one that is late already too:
    its client may wait for it, but not for ever. Refinements that are due earlier may run first while there is
    room for the promised work that is to be expected: whoever comes next would be refused else. Pieces below the price µ(t)
    run only where nothing better waits: they would block what is about to arrive.
    """

    def __init__(self, costs: CostModel, max_batch: int, utility: Utility) -> None:
        self._costs = costs
        self._max_batch = max_batch
        self._register = Register()
        self._outlooks = Outlooks(costs, utility)
        self._agenda = Agenda(self._outlooks)
        self._price = Price(up=1.0)
        self._demand = Demand()
        self._slack = False  # nothing that waited was worth the price
        self._lead: Item | None = None
        self._kept: Iterator[Item] = iter(())

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """See `interim.scheduling.policy.Policy`."""
        changes = self._register.update(queue)
        self._outlooks.forget(changes.fresh)
        self._price.update(now_s, changes, self._outlooks)
        self._outlooks.forget(changes.left)
        self._demand.meet(changes.came, self._outlooks)
        self._agenda.update(changes.fresh, changes.left)
        waiting = [job for job in queue if job.state is State.WAITING]
        if not waiting:
            return None
        guard = Guard(now_s, queue, self._costs)
        planned = self._planned(now_s, guard)
        self._kept = (item for item in planned if guard.keeps(item.job))
        late = guard.overdue(waiting)
        self._lead = None if late else next(self._kept, None)
        lead = late or (self._lead.job if self._lead else guard.mandatory())
        if lead is None:
            return None
        if self._slack:
            self._price.relax(lead)
        if self._max_batch == 1:
            return _step(lead)
        first = {item.job.id for item in planned}
        others = sorted(waiting, key=lambda job: (job.id not in first, job.answer_by_s, job.id))
        return fill(now_s, lead, others, rows=guard.rows, costs=self._costs, max_batch=self._max_batch)

    def adjust(self, now_s: float, step: Step, job: Job) -> Step:
        """See `interim.scheduling.ahead.Adjusting`."""
        lead = self._lead
        if lead is None or not lead.job.exit or self._max_batch > 1:
            return step
        self._outlooks.forget((job,))
        piece = self._outlooks.of(job).within(job.answer_by_s - now_s)
        density = piece.density if piece else 0.0
        if lead.job.id == job.id:
            other = next(self._kept, None) if density < lead.first.density else None
            return _step(other.job) if other and other.first.density > density else step
        place = self._agenda.place(job.id)
        if piece is None or place is None or density <= lead.first.density:
            return step
        return _step(job) if self._agenda.least_s()[place] + _ROUNDING_S >= piece.cost_s else step

    def _planned(self, now_s: float, guard: Guard) -> list[Item]:
        """The jobs that may run now, the best first."""
        ready = [item for item in self._agenda.plan(now_s) if item.waiting]
        if guard.laxity_s < max(self._agenda.longest_s, self._demand.room * guard.owed_s):
            ready = [item for item in ready if item.job.exit == 0] or ready
        price = self._price.value
        worth = [item for item in ready if item.first.density >= price]
        self._slack = not worth
        ready = worth or ready
        least_s = self._agenda.least_s()
        free = [item for item in ready if least_s[item.place] + _ROUNDING_S >= item.first.cost_s]
        return free or sorted(ready, key=_by_place)


def _step(job: Job) -> Step:
    return Step(exit=job.exit + 1, ids=(job.id,))


def _by_place(item: Item) -> int:
    return item.place
