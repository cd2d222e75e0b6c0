"""Clockwork-style: whole networks, in batches as large as the first deadline allows.

After A. Gujarati et al., "Serving DNNs like Clockwork", OSDI 2020, reduced to one network on one device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.scheduling.guard import by_deadline
from interim.scheduling.policies.whole import RunToCompletion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.scheduling.job import Job

MARGIN = 1.1
"""Latencies are taken this much larger: a run cannot be cut short."""


class ClockworkStyle(RunToCompletion):
    """Drops what cannot be in time even alone; then the largest batch that meets the earliest deadline."""

    def _begin(self, now_s: float, fresh: Sequence[Job]) -> tuple[Sequence[Job], int]:
        able = [job for job in fresh if now_s + self._whole_s(job, 1) <= job.answer_by_s]
        if not able:
            return (), 0
        able.sort(key=by_deadline)
        head = able[0]
        batch = self._batch(able, head)
        while len(batch) > 1 and now_s + self._whole_s(head, len(batch)) > head.answer_by_s:
            batch.pop()
        return batch, head.max_exit

    def _whole_s(self, job: Job, batch: int) -> float:
        return MARGIN * self._latencies(job, batch)[-1]
