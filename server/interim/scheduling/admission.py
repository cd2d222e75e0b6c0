"""May a job come in? Only if its mandatory exits, and those of all that are in already, come in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from interim.scheduling.charge import NOTHING, Course
from interim.scheduling.mandatory import keepable, work_charge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from interim.scheduling.charge import Charge
    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.mandatory import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A verdict.

    Attributes:
        admitted: Whether it came in (or its extension was granted).
        cause: One word for a refusal: "deadline", "queue", "unknown"; empty when admitted.
        detail: What a refusal says to people.
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
        self,
        now_s: float,
        job: Job,
        others: Iterable[Job],
        *,
        free_s: float,
        costs: CostModel,
        later: Charge = NOTHING,
    ) -> Admission:
        """See `admit`."""


def admit_all(
    now_s: float,  # noqa: ARG001 (the interface)
    job: Job,  # noqa: ARG001 (the interface)
    others: Iterable[Job],  # noqa: ARG001 (the interface)
    *,
    free_s: float,  # noqa: ARG001 (the interface)
    costs: CostModel,  # noqa: ARG001 (the interface)
    later: Charge = NOTHING,  # noqa: ARG001 (the interface)
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
    later: Charge = NOTHING,
) -> Admission:
    """Test whether `job` can join `others`.

    Args:
        now_s: The instant of the question.
        job: The newcomer, or a job with its new deadline.
        others: All live jobs but `job`; one on the device counts with what is left after this step.
        free_s: When the device is expected to come free.
        costs: The cost model.
        later: What it may take longer than that.

    Returns:
        The verdict; a refusal says how much time is missing and when to come back.
    """
    work = work_charge(job, costs)
    spare = job.due_s - max(now_s, job.ready_s) - work.seconds
    if spare < 0.0:
        return _alone(job, work.seconds, -spare)
    others = list(others)
    rows = keepable(now_s, others, costs)
    promised = {other.id for _, _, other in rows}
    late = NOTHING
    for other in others:
        if other.owes and other.id not in promised:
            late = late.plus(work_charge(other, costs))
    missing = _missing_s(Course(max(now_s, free_s), later), (job.due_s, work, job), rows, late)
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


def _missing_s(course: Course, row: Row, rows: Sequence[Row], late: Charge) -> float:
    """By how much the newcomer, or anyone whom it delays, would be late; <= 0: nobody.

    `late` is work that is late already. It yields to what was promised, but not to newcomers.
    """
    due, work, job = row
    before = [other for other in rows if (other[0], other[2].id) < (due, job.id)]
    for _, other_work, other in before:
        course.add(other_work, other.ready_s)
    missing = course.add(work, job.ready_s) + late.seconds - due
    for other_due, other_work, other in rows[len(before) :]:
        missing = max(missing, course.add(other_work, other.ready_s) - other_due)
    return missing
