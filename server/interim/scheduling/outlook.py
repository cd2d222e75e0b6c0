"""What lies before a job, as planned with: mean cost and gain of each stage to come, and their hull."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from interim.scheduling.hull import hull, prefixes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.hull import Segment
    from interim.scheduling.job import Job
    from interim.scheduling.utility import Utility

_SPARE = 256


class Outlook(NamedTuple):
    """The stages from `exit + 1` to `max_exit` of one job, as of its exit `exit`."""

    exit: int
    max_exit: int
    active_share: float
    costs_s: tuple[float, ...]
    gains: tuple[float, ...]
    segments: tuple[Segment, ...]

    @property
    def stage_s(self) -> float:
        """Mean seconds of the next stage alone; 0 where none is left: a job may be seen only when all is done."""
        return self.costs_s[0] if self.costs_s else 0.0

    @property
    def density(self) -> float:
        """Gain per second of the best that can come next; 0 where nothing gains."""
        return self.segments[0].density if self.segments else 0.0

    def within(self, seconds: float) -> Segment | None:
        """The densest first piece that fits in `seconds`: the first bundle, or its densest prefix that fits."""
        if not self.segments:
            return None
        first = self.segments[0]
        if first.cost_s <= seconds:
            return first
        count = first.exit - self.exit
        fitting = [
            p
            for p in prefixes(self.exit, self.costs_s[:count], self.gains[:count])
            if p.cost_s <= seconds and p.gain > 0.0
        ]
        return max(fitting, default=None)


class Outlooks:
    """The outlooks of the live jobs, each made when the job's exit is new: costs drift more slowly than that."""

    def __init__(self, costs: CostModel, utility: Utility) -> None:
        self._costs = costs
        self._utility = utility
        self._known: dict[int, Outlook] = {}

    def of(self, job: Job) -> Outlook:
        """What lies before `job`."""
        known = self._known.get(job.id)
        if (
            known is None
            or known.exit != job.exit
            or known.active_share != job.active_share
            or known.max_exit != job.max_exit
        ):
            known = self._known[job.id] = self._make(job)
        return known

    def last(self, job_id: int) -> Outlook | None:
        """What lay before a job that may be gone, if it is still remembered."""
        return self._known.get(job_id)

    def forget(self, jobs: Iterable[Job]) -> None:
        """These are gone."""
        for job in jobs:
            self._known.pop(job.id, None)

    def prune(self, queue: Sequence[Job]) -> None:
        """Forget the jobs that are not in `queue`, once they are many."""
        if len(self._known) > 2 * len(queue) + _SPARE:
            self._known = {job.id: self._known[job.id] for job in queue if job.id in self._known}

    def _make(self, job: Job) -> Outlook:
        costs = tuple(
            self._costs.mean(stage, job.size, active_share=share)
            for stage, share in enumerate(self._utility.shares(job), job.exit + 1)
        )
        gains = tuple(self._utility.gains(job))
        return Outlook(
            job.exit, job.max_exit, job.active_share, costs, gains, tuple(hull(job.exit, costs, gains))
        )
