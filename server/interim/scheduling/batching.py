"""Which jobs join a step: those before the same stage, of the same size, where it pays and harms nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.scheduling.mandatory import PROMISE_QUANTILE, latest_start_s, stage_s
from interim.scheduling.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.mandatory import Row


def fill(
    now_s: float, lead: Job, others: Iterable[Job], *, rows: Sequence[Row], costs: CostModel, max_batch: int
) -> Step:
    """The step of `lead`, with as many of `others` (in their order) as may join.

    One more joins while the batch costs less than the step without it and its own stage alone, every
    member still comes in time, and so does the mandatory work of everybody else (`rows`, from `keepable`).
    """
    batch = [lead]
    if max_batch > 1:
        for job in others:
            if job is lead or job.exit != lead.exit or job.size != lead.size:
                continue
            if not _pays(batch, job, costs) or not _in_time(now_s, [*batch, job], rows, costs):
                continue
            batch.append(job)
            if len(batch) == max_batch:
                break
    return Step(exit=lead.exit + 1, ids=tuple(job.id for job in batch))


def _pays(batch: Sequence[Job], job: Job, costs: CostModel) -> bool:
    """Whether the batch with `job` is cheaper than the batch, then `job`."""
    together = _mean_s([*batch, job], costs)
    return together < _mean_s(batch, costs) + _mean_s([job], costs)


def _mean_s(batch: Sequence[Job], costs: CostModel) -> float:
    share = sum(job.active_share for job in batch) / len(batch)
    return costs.mean(batch[0].exit + 1, batch[0].size, active_share=share, batch=len(batch))


def _in_time(now_s: float, batch: Sequence[Job], rows: Sequence[Row], costs: CostModel) -> bool:
    share = sum(job.active_share for job in batch) / len(batch)
    end_s = now_s + costs.predict(
        batch[0].exit + 1, batch[0].size, PROMISE_QUANTILE, active_share=share, batch=len(batch)
    )
    if any(end_s > min(job.answer_by_s, job.due_s) for job in batch):
        return False
    return not rows or end_s <= latest_start_s(rows, {job.id: stage_s(job, costs) for job in batch})
