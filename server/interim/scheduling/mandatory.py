"""The mandatory exits of the admitted jobs, and whether they all come in time.

The test is a serial schedule: the jobs in order of their promised instants, each begun when the one before
is done and its image is there. Work is charged as `interim.scheduling.charge` has it. As far as stages stay within
what they are charged the schedule is sustainable (S. Baruah, A. Burns, "Sustainable scheduling analysis",
RTSS 2006): a stage that ends early, or an image that is ready early, never makes another job late. So a
state that passes stays one that passes as long as every step begun leaves it so. Only a step that takes more
than its mean uses up what is kept for others like it.
"""

from __future__ import annotations

from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING

from interim.scheduling.charge import NOTHING, Charge, together_s
from interim.scheduling.job import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job, Size

    Row = tuple[float, Charge, Job]

_ROUNDING_S = 1e-6  # a job admitted without a moment to spare stays one that can be in time

NOBODY: Mapping[int, Charge] = MappingProxyType({})

PROMISE_QUANTILE = 0.999
"""Mandatory work is charged what a stage stays within with this probability."""


def stage_charge(job: Job, costs: CostModel) -> Charge:
    """What the job's next stage is charged, alone."""
    return costs.charge(job.exit + 1, job.size, PROMISE_QUANTILE, active_share=job.active_share)


def mean_share(jobs: Sequence[Job]) -> float:
    """The mean active share over a batch."""
    return sum(job.active_share for job in jobs) / len(jobs)


def batch_charge(jobs: Sequence[Job], costs: CostModel) -> Charge:
    """What the next stage of all `jobs` in one step is charged."""
    first, share = jobs[0], mean_share(jobs)
    return costs.charge(first.exit + 1, first.size, PROMISE_QUANTILE, active_share=share, batch=len(jobs))


def work_charge(job: Job, costs: CostModel) -> Charge:
    """What the job's mandatory stages still to come are charged, alone."""
    share, size = job.active_share, job.size
    total = NOTHING
    for exit_ in range(job.exit + 1, job.min_exit + 1):
        total = total.plus(costs.charge(exit_, size, PROMISE_QUANTILE, active_share=share))
    return total


def keepable(now_s: float, jobs: Iterable[Job], costs: CostModel) -> list[Row]:
    """Those that owe exits and can still bring them, as (due_s, charge, job), earliest first.

    Where those before it used up the tails of all, a job has its mean left, and is not given up. The others are
    late, whatever is done, unless they are lucky, and must not make anybody else late.
    """
    rows: list[Row] = []
    done = State.DONE
    works: dict[tuple[int, int, Size, float], Charge] = {}  # most are alike: no exit yet, of one size
    for job in jobs:
        if job.exit < job.min_exit and job.state is not done:
            like = (job.exit, job.min_exit, job.size, job.active_share)
            work = works.get(like)
            if work is None:
                work = works[like] = work_charge(job, costs)
            if max(now_s, job.ready_s) + work.mean_s <= job.due_s + _ROUNDING_S:
                rows.append((job.due_s, work, job))
    rows.sort(key=lambda row: (row[0], row[2].id))
    return rows


def latest_start_s(
    rows: Sequence[Row], step: Charge = NOTHING, served: Mapping[int, Charge] = NOBODY
) -> float:
    """The latest instant a step may begin without making one of `rows` late.

    Args:
        rows: From `keepable`.
        step: What it is charged; by default there is none, and the device is free for them.
        served: The work it does, by job.
    """
    mean_s, tail_s, stalls = step
    latest = inf
    for due_s, work, job in rows:
        left = work.less(served[job.id]) if job.id in served else work
        if left.mean_s > 0.0:
            mean_s += left.mean_s
            tail_s += left.tail_s
            stalls += left.stalls
            latest = min(latest, due_s - mean_s - tail_s - together_s(stalls))
    return latest
