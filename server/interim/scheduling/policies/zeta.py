"""Zeta-style: device time is shared out equally among the jobs, as far as their deadlines allow.

After the equi-partition rule of Zeta as this project's reference describes it: it knows that exits gain less
and less, but not how much.
"""

from __future__ import annotations

from bisect import insort
from math import inf
from typing import TYPE_CHECKING

from interim.scheduling.batching import fill
from interim.scheduling.guard import by_deadline
from interim.scheduling.job import State
from interim.scheduling.policies.stage_order import in_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.step import Step

_SPARE = 256


class ZetaStyle:
    """Earliest deadline first, while a job's received time is below the water level of every later prefix."""

    def __init__(self, costs: CostModel, max_batch: int) -> None:
        self._costs = costs
        self._max_batch = max_batch
        self._received_s: dict[int, float] = {}

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """See `interim.scheduling.policy.Policy`."""
        if len(self._received_s) > 2 * len(queue) + _SPARE:
            self._received_s = {job.id: self._received(job) for job in queue}
        able = [job for job in queue if job.state is State.WAITING and in_time(now_s, job, self._costs)]
        if not able:
            return None
        able.sort(key=by_deadline)
        lead = self._lead(now_s, able)
        step = fill(now_s, lead, able, rows=(), costs=self._costs, max_batch=self._max_batch)
        for job in able:
            if job.id in step.ids:
                self._received_s[job.id] = self._received(job) + self._stage_s(job)
        return step

    def _lead(self, now_s: float, able: Sequence[Job]) -> Job:
        for place, job in enumerate(able):
            half = self._stage_s(job) / 2.0  # a stage is taken whole: up to half of it may be above the level
            if job.exit == 0 or self._received(job) + half <= self._least_level(now_s, able[place:]):
                return job
        return able[0]

    def _least_level(self, now_s: float, able: Sequence[Job]) -> float:
        """The lowest water level of the first one, two, ... of `able`, in seconds received by each."""
        received: list[float] = []
        least = inf
        for job in able:
            insort(received, self._received(job))
            least = min(least, water_level(received, job.answer_by_s - now_s))
        return least

    def _received(self, job: Job) -> float:
        return self._received_s.get(job.id, 0.0) if job.exit else 0.0

    def _stage_s(self, job: Job) -> float:
        return self._costs.mean(job.exit + 1, job.size, active_share=job.active_share)


def water_level(received: Sequence[float], more: float) -> float:
    """The level that `more` raises the lowest of `received` (ascending, not empty) to, poured in like water."""
    poured = 0.0
    for count, (low, high) in enumerate(zip(received, [*received[1:], inf], strict=True), 1):
        if poured + count * (high - low) >= more:
            return low + (more - poured) / count
        poured += count * (high - low)
    return inf
