"""Exit 1 first, then the earliest deadline over stages: what the server runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.scheduling.batching import fill
from interim.scheduling.job import State
from interim.scheduling.mandatory import keepable, latest_start_s, stage_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.mandatory import Row
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
        waiting.sort(key=_by_deadline)
        rows = keepable(now_s, queue, self._costs)
        lead = self._mandatory(now_s, rows) or self._optional(now_s, waiting, rows)
        if lead is None:
            return None
        return fill(now_s, lead, waiting, rows=rows, costs=self._costs, max_batch=self._max_batch)

    def _mandatory(self, now_s: float, rows: Sequence[Row]) -> Job | None:
        """The job that owes exits, can bring them, and delays no promise; earliest deadline first.

        The first of `rows` never delays one; and where a promise is broken already, work goes on.
        """
        ready = [job for _, _, job in rows if job.state is State.WAITING]
        ready.sort(key=_by_deadline)
        for job in ready:
            if job is rows[0][2]:
                return job
            stage = stage_s(job, self._costs)
            if now_s + stage <= latest_start_s(rows, {job.id: stage}):
                return job
        return ready[0] if ready and latest_start_s(rows) < now_s else None

    def _optional(self, now_s: float, waiting: Sequence[Job], rows: Sequence[Row]) -> Job | None:
        """First those without any exit that are late already, then the rest while they can be in time."""
        latest = latest_start_s(rows)
        promised = {job.id for _, _, job in rows}
        rest = [job for job in waiting if job.id not in promised]
        rest.sort(key=lambda job: job.exit > 0)
        for job in rest:
            if now_s + stage_s(job, self._costs) > latest:
                continue
            mean = self._costs.mean(job.exit + 1, job.size, active_share=job.active_share)
            if job.exit == 0 or now_s + mean <= job.answer_by_s:
                return job
        return None


def _by_deadline(job: Job) -> tuple[float, int]:
    return (job.answer_by_s, job.id)
