"""The scheduler of one device: events and `now` in, decisions out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from interim.scheduling.admission import ADMITTED, Admission, admit
from interim.scheduling.ahead import Ahead
from interim.scheduling.charge import NOTHING
from interim.scheduling.doubts import MEASURED_AFTER, Doubts
from interim.scheduling.errors import EventError, StepError
from interim.scheduling.job import Event, State
from interim.scheduling.mandatory import mean_share, work_charge
from interim.scheduling.running import Running
from interim.scheduling.utility import HALVING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from interim.scheduling.admission import AdmissionTest
    from interim.scheduling.charge import Charge
    from interim.scheduling.costs import CostModel
    from interim.scheduling.doubts import Doubt
    from interim.scheduling.job import Job
    from interim.scheduling.policy import Policy
    from interim.scheduling.step import Step
    from interim.scheduling.utility import Utility


class Scheduler:
    """Holds the live jobs of one device, admits, and says which step is next.

    One step runs at a time. Events for ids that are unknown, or forgotten already, are void: the front and
    the device race, and that is normal. An event that a live job's state does not have is an `EventError`.

    Args:
        exits: How many exits the model has.
        costs: The cost model; the scheduler teaches it and predicts with it.
        policy: Who chooses (`interim.scheduling.policy.named`).
        max_jobs: The most live jobs; one more is refused with cause "queue".
        admission: Who may come in; `admit_all` promises nothing and serves comparisons.
        utility: What is expected of the jobs in the running step, for `prepare`.
    """

    def __init__(
        self,
        *,
        exits: int,
        costs: CostModel,
        policy: Policy,
        max_jobs: int = 256,
        admission: AdmissionTest = admit,
        utility: Utility = HALVING,
    ) -> None:
        self.exits = exits
        self.costs = costs
        self._policy = policy
        self._max_jobs = max_jobs
        self._admission = admission
        self._utility = utility
        self._ahead = Ahead(policy, costs)
        self._jobs: dict[int, Job] = {}
        self._running: Running | None = None
        self._doubts = Doubts()
        self._yields_s = 0.0  # how soon the device comes free of what is measured on it now

    @property
    def jobs(self) -> Mapping[int, Job]:
        """The live jobs by id, in order of arrival here; the forgotten are gone."""
        return self._jobs

    @property
    def running(self) -> Step | None:
        """The step on the device."""
        return self._running.step if self._running else None

    def ask(self, now_s: float, job: Job) -> Admission:
        """Let a new job in, or say why not. An admitted job is ASKED until it is submitted or forgotten.

        Raises:
            EventError: A live job has this id.
        """
        if job.id in self._jobs:
            raise EventError(id=job.id, state=self._jobs[job.id].state.value, event="ask")
        if len(self._jobs) >= self._max_jobs:
            return self._full(now_s)
        job = job._replace(max_exit=min(job.max_exit, self.exits), promise_s=job.answer_by_s)
        verdict = self._test(now_s, job)
        if verdict.admitted:
            self._jobs[job.id] = job
            self._ahead.admitted(job)
        return verdict

    def submit(self, now_s: float, job_id: int) -> None:
        """The image of an admitted job is in memory: its stages may run."""
        job = self._jobs.get(job_id)
        if job is not None:
            self._jobs[job_id] = job.after(Event.SUBMIT, ready_s=now_s)
            self._ahead.submitted(job_id)

    def prepare(self, now_s: float, *, pause_s: float = 0.0) -> bool:
        """While a step runs, choose the next one, as if that had ended at its expected time; False: nothing to do.

        Call it when a step has begun, and again after events; with nothing new it does nothing. It is never
        needed: what is not prepared is chosen by `next_step`. `pause_s`: how long events are no reason to
        choose anew (`interim.scheduling.ahead.AGAIN_S` where that costs).
        """
        running = self._running
        if running is None or not self._ahead.wants(now_s):
            return False
        at_s = max(now_s, running.expected_s)
        queue = tuple(job for job in map(self._expected, self._jobs.values()) if job)
        self._ahead.prepare(now_s, at_s, queue, pause_s=pause_s)
        return True

    def next_step(self, now_s: float) -> Step | None:
        """Choose the next step and mark it running; None to leave the device idle.

        After None, ask again after the next event, or at `wake_s`.

        Raises:
            StepError: A step is running.
        """
        if self._running is not None:
            raise StepError(f"Step {self._running.step} is running: finish it before asking for the next.")
        step = self._ahead.take(now_s, self._jobs) or self._policy.choose(now_s, tuple(self._jobs.values()))
        if step is None:
            return None
        jobs = tuple(self._jobs[id_] for id_ in step.ids)
        for job in jobs:
            self._jobs[job.id] = job.after(Event.BEGIN)
        self._running = Running.begun(now_s, step, jobs, self.costs)
        self._ahead.drop()
        return step

    def wake_s(self, now_s: float) -> float | None:
        """When to call `next_step` again if nothing happens before: a promised image did not come."""
        return min(
            (job.due_s for job in self._jobs.values() if job.state is State.ASKED and job.due_s > now_s),
            default=None,
        )

    def finish(
        self,
        now_s: float,
        step: Step,
        seconds: float,
        shares: Mapping[int, float],
    ) -> tuple[int, ...]:
        """The running step ended.

        Args:
            now_s: When.
            step: The one that runs.
            seconds: What it took, its choice included; learnt from unless nothing came of it.
            shares: For each job it brought to its exit, the share of positions still active. A job of the
                step that is missing here (and did not fail) stands where it stood before the step.

        Returns:
            The jobs that have nothing more to run: at their last exit, or sure enough.

        Raises:
            StepError: `step` is not the one that runs.
        """
        if self._running is None or self._running.step != step:
            raise StepError(f"Step {step} does not run: finish the step that `next_step` gave.")
        jobs = self._running.jobs
        if now_s > self._running.until_s:
            self._ahead.drop()  # it took longer than promises count on
        self._running = None
        self._ahead.finished(step)
        if shares:
            share, size = mean_share(jobs), jobs[0].size
            self.costs.observe(step.exit, size, seconds, active_share=share, batch=len(jobs))
        return tuple(id_ for id_ in step.ids if self._advance(id_, step.exit, shares.get(id_)))

    def move(self, now_s: float, job_id: int, answer_by_s: float) -> Admission:
        """Move a job's deadline. An earlier one is always taken; a later one is admitted anew.

        A refused extension leaves the old deadline. A shortening whose mandatory exits cannot be promised
        without breaking another job's promise is done as early as they allow.
        """
        job = self._jobs.get(job_id)
        if job is None:
            return Admission(admitted=False, cause="unknown", detail=f"Request {job_id} is over.")
        moved = job._replace(answer_by_s=answer_by_s, promise_s=answer_by_s)
        verdict = self._test(now_s, moved)
        harmless = answer_by_s <= job.answer_by_s or not self._after_step(job).owes
        if not verdict.admitted and harmless:
            moved, verdict = job._replace(answer_by_s=answer_by_s), ADMITTED
        if verdict.admitted:
            self._jobs[job_id] = moved
            self._ahead.moved(self._after_step(moved))
        return verdict

    def forget(self, now_s: float, job_id: int, *, yields_s: float | None = None) -> Job | None:
        """Nothing more is wanted of a job: it is gone at once, though a running step still works on it.

        Args:
            now_s: When.
            job_id: The job.
            yields_s: How soon a step that nobody waits for any more is given up (the longest slice); None: it
                runs to its end.

        Returns:
            The job as it was, None for an unknown one.
        """
        job = self._jobs.pop(job_id, None)
        if job is not None:
            job.after(Event.FORGET)
            self._ahead.forgotten()
            if yields_s is not None and job.state is State.RUNNING:
                self._yield_by(now_s + yields_s)
        return job

    def fail(self, now_s: float, job_id: int) -> None:  # noqa: ARG002 (every event bears its time)
        """The model raised on this job: nothing more of it runs."""
        job = self._jobs.get(job_id)
        if job is not None:
            self._jobs[job_id] = job.after(Event.FAIL)

    def doubt(self, now_s: float, *, yields_s: float = 0.0) -> Doubt | None:
        """What to measure while there is nothing else to do; None while there is, or where nothing is in doubt.

        Tell `settle` what it cost. Until then, admission counts with `yields_s`, the time that measuring may
        go on after it was given up.
        """
        found = None if self._jobs or self._running else self._doubts.take(now_s)
        self._yields_s = yields_s if found else 0.0
        return found

    def settle(self, doubt: Doubt, seconds: Iterable[tuple[int, float]]) -> None:
        """What the stages of a doubt cost just now, one job with every position active; counts for more than the past.

        Args:
            doubt: What was measured.
            seconds: (exit, seconds) of each step; none where it was given up.
        """
        self._yields_s = 0.0
        steps = tuple(seconds)
        for exit_ in {exit_ for exit_, _ in steps}:
            self.costs.doubt(exit_, doubt.size)
        for exit_, spent_s in steps:
            self.costs.observe(exit_, doubt.size, spent_s)

    def _advance(self, id_: int, exit_: int, share: float | None) -> bool:
        """Take one job of a finished step on; whether it has nothing more to run."""
        job = self._jobs.get(id_)
        if job is None or job.state is not State.RUNNING:
            return False
        if share is None:
            self._jobs[id_] = job.after(Event.ABANDON)
            self._ahead.drop()
            return False
        job, last = _advanced(job, exit_, share)
        self._jobs[id_] = job
        if job.owes:
            self._ahead.drop()  # the promise is for an exit still to come, and what that costs is known only now
        return last

    def _yield_by(self, by_s: float) -> None:
        """The running step ends by then, if nobody waits for it any more."""
        running = self._running
        if running and self._jobs.keys().isdisjoint(running.step.ids):
            self._running = running.given_up(by_s)

    def _free_s(self, now_s: float) -> tuple[float, Charge]:
        """When the device is expected to come free, and what it may take longer."""
        return self._running.free_s(now_s) if self._running else (now_s + self._yields_s, NOTHING)

    def _test(self, now_s: float, job: Job) -> Admission:
        """Whether the mandatory exits of `job`, and of all that are in, can come in time."""
        if not job.owes:
            return ADMITTED
        others = [self._after_step(other) for other in self._jobs.values() if other.id != job.id]
        job = self._after_step(job)
        free_s, later = self._free_s(now_s)
        if not job.owes and free_s + later.seconds <= job.due_s:
            return ADMITTED
        verdict = self._admission(now_s, job, others, free_s=free_s, later=later, costs=self.costs)
        if verdict.admitted or others or not self._doubts.add(now_s, job.size, job.min_exit):
            return verdict
        idle = not self._jobs and self._running is None
        return self._doubted(verdict, job) if idle else verdict

    def _doubted(self, verdict: Admission, job: Job) -> Admission:
        """A refusal by costs that are measured again at once: it may help to ask again after that."""
        again_s = MEASURED_AFTER * work_charge(job, self.costs).seconds
        detail = f"{verdict.detail} That is being measured again: try again in {again_s * 1e3:.0f} ms."
        return replace(verdict, detail=detail, retry_after_s=again_s)

    def _after_step(self, job: Job) -> Job:
        """The job as it will stand when the running step is done."""
        if job.state is State.RUNNING and self._running:
            return job._replace(exit=self._running.step.exit)
        return job

    def _expected(self, job: Job) -> Job | None:
        """The job as it is expected to stand when the running step is done, the share left to refine included.

        None: its deadline will have passed, and what it owed be there, so that it is answered at once.
        """
        if job.state is not State.RUNNING or self._running is None:
            return job
        shares = self._utility.shares(job)
        job, _ = _advanced(job, self._running.step.exit, shares[1] if len(shares) > 1 else 0.0)
        return job if job.owes or job.answer_by_s > self._running.expected_s else None

    def _full(self, now_s: float) -> Admission:
        soonest = min(job.answer_by_s for job in self._jobs.values())
        return Admission(
            admitted=False,
            cause="queue",
            detail=f"{self._max_jobs} requests are in already.",
            retry_after_s=max(soonest - now_s, 1e-3),
        )


def _advanced(job: Job, exit_: int, share: float) -> tuple[Job, bool]:
    """A running job once it has an exit, and whether it has nothing more to run."""
    last = exit_ >= job.max_exit or (exit_ >= job.min_exit and share <= job.stop_below)
    return job.after(Event.LAST if last else Event.FINISH, exit=exit_, active_share=share), last
