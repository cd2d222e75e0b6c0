"""First in, first out: the simplest policy, to compare with. It keeps no promise of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.scheduling.batching import fill
from interim.scheduling.job import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.step import Step


class FirstInFirstOut:
    """The oldest job runs to its last exit, then the next; what has an exit and is late is passed over."""

    def __init__(self, costs: CostModel, max_batch: int) -> None:
        self._costs = costs
        self._max_batch = max_batch

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """See `interim.scheduling.policy.Policy`."""
        waiting = [
            job for job in queue if job.state is State.WAITING and (job.exit == 0 or job.answer_by_s > now_s)
        ]
        if not waiting:
            return None
        lead = min(waiting, key=_by_arrival)
        return fill(now_s, lead, waiting, rows=(), costs=self._costs, max_batch=self._max_batch)


def _by_arrival(job: Job) -> tuple[float, int]:
    return (job.arrival_s, job.id)
