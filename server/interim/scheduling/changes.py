"""Who came, who changed and who left between two decisions: what a policy that remembers has to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from interim.scheduling.job import Job


class Changes(NamedTuple):
    """The difference between two queues.

    `fresh` are the jobs that stand differently, or that came; `came` those of them that came; `left` those
    that are gone, as they were.
    """

    fresh: Sequence[Job]
    came: Sequence[Job]
    left: Sequence[Job]


class Register:
    """The queue as of the last decision. A job is a value: one that stands differently is another object."""

    def __init__(self) -> None:
        self._jobs: Mapping[int, Job] = {}

    def update(self, queue: Sequence[Job]) -> Changes:
        """What is different from the last queue."""
        before = self._jobs
        jobs = self._jobs = {job.id: job for job in queue}
        fresh = [job for id_, job in jobs.items() if before.get(id_) is not job]
        came = [job for job in fresh if job.id not in before]
        if len(before) + len(came) == len(jobs):
            return Changes(fresh, came, ())
        return Changes(fresh, came, [job for id_, job in before.items() if id_ not in jobs])
