"""A step chosen while another runs: taken when it still holds, mended or given up when it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from interim.scheduling.ahead import Ahead
from interim.scheduling.job import State
from interim.scheduling.policy import named, serving_names
from interim.scheduling.scheduler import Scheduler
from interim.scheduling.step import Step
from interim.scheduling.utility import HALVING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job

    MakeJob = Callable[..., Job]

EXPECTED_SHARE = 0.5


class Steady:
    """Every exit gains the same whatever its stage refines, so that who has less to refine gains more a second."""

    def gains(self, job: Job) -> Sequence[float]:
        return [0.4, 0.2, 0.1, 0.05][job.exit : job.max_exit]

    def shares(self, job: Job) -> Sequence[float]:
        return [job.active_share, EXPECTED_SHARE, EXPECTED_SHARE, EXPECTED_SHARE][: job.max_exit - job.exit]


class Counted:
    """A policy, and how often it was asked to choose."""

    def __init__(self, name: str, costs: CostModel) -> None:
        self._policy = named(name, costs=costs, utility=Steady())
        self.asked = 0

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        self.asked += 1
        return self._policy.choose(now_s, queue)

    def adjust(self, now_s: float, step: Step, job: Job) -> Step:
        adjust = getattr(self._policy, "adjust", None)
        return adjust(now_s, step, job) if adjust else step


class Rig:
    """A scheduler with jobs at exits, one of them in a step."""

    def __init__(self, costs: CostModel, name: str, make_job: MakeJob) -> None:
        self.policy = Counted(name, costs)
        self.scheduler = Scheduler(exits=4, costs=costs, policy=self.policy, utility=Steady())
        self._make_job = make_job

    def ask(self, id_: int, by_s: float, *, at_s: float = 0.0) -> None:
        job = self._make_job(id_, by_s, arrival_s=at_s, ready_s=at_s)
        assert self.scheduler.ask(at_s, job).admitted

    def enter(self, id_: int, by_s: float, *, at_s: float = 0.0) -> None:
        self.ask(id_, by_s, at_s=at_s)
        self.scheduler.submit(at_s, id_)

    def begin(self, at_s: float) -> Step:
        step = self.scheduler.next_step(at_s)
        assert step is not None
        return step

    def between(self, end_s: float, step: Step, share: float = 0.5) -> Step | None:
        """The step after `step`, which ends now."""
        self.scheduler.finish(end_s, step, 1.0, dict.fromkeys(step.ids, share))
        return self.scheduler.next_step(end_s)


@pytest.mark.parametrize("name", serving_names())
def test_a_job_may_be_over_before_its_policy_ever_saw_it(
    name: str, costs: CostModel, make_job: MakeJob
) -> None:
    """An only exit that went before what was prepared: while it runs, all of it is expected to be done."""
    scheduler = Scheduler(exits=4, costs=costs, policy=named(name, costs=costs, utility=HALVING))
    for id_, at_s, max_exit in ((1, 0.0, 4), (2, 0.5, 1)):
        job = make_job(id_, 30.0, arrival_s=at_s, ready_s=at_s, max_exit=max_exit)
        assert scheduler.ask(at_s, job).admitted
        scheduler.submit(at_s, id_)
        if id_ == 1:
            first = scheduler.next_step(at_s)
            assert scheduler.prepare(at_s)
    assert first is not None
    scheduler.finish(1.0, first, 1.0, {1: 0.5})
    assert scheduler.next_step(1.0) == Step(exit=1, ids=(2,))
    assert scheduler.prepare(1.0)


@pytest.fixture(params=["edf", "plan"])
def rig(request: pytest.FixtureRequest, costs: CostModel, make_job: MakeJob) -> Rig:
    return Rig(costs, request.param, make_job)


def test_a_step_that_was_prepared_needs_no_choice(rig: Rig) -> None:
    """The policy is asked once while the step runs, and not again when that is over, or while nothing is new."""
    rig.enter(1, 30.0)
    rig.enter(2, 40.0)
    step = rig.begin(0.0)
    assert rig.scheduler.prepare(0.1)
    assert not rig.scheduler.prepare(0.2)
    assert rig.between(1.0, step) == Step(exit=1, ids=(2,))
    assert rig.policy.asked == 2


def test_without_a_running_step_nothing_is_prepared(rig: Rig) -> None:
    """The next step is chosen at once then."""
    rig.enter(1, 30.0)
    assert not rig.scheduler.prepare(0.0)
    assert rig.policy.asked == 0


@pytest.mark.parametrize("event", ["forget", "fail"])
def test_a_prepared_step_of_a_job_that_is_over_is_given_up(rig: Rig, event: str) -> None:
    """Somebody else's step is chosen instead."""
    for id_, by_s in ((1, 30.0), (2, 40.0), (3, 50.0)):
        rig.enter(id_, by_s)
    step = rig.begin(0.0)
    rig.scheduler.prepare(0.1)
    getattr(rig.scheduler, event)(0.5, 2)
    assert rig.between(1.0, step) == Step(exit=1, ids=(3,))


def test_a_fresh_exit_1_goes_before_a_prepared_refinement(rig: Rig) -> None:
    """Its image came while the step ran, and nobody had the time to choose anew; it takes no choice."""
    rig.enter(1, 30.0)
    step = rig.begin(0.0)
    rig.scheduler.prepare(0.1)
    rig.enter(2, 31.0, at_s=0.9)
    asked = rig.policy.asked
    assert rig.between(1.0, step) == Step(exit=1, ids=(2,))
    assert rig.policy.asked == asked


