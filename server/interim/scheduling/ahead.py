"""The step after the running one, chosen while that runs: what is left for the instant between is a check.

The check takes as long with many jobs as with few. It keeps every promise that a choice at that instant would
keep: where it cannot tell, there is no step here, and the choice is made then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from interim.scheduling.charge import NOTHING, Charge
from interim.scheduling.guard import Guard, by_deadline
from interim.scheduling.job import State
from interim.scheduling.mandatory import batch_charge, latest_start_s, mean_share, stage_charge, work_charge
from interim.scheduling.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.policy import Policy

_ROUNDING_S = 1e-6

AGAIN_S = 0.005
"""What is prepared is not prepared anew sooner than this: choosing takes processor time from others."""


@runtime_checkable
class Adjusting(Protocol):
    """A policy that can mend its last choice once the step before has ended."""

    def adjust(self, now_s: float, step: Step, job: Job) -> Step:
        """The last choice, `step`, or another one now that `job`, of the step before, is known as it stands."""


@dataclass(slots=True, kw_only=True)
class _Prepared:
    """A step, and what it is still good for.

    `begin_by_s`: when it has to begin for everybody's promise. `end_by_s`: when another one in its place has to be
    over for them, those of its own jobs included. `charge`: its own; `own`: the promised work that it does; `owed`:
    the other. `fresh`: the jobs whose images came since.
    """

    step: Step
    begin_by_s: float
    end_by_s: float
    charge: Charge
    own: Charge
    owed: Charge
    fresh: list[int] = field(default_factory=list)

    def make_room(self, work: Charge, due_s: float) -> None:
        """There is more promised work, at the worst before everybody's, and at the worst after."""
        self.owed = self.owed.plus(work)
        spent_s, all_ = work.seconds, self.owed.plus(self.charge).seconds
        self.begin_by_s = min(self.begin_by_s - spent_s, due_s - all_)
        self.end_by_s = min(self.end_by_s - spent_s, due_s - self.owed.plus(self.own).seconds)


class Ahead:
    """Holds the prepared step and hears what happens meanwhile.

    Args:
        policy: Who chooses; one whose `choose` may be asked again before a step begins (those that serve).
        costs: The cost model, read at the promise's quantile.
    """

    def __init__(self, policy: Policy, costs: CostModel) -> None:
        self._policy = policy
        self._adjusting = policy if isinstance(policy, Adjusting) else None
        self._costs = costs
        self._prepared: _Prepared | None = None
        self._ran: tuple[int, ...] = ()
        self._stale = True
        self._again_s = 0.0

    def drop(self) -> None:
        """What follows is open: a step has just begun, or did not end as expected."""
        self._prepared, self._stale, self._again_s = None, True, 0.0

    def wants(self, now_s: float) -> bool:
        """Whether there is something to `prepare` for."""
        return self._stale and now_s >= self._again_s

    def prepare(self, now_s: float, at_s: float, queue: Sequence[Job], *, pause_s: float) -> None:
        """Choose what to begin at about `at_s`, when `queue` is how the jobs are expected to stand.

        Args:
            now_s: When this is asked: promises count as of now.
            at_s: When the running step is expected to end.
            queue: All live jobs; those in the running step as if it were over.
            pause_s: How long nothing but a new step is reason to do so again.
        """
        self._prepared, self._stale, self._again_s = None, False, now_s + pause_s
        step = self._policy.choose(at_s, queue)
        if step is None:
            return
        members = [job for job in queue if job.id in step.ids]
        own = {job.id: stage_charge(job, self._costs) for job in members if job.owes}
        rows = Guard(now_s, queue, self._costs).rows
        charge, all_own = batch_charge(members, self._costs), _sum(own.values())
        self._prepared = _Prepared(
            step=step,
            begin_by_s=latest_start_s(rows, charge, own),
            end_by_s=latest_start_s(rows),
            charge=charge,
            own=all_own,
            owed=_sum(work for _, work, _ in rows).less(all_own),
        )

    def admitted(self, job: Job) -> None:
        """A job has come in: its mandatory work needs room, wherever it lies among the others'."""
        self._stale = True
        prepared = self._prepared
        if prepared is not None and job.owes:
            prepared.make_room(work_charge(job, self._costs), job.due_s)

    def submitted(self, job_id: int) -> None:
        """A job's image is there: its exit 1 may go before what was prepared."""
        self._stale = True
        if self._prepared is not None:
            self._prepared.fresh.append(job_id)

    def moved(self, job: Job) -> None:
        """A job's deadline is another one."""
        self._stale = True
        if job.owes:
            self._prepared = None

    def forgotten(self) -> None:
        """A job is gone."""
        self._stale = True

    def finished(self, step: Step) -> None:
        """The running step is over."""
        self._ran = step.ids

    def take(self, now_s: float, jobs: Mapping[int, Job]) -> Step | None:
        """The step to begin now, or None: choose.

        Args:
            now_s: When it begins.
            jobs: The live jobs as they stand.
        """
        prepared, self._prepared = self._prepared, None
        if prepared is None:
            return None
        step = self._adjusted(now_s, prepared, jobs)
        members = [job for id_ in step.ids if (job := jobs.get(id_)) is not None]
        ready = all(job.state is State.WAITING and job.exit == step.exit - 1 for job in members)
        if not ready or len(members) < len(step.ids):
            return None
        charged_s = batch_charge(members, self._costs).seconds
        end_s = now_s + charged_s - _ROUNDING_S
        # The step before may have left more to refine than was expected when this one was prepared.
        more_s = max(charged_s - prepared.charge.seconds, 0.0)
        late = (
            now_s + more_s - _ROUNDING_S > prepared.begin_by_s
            if step is prepared.step
            else end_s > prepared.end_by_s
        )
        if late or any(job.owes and end_s > job.due_s for job in members):
            return None
        return step if step.exit == 1 or self._counts(now_s, members) else None

    def _adjusted(self, now_s: float, prepared: _Prepared, jobs: Mapping[int, Job]) -> Step:
        """A fresh exit 1 in place of a refinement, or what the policy says now that the last step is over."""
        step = prepared.step
        if step.exit == 1:
            return step
        if prepared.fresh and (first := _first(prepared.fresh, jobs)):
            return first
        ran = jobs.get(self._ran[0]) if self._adjusting and len(self._ran) == 1 else None
        if self._adjusting and ran is not None and ran.state is State.WAITING:
            return self._adjusting.adjust(now_s, step, ran)
        return step

    def _counts(self, now_s: float, members: Sequence[Job]) -> bool:
        """Whether every member can be expected to have its refinement in time."""
        share, lead = mean_share(members), members[0]
        mean_s = self._costs.mean(lead.exit + 1, lead.size, active_share=share, batch=len(members))
        return all(now_s + mean_s <= job.answer_by_s + _ROUNDING_S for job in members)


def _sum(charges: Iterable[Charge]) -> Charge:
    return reduce(Charge.plus, charges, NOTHING)


def _first(fresh: Sequence[int], jobs: Mapping[int, Job]) -> Step | None:
    """The exit 1 that goes before a refinement: of those whose images came since, the earliest deadline."""
    ready = [job for id_ in fresh if (job := jobs.get(id_)) is not None and job.exit == 0]
    return Step(exit=1, ids=(min(ready, key=by_deadline).id,)) if ready else None
