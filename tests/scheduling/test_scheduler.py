"""The scheduler as its owner drives it: events and now in, admissions and steps out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from interim.scheduling.costs import CostModel
from interim.scheduling.doubts import Doubt
from interim.scheduling.errors import EventError, StepError
from interim.scheduling.job import Job, State
from interim.scheduling.policy import named
from interim.scheduling.scheduler import Scheduler
from interim.scheduling.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeJob = Callable[..., Job]

SIZE = (100, 200)


@pytest.fixture
def scheduler(costs: CostModel) -> Scheduler:
    return Scheduler(exits=4, costs=costs, policy=named("edf", costs=costs), max_jobs=4)


def test_a_job_runs_stage_by_stage_to_its_last_exit(scheduler: Scheduler, make_job: MakeJob) -> None:
    """Asked, submitted, then one step an exit; the last one says that nothing more is to run."""
    assert scheduler.ask(0.0, make_job(1, 50.0, max_exit=3, ready_s=1.0)).admitted
    assert scheduler.next_step(0.0) is None
    scheduler.submit(0.5, 1)
    done = []
    for exit_ in (1, 2, 3):
        step = scheduler.next_step(float(exit_))
        assert step == Step(exit=exit_, ids=(1,))
        assert scheduler.running == step
        done.append(scheduler.finish(exit_ + 0.9, step, 0.9, {1: 0.5}))
    assert done == [(), (), (1,)]
    assert scheduler.jobs[1].state is State.DONE
    assert scheduler.next_step(4.0) is None


def test_max_exit_is_capped_by_the_model(scheduler: Scheduler, make_job: MakeJob) -> None:
    """A job cannot want more exits than there are."""
    scheduler.ask(0.0, make_job(1, 50.0, max_exit=99))
    assert scheduler.jobs[1].max_exit == 4


def test_a_job_that_is_sure_enough_is_done_but_not_before_its_mandatory_exit(
    scheduler: Scheduler, make_job: MakeJob
) -> None:
    """At most stop_below of its positions are left: it ends with min_exit at the earliest."""
    scheduler.ask(0.0, make_job(1, 50.0, min_exit=2, stop_below=0.1))
    scheduler.submit(0.0, 1)
    for exit_, done in ((1, ()), (2, (1,))):
        step = scheduler.next_step(0.0)
        assert step is not None
        assert scheduler.finish(0.0, step, 1.0, {1: 0.05}) == done, exit_


def test_only_one_step_runs_and_only_that_one_finishes(scheduler: Scheduler, make_job: MakeJob) -> None:
    """Anything else is a fault of the caller, and says so."""
    scheduler.ask(0.0, make_job(1, 50.0))
    scheduler.submit(0.0, 1)
    step = scheduler.next_step(0.0)
    assert step is not None
    with pytest.raises(StepError, match="is running"):
        scheduler.next_step(0.0)
    with pytest.raises(StepError, match="does not run"):
        scheduler.finish(0.0, Step(exit=2, ids=(1,)), 1.0, {1: 1.0})
    scheduler.finish(0.0, step, 1.0, {1: 1.0})
    with pytest.raises(StepError, match="does not run"):
        scheduler.finish(0.0, step, 1.0, {1: 1.0})


def test_events_for_unknown_jobs_are_void(scheduler: Scheduler) -> None:
    """The front and the device race: what is over is over."""
    scheduler.submit(0.0, 9)
    scheduler.fail(0.0, 9)
    assert scheduler.forget(0.0, 9) is None
    moved = scheduler.move(0.0, 9, 5.0)
    assert (moved.admitted, moved.cause) == (False, "unknown")
    assert not scheduler.jobs


def test_an_id_that_lives_cannot_be_asked_again(scheduler: Scheduler, make_job: MakeJob) -> None:
    """And a job cannot be submitted twice."""
    scheduler.ask(0.0, make_job(1, 50.0))
    with pytest.raises(EventError, match=r"Request 1 is asked.*'ask'"):
        scheduler.ask(0.0, make_job(1, 50.0))
    scheduler.submit(0.0, 1)
    with pytest.raises(EventError, match=r"Request 1 is waiting.*'submit'"):
        scheduler.submit(0.0, 1)


def test_a_job_forgotten_while_it_runs_is_gone_and_its_result_void(
    scheduler: Scheduler, make_job: MakeJob
) -> None:
    """The step still counts as running, and its cost is still learnt."""
    scheduler.ask(0.0, make_job(1, 50.0))
    scheduler.submit(0.0, 1)
    step = scheduler.next_step(0.0)
    assert step is not None
    gone = scheduler.forget(0.1, 1)
    assert gone is not None
    assert gone.state is State.RUNNING
    assert scheduler.running == step
    assert scheduler.finish(1.0, step, 1.0, {1: 0.5}) == ()
    assert not scheduler.jobs


def test_a_step_without_a_result_leaves_the_job_where_it_stood(
    scheduler: Scheduler, make_job: MakeJob
) -> None:
    """It may run again; one that failed may not."""
    for id_ in (1, 2):
        scheduler.ask(0.0, make_job(id_, 50.0))
        scheduler.submit(0.0, id_)
    step = scheduler.next_step(0.0)
    assert step == Step(exit=1, ids=(1,))
    scheduler.finish(1.0, step, 1.0, {})
    assert (scheduler.jobs[1].state, scheduler.jobs[1].exit) == (State.WAITING, 0)
    step = scheduler.next_step(1.0)
    assert step == Step(exit=1, ids=(1,))
    scheduler.fail(1.5, 1)
    scheduler.finish(2.0, step, 1.0, {})
    assert scheduler.jobs[1].state is State.DONE
    assert scheduler.next_step(2.0) == Step(exit=1, ids=(2,))


def test_costs_are_learnt_with_the_share_the_step_began_with(make_job: MakeJob) -> None:
    """Stage 2 worked on what exit 1 left active."""
    costs = CostModel()
    for stage in (1, 2):
        costs.observe(stage, SIZE, 0.01)
    scheduler = Scheduler(exits=2, costs=costs, policy=named("edf", costs=costs))
    for id_ in range(40):
        scheduler.ask(0.0, make_job(id_, 50.0, max_exit=2))
        scheduler.submit(0.0, id_)
        for seconds, share in ((0.01, 0.25 + id_ % 2 / 2), (0.02 * (0.25 + id_ % 2 / 2), 0.0)):
            step = scheduler.next_step(0.0)
            assert step is not None
            scheduler.finish(0.0, step, seconds, {id_: share})
        scheduler.forget(0.0, id_)
    assert costs.mean(2, SIZE, active_share=0.5) == pytest.approx(0.01, rel=0.1)
    assert costs.mean(2, SIZE, active_share=0.25) == pytest.approx(0.005, rel=0.2)


def test_a_full_house_refuses_and_says_when_a_place_comes_free(
    scheduler: Scheduler, make_job: MakeJob
) -> None:
    """The fifth of four is told the earliest deadline."""
    for id_ in range(4):
        scheduler.ask(0.0, make_job(id_, 20.0 + id_))
    verdict = scheduler.ask(5.0, make_job(9, 90.0))
    assert (verdict.cause, verdict.retry_after_s) == ("queue", 15.0)


def test_a_running_step_is_counted_until_it_ends(scheduler: Scheduler, make_job: MakeJob) -> None:
    """The newcomer's second begins when the running one is done; the runner itself owes nothing after."""
    scheduler.ask(0.0, make_job(1, 50.0))
    scheduler.submit(0.0, 1)
    scheduler.next_step(0.0)
    assert not scheduler.ask(0.5, make_job(2, 1.9, ready_s=0.5)).admitted
    assert scheduler.ask(0.5, make_job(3, 2.0, ready_s=0.5)).admitted