def test_an_image_that_comes_is_reason_to_prepare_anew(rig: Rig) -> None:
    """So is a deadline that moves."""
    rig.enter(1, 30.0)
    rig.begin(0.0)
    assert rig.scheduler.prepare(0.1)
    rig.enter(2, 31.0, at_s=0.2)
    assert rig.scheduler.prepare(0.3)
    rig.scheduler.move(0.4, 1, 20.0)
    assert rig.scheduler.prepare(0.5)


def test_a_pause_keeps_events_from_being_a_reason_and_a_new_step_ends_it(rig: Rig) -> None:
    """Choosing takes processor time from others: not at every image, but at every step."""
    rig.enter(1, 30.0)
    step = rig.begin(0.0)
    assert rig.scheduler.prepare(0.1, pause_s=0.5)
    rig.enter(2, 31.0, at_s=0.2)
    assert not rig.scheduler.prepare(0.3, pause_s=0.5)
    assert rig.scheduler.prepare(0.6, pause_s=0.5)
    assert rig.between(1.0, step) is not None
    assert rig.scheduler.prepare(1.0, pause_s=0.5)


def test_a_prepared_refinement_gives_way_to_a_promise_made_since(rig: Rig) -> None:
    """Job 2 came in while the step ran, its image is on its way, and after stage 2 (1 s) it would be late."""
    rig.enter(1, 30.0)
    step = rig.begin(0.0)
    rig.scheduler.prepare(0.1)
    rig.ask(2, 2.5, at_s=0.5)
    assert rig.between(1.0, step) is None


@pytest.mark.parametrize(("left", "chosen"), [(0.5, Step(exit=2, ids=(1,))), (1.0, None)])
def test_a_prepared_refinement_gives_way_where_there_is_more_to_refine_than_expected(
    rig: Rig, costs: CostModel, make_job: MakeJob, left: float, chosen: Step | None
) -> None:
    """Half was expected to be left, and job 2 has come in since: there is time for half, not for all."""
    size = make_job(0, 1.0).size
    first_s = costs.predict(1, size, 0.999)
    half_s, all_s = (costs.predict(2, size, 0.999, active_share=share) for share in (EXPECTED_SHARE, 1.0))
    rig.enter(1, 30.0)
    step = rig.begin(0.0)
    rig.scheduler.prepare(0.1)
    rig.ask(2, 1.0 + (half_s + all_s) / 2 + first_s, at_s=0.5)
    assert rig.between(1.0, step, left) == chosen


def test_a_step_that_took_longer_than_it_may_leaves_nothing_prepared(rig: Rig) -> None:
    """What was chosen for another instant is chosen again."""
    rig.enter(1, 30.0)
    rig.enter(2, 40.0)
    step = rig.begin(0.0)
    rig.scheduler.prepare(0.1)
    asked = rig.policy.asked
    assert rig.between(3.0, step) == Step(exit=1, ids=(2,))
    assert rig.policy.asked == asked + 1


def test_a_step_without_a_result_leaves_nothing_prepared(rig: Rig) -> None:
    """The job still owes the exit that the choice ahead took for done."""
    rig.enter(1, 30.0)
    step = rig.begin(0.0)
    rig.scheduler.prepare(0.1)
    rig.scheduler.finish(1.0, step, 1.0, {})
    assert rig.scheduler.next_step(1.0) == Step(exit=1, ids=(1,))


@pytest.mark.parametrize(
    ("first_left", "second_left", "chosen"), [(0.6, 0.4, 2), (0.6, 0.9, 1), (0.45, 0.5, 1), (0.45, 0.2, 2)]
)
def test_the_plan_mends_its_choice_by_what_the_last_step_left(
    costs: CostModel, make_job: MakeJob, first_left: float, second_left: float, chosen: int
) -> None:
    """Exit 1 of job 2 is expected to leave half; refining goes on with whoever has less to refine."""
    rig = Rig(costs, "plan", make_job)
    rig.enter(1, 60.0)
    rig.enter(2, 60.0)
    second = rig.between(1.0, rig.begin(0.0), first_left)
    assert second == Step(exit=1, ids=(2,))
    rig.scheduler.prepare(1.1)
    asked = rig.policy.asked
    assert rig.between(2.0, second, second_left) == Step(exit=2, ids=(chosen,))
    assert rig.policy.asked == asked


class Mending:
    """Chooses what it was told to, and then something else."""

    def __init__(self, first: Step, other: Step) -> None:
        self._first, self._other = first, other

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        return self._first

    def adjust(self, now_s: float, step: Step, job: Job) -> Step:
        return self._other


@pytest.mark.parametrize(("now_s", "taken"), [(5.9, True), (6.1, False)])
def test_promised_work_gives_way_only_if_it_is_in_time_after_that(
    costs: CostModel, make_job: MakeJob, now_s: float, taken: bool
) -> None:
    """Job 1 owes its exit 2 (2 s) by 10; the refinement in its place takes 2 s."""
    jobs = {
        1: make_job(1, 10.0, exit=1, min_exit=2, state=State.WAITING),
        2: make_job(2, 30.0, exit=1, state=State.WAITING),
    }
    refinement = Step(exit=2, ids=(2,))
    ahead = Ahead(Mending(Step(exit=2, ids=(1,)), refinement), costs)
    ahead.prepare(0.0, 1.0, tuple(jobs.values()), pause_s=0.0)
    ahead.finished(Step(exit=1, ids=(2,)))
    assert ahead.take(now_s, jobs) == (refinement if taken else None)
