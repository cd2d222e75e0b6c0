"""Which jobs join a step: those before the same stage, of the same size, where it pays and harms nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.scheduling.mandatory import batch_charge, latest_start_s, mean_share, stage_charge
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
            if job.exit == lead.exit and job.size == lead.size and job is not lead:
                grown = [*batch, job]
                if _pays(batch, grown, costs) and _in_time(now_s, grown, rows, costs):
                    batch = grown
                    if len(batch) == max_batch:
                        break
    return Step(exit=lead.exit + 1, ids=tuple(job.id for job in batch))


def _pays(batch: Sequence[Job], grown: Sequence[Job], costs: CostModel) -> bool:
    """Whether the grown batch is cheaper than the batch, then the job it grew by."""
    return _mean_s(grown, costs) < _mean_s(batch, costs) + _mean_s(grown[-1:], costs)


def _mean_s(batch: Sequence[Job], costs: CostModel) -> float:
    return costs.mean(batch[0].exit + 1, batch[0].size, active_share=mean_share(batch), batch=len(batch))


def _in_time(now_s: float, batch: Sequence[Job], rows: Sequence[Row], costs: CostModel) -> bool:
    """Whether every member, and every promise, is still in time after the batch."""
    charge = batch_charge(batch, costs)
    end_s = now_s + charge.seconds
    if any(end_s > job.answer_by_s or end_s > job.due_s for job in batch):
        return False
    # Counting the members' own work twice is quicker, and enough while there is time.
    return end_s <= latest_start_s(rows) or now_s <= latest_start_s(
        rows, charge, {job.id: stage_charge(job, costs) for job in batch}
    )