def test_a_shortening_is_always_taken_but_takes_no_promise_from_others(
    scheduler: Scheduler, make_job: MakeJob
) -> None:
    """Job 2 wants to jump the queue: its deadline moves, its promised place stays, as job 1 needs its own."""
    for id_, by in ((1, 1.5), (2, 2.5)):
        assert scheduler.ask(0.0, make_job(id_, by)).admitted
        scheduler.submit(0.0, id_)
    assert scheduler.move(0.0, 2, 0.8).admitted
    assert (scheduler.jobs[2].answer_by_s, scheduler.jobs[2].due_s) == (0.8, 2.5)
    assert scheduler.next_step(0.0) == Step(exit=1, ids=(1,))


def test_a_shortening_that_can_be_met_is_promised(scheduler: Scheduler, make_job: MakeJob) -> None:
    """There is time for both: job 2 goes first now."""
    for id_, by in ((1, 2.5), (2, 9.0)):
        scheduler.ask(0.0, make_job(id_, by))
        scheduler.submit(0.0, id_)
    assert scheduler.move(0.0, 2, 1.2).admitted
    assert scheduler.jobs[2].due_s == 1.2
    assert scheduler.next_step(0.0) == Step(exit=1, ids=(2,))


def test_a_refused_extension_leaves_the_old_deadline(scheduler: Scheduler, make_job: MakeJob) -> None:
    """Job 1 missed its time; what it asks for now would come too late behind job 2."""
    scheduler.ask(0.0, make_job(1, 1.0))
    scheduler.ask(0.0, make_job(2, 4.0, min_exit=2))
    verdict = scheduler.move(1.0, 1, 4.5)
    assert (verdict.admitted, verdict.cause) == (False, "deadline")
    assert scheduler.jobs[1].answer_by_s == 1.0
    assert scheduler.move(1.0, 1, 5.0).admitted
    assert scheduler.jobs[1].answer_by_s == 5.0


