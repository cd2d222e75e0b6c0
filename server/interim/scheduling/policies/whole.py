"""Run to completion, by arrival or by deadline: what most servers do; and the base of policies that do so."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from interim.scheduling.guard import by_deadline
from interim.scheduling.job import State
from interim.scheduling.step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.utility import Utility

_SPARE = 256


class RunToCompletion(ABC):
    """Begins a batch with an exit in mind, and does nothing else before it is there.

    Only that exit is an answer: whoever scores such a policy counts a job at `target`, and at no exit before.

    Args:
        costs: The cost model.
        max_batch: The most jobs in one run.
        utility: Read for the expected active shares.
    """

    keeps_late = False
    """Whether jobs that are late are begun all the same."""

    def __init__(self, costs: CostModel, max_batch: int, utility: Utility) -> None:
        self._costs = costs
        self._max_batch = max_batch
        self._utility = utility
        self._targets: dict[int, int] = {}
        self._run: tuple[int, ...] = ()

    def target(self, job_id: int) -> int:
        """The exit at which the job is answered; 0 while its run has not begun."""
        return self._targets.get(job_id, 0)

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """See `interim.scheduling.policy.Policy`."""
        waiting = {job.id: job for job in queue if job.state is State.WAITING}
        begun = [waiting[id_] for id_ in self._run if id_ in waiting]
        going = [job for job in begun if job.exit < self._targets[job.id]]
        going = going or self._next(now_s, queue, list(waiting.values()))
        if not going:
            return None
        exit_ = min(job.exit for job in going)
        return Step(exit=exit_ + 1, ids=tuple(job.id for job in going if job.exit == exit_))

    def _next(self, now_s: float, queue: Sequence[Job], waiting: Sequence[Job]) -> list[Job]:
        """Begin the next run."""
        if len(self._targets) > 2 * len(queue) + _SPARE:
            self._targets = {job.id: self.target(job.id) for job in queue if job.id in self._targets}
        fresh = [
            job
            for job in waiting
            if job.exit == 0 and job.id not in self._targets and (self.keeps_late or job.answer_by_s > now_s)
        ]
        jobs, exit_ = self._begin(now_s, fresh) if fresh else ((), 0)
        self._run = tuple(job.id for job in jobs)
        self._targets.update((job.id, min(exit_, job.max_exit)) for job in jobs)
        return list(jobs)

    @abstractmethod
    def _begin(self, now_s: float, fresh: Sequence[Job]) -> tuple[Sequence[Job], int]:
        """Of `fresh` (not empty, none begun) those to run together, of one size, and to which exit."""

    def _batch(self, jobs: Sequence[Job], head: Job) -> list[Job]:
        """As many of `jobs`, in order, as may run with `head`."""
        return [job for job in jobs if job.size == head.size][: self._max_batch]

    def _latencies(self, head: Job, batch: int) -> list[float]:
        """Expected seconds from the start to each exit, for a batch of jobs like `head`."""
        found: list[float] = []
        seconds = 0.0
        for stage, share in enumerate(self._utility.shares(head), head.exit + 1):
            seconds += self._costs.mean(stage, head.size, active_share=share, batch=batch)
            found.append(seconds)
        return found


class FifoWhole(RunToCompletion):
    """The oldest jobs run the whole network; the late are dropped."""

    def _begin(self, now_s: float, fresh: Sequence[Job]) -> tuple[Sequence[Job], int]:  # noqa: ARG002 (the interface)
        jobs = sorted(fresh, key=_by_arrival)
        return self._batch(jobs, jobs[0]), jobs[0].max_exit


class FifoWholeNoDrop(FifoWhole):
    """The same, the late too: what a plain queue does."""

    keeps_late = True


class EdfWhole(RunToCompletion):
    """The jobs with the earliest deadlines run the whole network; the late are dropped."""

    def _begin(self, now_s: float, fresh: Sequence[Job]) -> tuple[Sequence[Job], int]:  # noqa: ARG002 (the interface)
        jobs = sorted(fresh, key=by_deadline)
        return self._batch(jobs, jobs[0]), jobs[0].max_exit


class EdfWholeNoDrop(EdfWhole):
    """The same, the late too."""

    keeps_late = True


def _by_arrival(job: Job) -> tuple[float, int]:
    return (job.arrival_s, job.id)
