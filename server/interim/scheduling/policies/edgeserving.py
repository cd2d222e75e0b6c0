"""EdgeServing-style: one queue per class of deadlines; the run that leaves the others the least urgent.

After the published description of EdgeServing (stability score, exits chosen per queue), from the account in
this project's reference; one network, classes by powers of two of the deadline.
"""

from __future__ import annotations

from itertools import groupby
from math import exp, frexp
from typing import TYPE_CHECKING

from interim.scheduling.policies.whole import RunToCompletion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from interim.scheduling.job import Job

MOST_URGENT = 10.0
"""One job never counts for more than this in the score."""


class EdgeServingStyle(RunToCompletion):
    """Per class: the oldest batch, to the deepest exit that meets its deadlines, else to the first one."""

    def _begin(self, now_s: float, fresh: Sequence[Job]) -> tuple[Sequence[Job], int]:
        best: tuple[float, list[Job], int] | None = None
        for _, group in groupby(sorted(fresh, key=self._class), key=self._class):
            queue = sorted(group, key=lambda job: (job.arrival_s, job.id))
            batch = self._batch(queue, queue[0])
            latencies = self._latencies(queue[0], len(batch))
            slack = min(job.answer_by_s for job in batch) - now_s
            deepest = max((at for at, seconds in enumerate(latencies) if seconds <= slack), default=0)
            rest = (job for job in fresh if job not in batch)
            score = _urgency(rest, now_s + latencies[deepest])
            if best is None or score < best[0]:
                best = (score, batch, queue[0].exit + deepest + 1)
        return best[1:] if best else ((), 0)

    def _class(self, job: Job) -> int:
        """Its budget against the time of the whole network, in powers of two."""
        return frexp((job.answer_by_s - job.arrival_s) / self._latencies(job, 1)[-1])[1]


def _urgency(jobs: Iterable[Job], end_s: float) -> float:
    """How urgent `jobs` will be at `end_s`."""
    return sum(
        min(exp(min((end_s - job.arrival_s) / (job.answer_by_s - job.arrival_s) - 1.0, 9.0)), MOST_URGENT)
        for job in jobs
    )