def test_a_job_past_its_mandatory_exit_may_always_have_more_time(
    scheduler: Scheduler, make_job: MakeJob
) -> None:
    """Optional work takes nobody's place."""
    scheduler.ask(0.0, make_job(1, 5.0))
    scheduler.submit(0.0, 1)
    step = scheduler.next_step(0.0)
    assert step is not None
    scheduler.finish(1.0, step, 1.0, {1: 1.0})
    scheduler.ask(1.0, make_job(2, 2.0, ready_s=1.0))
    assert scheduler.move(1.0, 1, 500.0).admitted


def test_an_image_that_does_not_come_holds_the_device_up_to_its_promise_only(
    scheduler: Scheduler, make_job: MakeJob
) -> None:
    """wake_s says when to look again."""
    scheduler.ask(0.0, make_job(1, 50.0, exit=0))
    scheduler.submit(0.0, 1)
    step = scheduler.next_step(0.0)
    assert step is not None
    scheduler.finish(1.0, step, 1.0, {1: 1.0})
    assert scheduler.wake_s(1.0) is None
    scheduler.ask(1.0, make_job(2, 2.5, ready_s=1.2))
    assert scheduler.next_step(1.2) is None
    assert scheduler.wake_s(1.2) == 2.5
    assert scheduler.next_step(2.5) == Step(exit=2, ids=(1,))


def test_one_hiccup_does_not_refuse_tight_requests_for_ever(make_job: MakeJob) -> None:
    """An idle device that refused measures again, and takes the request once it was seen to be in time."""
    costs = CostModel()
    for seconds in [0.01] * 30 + [0.2] + [0.01] * 30:
        costs.observe(1, SIZE, seconds)
    scheduler = Scheduler(exits=1, costs=costs, policy=named("edf", costs=costs))
    assert not scheduler.ask(0.0, make_job(1, 0.08, max_exit=1)).admitted
    doubt = scheduler.doubt(0.0)
    assert doubt == Doubt(size=SIZE, exits=1)
    scheduler.settle(doubt, [(1, 0.01), (1, 0.01)])
    assert scheduler.ask(0.1, make_job(2, 0.18, max_exit=1)).admitted


