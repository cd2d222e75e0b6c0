"""May a job come in? Only if its mandatory exits, and those of all that are in already, come in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from interim.scheduling.mandatory import PROMISE_QUANTILE, keepable, work_s

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.mandatory import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A verdict.

    Attributes:
        admitted: Whether it came in (or its extension was granted).
        cause: One word for a refusal: "deadline", "queue", "unknown"; empty when admitted.
        detail: One sentence for a refusal.
        retry_after_s: When to try again; 0 where that will not help.
    """

    admitted: bool
    cause: str = ""
    detail: str = ""
    retry_after_s: float = 0.0


ADMITTED = Admission(admitted=True)


class AdmissionTest(Protocol):
    """Decides whether a job that owes exits may join the others: `admit`, or `admit_all`."""

    def __call__(
        self, now_s: float, job: Job, others: Iterable[Job], *, free_s: float, costs: CostModel
    ) -> Admission:
        """See `admit`."""


def admit_all(
    now_s: float,  # noqa: ARG001 (the interface)
    job: Job,  # noqa: ARG001 (the interface)
    others: Iterable[Job],  # noqa: ARG001 (the interface)
    *,
    free_s: float,  # noqa: ARG001 (the interface)
    costs: CostModel,  # noqa: ARG001 (the interface)
) -> Admission:
    """Everybody comes in and nothing is promised: how policies are compared without admission."""
    return ADMITTED


def admit(
    now_s: float,
    job: Job,
    others: Iterable[Job],
    *,
    free_s: float,
    costs: CostModel,
    quantile: float = PROMISE_QUANTILE,
) -> Admission:
    """Test whether `job` can join `others`.

    Args:
        now_s: The instant of the question.
        job: The newcomer, or a job with its new deadline.
        others: All live jobs but `job`; one on the device counts with what is left after this step.
        free_s: When the device comes free.
        costs: The cost model.
        quantile: What its costs are read at.

    Returns:
        The verdict; a refusal says how much time is missing and when to come back.
    """
    work = work_s(job, costs, quantile)
    spare = job.due_s - max(now_s, job.ready_s) - work
    if spare < 0.0:
        return _alone(job, work, -spare)
    others = list(others)
    rows = keepable(now_s, others, costs, quantile)
    promised = {other.id for _, _, other in rows}
    late = sum(work_s(o, costs, quantile) for o in others if o.owes and o.id not in promised)
    missing = _missing_s(max(now_s, free_s), (job.due_s, work, job), rows, late)
    if missing <= 0.0:
        return ADMITTED
    return Admission(
        admitted=False,
        cause="deadline",
        detail=f"Exit {job.min_exit} of all that is queued would come {missing * 1e3:.1f} ms too late.",
        retry_after_s=max(missing, 1e-3),
    )


def _alone(job: Job, work: float, missing: float) -> Admission:
    return Admission(
        admitted=False,
        cause="deadline",
        detail=(
            f"Exit {job.min_exit} alone may take {work * 1e3:.1f} ms from when the image is decoded, "
            f"{missing * 1e3:.1f} ms more than there are: ask for a larger budget or a smaller image."
        ),
    )


def _missing_s(free_s: float, row: Row, rows: Sequence[Row], late_s: float) -> float:
    """By how much the newcomer, or anyone it delays beyond its promise, would be late; <= 0: nobody.

    `late_s` is work that is late already. It yields to what was promised, but not to newcomers.
    """
    due, work, job = row
    without = with_it = free_s
    inserted = False
    missing = float("-inf")
    for other_due, other_work, other in [*rows, (float("inf"), 0.0, job)]:
        if not inserted and (due, job.id) < (other_due, other.id):
            inserted = True
            with_it = max(with_it, job.ready_s) + work
            missing = with_it + late_s - due
        if other is job:
            break
        without = max(without, other.ready_s) + other_work
        with_it = max(with_it, other.ready_s) + other_work
        if inserted and without <= other_due:
            missing = max(missing, with_it - other_due)
    return missing
