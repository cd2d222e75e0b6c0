"""One fixed order over all next stages: earliest deadline, fewest exits, or least confidence first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.scheduling.batching import fill
from interim.scheduling.job import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.step import Step

    Order = Callable[[Job], tuple[float, ...]]


class StageOrder:
    """The first in order whose next stage is expected to come in time. Promises are not looked at.

    Args:
        costs: The cost model.
        max_batch: The most jobs in one step.
        order: What to sort by.
    """

    def __init__(self, costs: CostModel, max_batch: int, order: Order) -> None:
        self._costs = costs
        self._max_batch = max_batch
        self._order = order

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """See `interim.scheduling.policy.Policy`."""
        able = [job for job in queue if job.state is State.WAITING and in_time(now_s, job, self._costs)]
        if not able:
            return None
        able.sort(key=self._order)
        return fill(now_s, able[0], able, rows=(), costs=self._costs, max_batch=self._max_batch)


def in_time(now_s: float, job: Job, costs: CostModel) -> bool:
    """Whether the job's next stage, begun now and alone, is expected to end by its deadline."""
    return now_s + costs.mean(job.exit + 1, job.size, active_share=job.active_share) <= job.answer_by_s


def fewest_exits(job: Job) -> tuple[float, ...]:
    """Round robin: who got least goes first, then who came first."""
    return (job.exit, job.arrival_s, job.id)


def least_confident(job: Job) -> tuple[float, ...]:
    """Who has the largest share of positions still unsure goes first."""
    return (-job.active_share, job.answer_by_s, job.id)
