"""Exit 1 first, then the earliest deadline over stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.scheduling.batching import fill
from interim.scheduling.guard import Guard, by_deadline
from interim.scheduling.job import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.step import Step


class EarliestDeadlineFirst:
    """Mandatory exits by earliest deadline; with none to run, any next stage by earliest deadline.

    No step is begun that could make admitted mandatory work late, be it ready or still being decoded:
    then a shorter step is looked for, and with none the device waits.
    """

    def __init__(self, costs: CostModel, max_batch: int) -> None:
        self._costs = costs
        self._max_batch = max_batch

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """See `interim.scheduling.policy.Policy`."""
        waiting = [job for job in queue if job.state is State.WAITING]
        if not waiting:
            return None
        waiting.sort(key=by_deadline)
        guard = Guard(now_s, queue, self._costs)
        lead = guard.mandatory() or guard.overdue(waiting) or self._optional(now_s, waiting, guard)
        if lead is None:
            return None
        return fill(now_s, lead, waiting, rows=guard.rows, costs=self._costs, max_batch=self._max_batch)

    def _optional(self, now_s: float, waiting: Sequence[Job], guard: Guard) -> Job | None:
        """The first that can be in time and harms nobody."""
        promised = {job.id for _, _, job in guard.rows}
        for job in waiting:
            if job.exit > 0 and job.id not in promised and guard.keeps(job):
                mean = self._costs.mean(job.exit + 1, job.size, active_share=job.active_share)
                if now_s + mean <= job.answer_by_s:
                    return job
        return None
