"""The mandatory exits of the admitted jobs, and whether they all come in time.

The test is a serial schedule: the jobs in order of their promised instants, each begun when the one before
is done and its image is there. It is sustainable (S. Baruah, A. Burns, "Sustainable scheduling analysis",
RTSS 2006): a stage that ends early, or an image that is ready early, never makes another job late. So a
state that passes stays one that passes as long as every step begun leaves it so.
"""

from __future__ import annotations

from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING

from interim.scheduling.job import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job, Size

    Row = tuple[float, float, Job]

_ROUNDING_S = 1e-6  # a job admitted without a moment to spare stays one that can be in time

NOTHING: Mapping[int, float] = MappingProxyType({})

PROMISE_QUANTILE = 0.999
"""Mandatory work is charged what a stage stays within with this probability."""


def stage_s(job: Job, costs: CostModel) -> float:
    """Seconds to charge for the job's next stage, alone."""
    return costs.predict(job.exit + 1, job.size, PROMISE_QUANTILE, active_share=job.active_share)


def mean_share(jobs: Sequence[Job]) -> float:
    """The mean active share over a batch."""
    return sum(job.active_share for job in jobs) / len(jobs)


def batch_s(jobs: Sequence[Job], costs: CostModel) -> float:
    """Seconds to charge for the next stage of all `jobs` in one step."""
    first, share = jobs[0], mean_share(jobs)
    return costs.predict(first.exit + 1, first.size, PROMISE_QUANTILE, active_share=share, batch=len(jobs))


def work_s(job: Job, costs: CostModel, quantile: float = PROMISE_QUANTILE) -> float:
    """Seconds to charge for the job's mandatory stages still to come, alone."""
    share, size = job.active_share, job.size
    total = 0.0
    for exit_ in range(job.exit + 1, job.min_exit + 1):
        total += costs.predict(exit_, size, quantile, active_share=share)
    return total


def keepable(
    now_s: float, jobs: Iterable[Job], costs: CostModel, quantile: float = PROMISE_QUANTILE
) -> list[Row]:
    """Those that owe exits and can still bring them, as (due_s, work_s, job), earliest first.

    The others are late whatever is done, and must not make anybody else late.
    """
    rows: list[Row] = []
    done = State.DONE
    works: dict[tuple[int, int, Size, float], float] = {}  # most are alike: no exit yet, of one size
    for job in jobs:
        if job.exit < job.min_exit and job.state is not done:
            like = (job.exit, job.min_exit, job.size, job.active_share)
            work = works.get(like)
            if work is None:
                work = works[like] = work_s(job, costs, quantile)
            if max(now_s, job.ready_s) + work <= job.due_s + _ROUNDING_S:
                rows.append((job.due_s, work, job))
    rows.sort(key=lambda row: (row[0], row[2].id))
    return rows


def latest_start_s(rows: Sequence[Row], served: Mapping[int, float] = NOTHING) -> float:
    """The latest instant the device may come free without making one of `rows` late.

    Args:
        rows: From `keepable`.
        served: Seconds of work, by job, that are done when the device comes free.
    """
    latest = inf
    for due, work, job in reversed(rows):
        left = work - served[job.id] if job.id in served else work
        if left > 0.0:
            latest = min(latest, due) - left
    return latest
