"""The promises among the live jobs at one instant, and which steps keep them: what serving policies share."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from interim.scheduling.job import State
from interim.scheduling.mandatory import keepable, latest_start_s, stage_charge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job


class Guard:
    """What was promised, as of `now_s`: built for one decision.

    Args:
        now_s: When the step would begin.
        queue: All live jobs; those ASKED count from when they are ready.
        costs: The cost model, read at the promise's quantile.
    """

    __slots__ = ("_costs", "_now_s", "latest_s", "rows")

    def __init__(self, now_s: float, queue: Iterable[Job], costs: CostModel) -> None:
        self._costs = costs
        self._now_s = now_s
        self.rows = keepable(now_s, queue, costs)
        self.latest_s = latest_start_s(self.rows)

    @property
    def laxity_s(self) -> float:
        """How long the device could stand idle without breaking a promise; below 0: one is broken."""
        return self.latest_s - self._now_s if self.rows else inf

    @property
    def owed_s(self) -> float:
        """Seconds of promised work, should every stage of it be slow."""
        return sum(work.seconds for _, work, _ in self.rows)

    def keeps(self, job: Job) -> bool:
        """Whether the next stage of `job`, begun now, leaves every promise one that can be kept."""
        stage = stage_charge(job, self._costs)
        if self._now_s + stage.seconds <= self.latest_s:
            return True
        return job.owes and self._now_s <= latest_start_s(self.rows, stage, {job.id: stage})

    def mandatory(self) -> Job | None:
        """The job that owes exits, can bring them, and delays no promise; earliest deadline in force first.

        The first of `rows` never delays one; and where a promise is broken already, work goes on.
        """
        ready = [job for _, _, job in self.rows if job.state is State.WAITING]
        ready.sort(key=by_deadline)
        for job in ready:
            if job is self.rows[0][2] or self.keeps(job):
                return job
        return ready[0] if ready and self.laxity_s < 0.0 else None

    def overdue(self, waiting: Iterable[Job]) -> Job | None:
        """The one of `waiting` without any exit that is late whatever is done, if it harms nobody.

        Its client may wait for a late exit 1; of several the earliest deadline in force goes first.
        """
        promised = {job.id for _, _, job in self.rows}
        late = [job for job in waiting if job.exit == 0 and job.id not in promised]
        return next((job for job in sorted(late, key=by_deadline) if self.keeps(job)), None)


def by_deadline(job: Job) -> tuple[float, int]:
    """Sorts by the deadline in force."""
    return (job.answer_by_s, job.id)