def test_a_size_never_seen_is_measured_once_it_was_refused(make_job: MakeJob) -> None:
    """It is charged threefold until measured; a budget between the charge and the cost comes in after that."""
    costs = CostModel()
    costs.observe(1, SIZE, 0.01)
    scheduler = Scheduler(exits=1, costs=costs, policy=named("edf", costs=costs))
    small = (SIZE[0] // 2, SIZE[1])
    assert not scheduler.ask(0.0, make_job(1, 0.012, max_exit=1, size=small)).admitted
    doubt = scheduler.doubt(0.0)
    assert doubt == Doubt(size=small, exits=1)
    scheduler.settle(doubt, [(1, 0.004)] * 3)
    assert scheduler.ask(0.1, make_job(2, 0.112, max_exit=1, size=small)).admitted


def test_a_refusal_that_is_looked_into_at_once_says_when_to_try_again(make_job: MakeJob) -> None:
    """By then it is measured; a second one within a second is refused for good, as is one beside other work."""
    costs = CostModel()
    costs.observe(1, SIZE, 0.01)
    scheduler = Scheduler(exits=1, costs=costs, policy=named("edf", costs=costs))
    refused = scheduler.ask(0.0, make_job(1, 0.002, max_exit=1))
    measuring_s = 3 * costs.mean(1, SIZE)
    assert measuring_s < refused.retry_after_s < 3 * measuring_s
    assert f"try again in {refused.retry_after_s * 1e3:.0f} ms" in refused.detail
    doubt = scheduler.doubt(0.0)
    assert doubt is not None
    scheduler.settle(doubt, [(1, 0.01), (1, 0.01)])
    assert scheduler.ask(refused.retry_after_s, make_job(2, 0.05, max_exit=1)).retry_after_s == 0.0
    scheduler.ask(5.0, make_job(3, 9.0, max_exit=1))
    assert scheduler.ask(5.0, make_job(4, 5.002, max_exit=1)).retry_after_s == 0.0


def test_doubts_wait_for_an_idle_device_and_are_not_raised_all_the_time(make_job: MakeJob) -> None:
    """A hopeless budget, sent over and over, has its size measured once a second at most, and never beside work."""
    costs = CostModel()
    costs.observe(1, SIZE, 0.01)
    scheduler = Scheduler(exits=1, costs=costs, policy=named("edf", costs=costs))
    measured = []
    for tick in range(300):
        now_s = tick / 100
        scheduler.ask(now_s, make_job(tick, now_s + 0.001, max_exit=1))
        measured += [doubt] if (doubt := scheduler.doubt(now_s)) else []
    assert len(measured) == 3
    scheduler.ask(9.0, make_job(1000, 9.001, max_exit=1))
    scheduler.ask(9.0, make_job(1001, 99.0, max_exit=1))
    assert scheduler.doubt(9.0) is None


def test_a_device_that_measures_is_free_only_when_it_has_yielded(make_job: MakeJob) -> None:
    """A budget that exit 1 and the rest of a slice do not fit in is refused while a doubt is looked into."""
    costs = CostModel()
    for _ in range(1024):
        costs.observe(1, SIZE, 0.01)
    scheduler = Scheduler(exits=1, costs=costs, policy=named("edf", costs=costs))
    assert not scheduler.ask(0.0, make_job(1, 0.001, max_exit=1)).admitted
    doubt = scheduler.doubt(0.0, yields_s=0.005)
    assert doubt is not None
    assert not scheduler.ask(0.0, make_job(2, 0.014, max_exit=1)).admitted
    assert scheduler.ask(0.0, make_job(3, 0.016, max_exit=1)).admitted
    scheduler.forget(0.0, 3)
    scheduler.settle(doubt, [])
    assert scheduler.ask(0.0, make_job(4, 0.014, max_exit=1)).admitted


def test_a_step_that_nobody_waits_for_ends_at_the_next_slice_border(
    scheduler: Scheduler, make_job: MakeJob
) -> None:
    """Whoever comes then need not wait for the rest of it; where it runs to its end, they are refused."""
    for id_ in (1, 2):
        scheduler.ask(0.0, make_job(id_, 50.0))
        scheduler.submit(0.0, id_)
    assert scheduler.next_step(0.0) == Step(exit=1, ids=(1,))
    scheduler.forget(0.1, 2, yields_s=0.05)
    assert not scheduler.ask(0.1, make_job(3, 1.5)).admitted
    scheduler.forget(0.1, 1, yields_s=0.05)
    assert not scheduler.ask(0.1, make_job(3, 1.1)).admitted
    assert scheduler.ask(0.1, make_job(3, 1.2)).admitted


def test_requests_that_can_never_be_met_teach_no_optimism(make_job: MakeJob) -> None:
    """However often they come, the slow observations are kept."""
    costs = CostModel()
    for seconds in [0.01] * 10 + [0.1]:
        costs.observe(1, SIZE, seconds)
    before = costs.to_dict()
    scheduler = Scheduler(exits=1, costs=costs, policy=named("edf", costs=costs))
    for id_ in range(50):
        assert not scheduler.ask(0.0, make_job(id_, 0.001, max_exit=1)).admitted
    assert costs.to_dict() == before


class AnyOrder(RuleBasedStateMachine):
    """Events in any order for a handful of ids, some of them unknown or over."""

    def __init__(self) -> None:
        super().__init__()
        costs = CostModel()
        for stage in (1, 2, 3, 4):
            for size in (SIZE, (50, 50)):
                costs.observe(stage, size, 0.01 * stage)
                costs.observe(stage, size, 0.015 * stage, batch=2)
        self.scheduler = Scheduler(exits=4, costs=costs, policy=named("edf", costs=costs, max_batch=3))
        self.now = 0.0
        self.next_id = 0
        self.exits: dict[int, int] = {}  # of each job ever admitted: the newest exit that ran to its end
        self.step: Step | None = None

    ids = st.integers(0, 12)

    @rule(seconds=st.floats(0.0, 0.05))
    def time_goes_on(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        budget=st.floats(0.0, 0.5),
        small=st.booleans(),
        min_exit=st.integers(1, 2),
        stop_below=st.sampled_from([0.0, 0.5]),
    )
    def ask(self, budget: float, small: bool, min_exit: int, stop_below: float) -> None:
        job = Job(
            id=self.next_id,
            arrival_s=self.now,
            answer_by_s=self.now + budget,
            ready_s=self.now + 0.002,
            size=(50, 50) if small else SIZE,
            min_exit=min_exit,
            max_exit=4,
            stop_below=stop_below,
        )
        if self.scheduler.ask(self.now, job).admitted:
            self.exits[self.next_id] = 0
        self.next_id += 1

    @rule(job_id=ids)
    def submit(self, job_id: int) -> None:
        job = self.scheduler.jobs.get(job_id)
        if job is None or job.state is State.ASKED:
            self.scheduler.submit(self.now, job_id)
        else:
            with pytest.raises(EventError):
                self.scheduler.submit(self.now, job_id)

    @rule(job_id=ids, budget=st.floats(-0.1, 1.0))
    def move(self, job_id: int, budget: float) -> None:
        before = self.scheduler.jobs.get(job_id)
        verdict = self.scheduler.move(self.now, job_id, self.now + budget)
        after = self.scheduler.jobs.get(job_id)
        if before is None or after is None:
            assert (before, after, verdict.admitted) == (None, None, False)
        elif not verdict.admitted:
            assert self.now + budget > before.answer_by_s
            assert after == before
        else:
            assert after.answer_by_s == self.now + budget
            assert after.due_s in {after.answer_by_s, before.due_s}

    @rule(job_id=ids)
    def forget(self, job_id: int) -> None:
        self.scheduler.forget(self.now, job_id)
        assert job_id not in self.scheduler.jobs

    @rule(job_id=ids)
    def fail(self, job_id: int) -> None:
        self.scheduler.fail(self.now, job_id)
        job = self.scheduler.jobs.get(job_id)
        assert job is None or job.state is State.DONE

    @rule()
    def prepare(self) -> None:
        prepared = self.scheduler.prepare(self.now)
        assert not prepared or self.step is not None
        assert not self.scheduler.prepare(self.now), "nothing has changed"

    @precondition(lambda self: self.step is None)
    @rule()
    def begin(self) -> None:
        before = dict(self.scheduler.jobs)
        self.step = self.scheduler.next_step(self.now)
        if self.step is not None:
            jobs = [before[id_] for id_ in self.step.ids]
            assert len({job.id for job in jobs}) == len(jobs) <= 3
            assert len({job.size for job in jobs}) == 1
            assert all(job.state is State.WAITING and job.exit == self.step.exit - 1 for job in jobs)
            assert all(self.exits[job.id] == self.step.exit - 1 for job in jobs), "an exit would run twice"

    @precondition(lambda self: self.step is not None)
    @rule(seconds=st.floats(0.001, 0.1), data=st.data())
    def finish(self, seconds: float, data: st.DataObject) -> None:
        assert self.step is not None
        brought = data.draw(st.sets(st.sampled_from(self.step.ids)))
        shares = {id_: data.draw(st.sampled_from([0.0, 0.3, 1.0])) for id_ in brought}
        lives = {id_ for id_ in brought if self._runs(id_)}
        done = self.scheduler.finish(self.now, self.step, seconds, shares)
        assert set(done) <= lives
        for id_ in lives:
            self.exits[id_] = self.step.exit
            job = self.scheduler.jobs[id_]
            assert (job.exit, job.active_share) == (self.step.exit, shares[id_])
            assert (job.state is State.DONE) == (id_ in done)
        self.step = None

    def _runs(self, id_: int) -> bool:
        job = self.scheduler.jobs.get(id_)
        return job is not None and job.state is State.RUNNING

    @invariant()
    def the_running_are_in_the_running_step(self) -> None:
        assert self.scheduler.running == self.step
        running = {job.id for job in self.scheduler.jobs.values() if job.state is State.RUNNING}
        assert running <= set(self.step.ids if self.step else ())
        assert all(job.state is not State.FORGOTTEN for job in self.scheduler.jobs.values())


AnyOrder.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
