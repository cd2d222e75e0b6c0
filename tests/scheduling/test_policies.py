"""Which step a policy takes: earliest deadline first over stages, exit 1 before all, promises kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.scheduling.errors import UnknownPolicyError
from interim.scheduling.job import Job, State
from interim.scheduling.policy import named, names, serving_names
from interim.scheduling.step import Step
from interim.scheduling.utility import ValidatedUtility

if TYPE_CHECKING:
    from collections.abc import Callable

    from interim.scheduling.costs import CostModel

    MakeJob = Callable[..., Job]

WAITING = {"state": State.WAITING}


def choose(
    costs: CostModel, queue: list[Job], *, name: str = "edf", now: float = 0.0, batch: int = 1
) -> Step | None:
    return named(name, costs=costs, max_batch=batch).choose(now, queue)


def test_an_unknown_policy_names_those_there_are(costs: CostModel) -> None:
    """The error lists the names."""
    with pytest.raises(UnknownPolicyError, match=r"'lifo'.*edf, price"):
        named("lifo", costs=costs)
    assert set(serving_names()) < set(names())


def test_exit_1_goes_before_any_refinement(costs: CostModel, make_job: MakeJob) -> None:
    """Even where the refinement's deadline is earlier."""
    queue = [make_job(1, 10.0, exit=1, **WAITING), make_job(2, 50.0, **WAITING)]
    assert choose(costs, queue) == Step(exit=1, ids=(2,))


def test_among_equals_the_earliest_deadline_goes_first(costs: CostModel, make_job: MakeJob) -> None:
    """For exit 1 and for refinements."""
    assert choose(costs, [make_job(1, 20.0, **WAITING), make_job(2, 10.0, **WAITING)]) == Step(
        exit=1, ids=(2,)
    )
    later = [make_job(1, 20.0, exit=1, **WAITING), make_job(2, 19.0, exit=3, **WAITING)]
    assert choose(costs, later) == Step(exit=4, ids=(2,))


def test_a_refinement_that_would_come_too_late_is_passed_over(costs: CostModel, make_job: MakeJob) -> None:
    """Its time goes to the next that can be in time; with none the device stays idle."""
    queue = [make_job(1, 3.0, exit=3, **WAITING), make_job(2, 4.0, exit=1, **WAITING)]
    assert choose(costs, queue) == Step(exit=2, ids=(2,))
    assert choose(costs, queue[:1]) is None


def test_no_long_stage_begins_right_before_a_promised_exit_1(costs: CostModel, make_job: MakeJob) -> None:
    """While job 2 is being decoded only what leaves it time is run."""
    coming = make_job(2, 4.0, ready_s=1.0)
    long, short = make_job(1, 30.0, exit=3, **WAITING), make_job(3, 40.0, exit=1, **WAITING)
    assert choose(costs, [long, coming]) is None
    assert choose(costs, [long, coming, short]) == Step(exit=2, ids=(3,))
    assert choose(costs, [long, make_job(2, 5.0, ready_s=1.0)]) == Step(exit=4, ids=(1,))


def test_another_exit_1_fills_the_gap_only_where_it_fits(costs: CostModel, make_job: MakeJob) -> None:
    """Job 1 has the earlier deadline but is not there yet."""
    ready = make_job(2, 9.0, **WAITING)
    assert choose(costs, [make_job(1, 1.9, ready_s=0.5), ready]) is None
    assert choose(costs, [make_job(1, 2.0, ready_s=0.5), ready]) == Step(exit=1, ids=(2,))


def test_under_the_plan_what_is_late_without_any_exit_is_not_kept_waiting_by_refinements(
    costs: CostModel, make_job: MakeJob
) -> None:
    """Its client waits one more budget at most; refinements that lose nothing by it wait a stage."""
    late = make_job(1, 1.0, **WAITING)
    refining = [make_job(id_, 60.0, exit=2, **WAITING) for id_ in (2, 3)]
    assert choose(costs, [*refining, late], name="plan", now=5.0) == Step(exit=1, ids=(1,))


@pytest.mark.parametrize(("apart_s", "step"), [(20.0, Step(exit=2, ids=(1,))), (1.5, Step(exit=1, ids=(2,)))])
def test_under_the_plan_refinements_go_first_while_those_to_come_can_be_promised_too(
    costs: CostModel, make_job: MakeJob, apart_s: float, step: Step
) -> None:
    """Job 1 has time for one more stage if it runs now, but exits 1 (1 s) that come often would be refused then."""
    plan = named("plan", costs=costs)
    for id_ in range(10, 30):
        plan.choose(-1.0, [make_job(id_, 1e6, arrival_s=(id_ - 31) * apart_s)])
    waiting = [make_job(id_, 5.0, arrival_s=-apart_s, **WAITING) for id_ in (2, 3)]
    assert plan.choose(0.0, [make_job(1, 2.0, exit=1, arrival_s=-apart_s, **WAITING), *waiting]) == step


def test_what_is_late_without_any_exit_still_gets_exit_1_when_it_harms_nobody(
    costs: CostModel, make_job: MakeJob
) -> None:
    """Its client may wait for a late exit 1; the promised go before it, refinements after it."""
    late = make_job(1, 0.2, **WAITING)
    assert choose(costs, [late, make_job(2, 1.5, **WAITING)]) == Step(exit=1, ids=(2,))
    assert choose(costs, [late, make_job(3, 9.0, exit=1, **WAITING)]) == Step(exit=1, ids=(1,))


def test_a_broken_promise_does_not_stop_the_work(costs: CostModel, make_job: MakeJob) -> None:
    """Where not all can be in time, the earliest deadline goes on."""
    queue = [make_job(i, 1.5 + i / 10, **WAITING) for i in range(3)]
    assert choose(costs, queue) == Step(exit=1, ids=(0,))


def test_a_batch_holds_those_before_the_same_stage_while_all_are_in_time(
    costs: CostModel, make_job: MakeJob
) -> None:
    """Other stages and sizes stay out, and so does who would make another late."""
    queue = [
        make_job(1, 5.0, **WAITING),
        make_job(2, 5.0, **WAITING),
        make_job(3, 5.0, exit=1, **WAITING),
        make_job(4, 5.0, size=(50, 50), **WAITING),
    ]
    assert choose(costs, queue, batch=8) == Step(exit=1, ids=(1, 2))
    tight = [make_job(1, 1.4, **WAITING), make_job(2, 5.0, **WAITING)]
    assert choose(costs, tight, batch=8) == Step(exit=1, ids=(1,))


def test_a_planned_batch_has_every_member_once(costs: CostModel, make_job: MakeJob) -> None:
    """Those in the plan come before the others, and not again with them."""
    queue = [make_job(i, 50.0, exit=1, **WAITING) for i in range(3)]
    assert choose(costs, queue, name="plan", batch=8) == Step(exit=2, ids=(0, 1, 2))


def test_a_batch_does_not_delay_a_promise_to_others(costs: CostModel, make_job: MakeJob) -> None:
    """A second member would make the job of another size late."""
    other = make_job(3, 1.6, size=(50, 50), **WAITING)
    queue = [make_job(1, 1.5, **WAITING), make_job(2, 1.55, **WAITING), other]
    assert choose(costs, queue, batch=8) == Step(exit=1, ids=(1,))


def test_a_batch_is_made_only_where_it_pays_and_never_above_its_limit(
    exact_costs: Callable[[float], CostModel], make_job: MakeJob
) -> None:
    """At a factor of 1 a batch costs what its members cost alone: they go alone."""
    queue = [make_job(i, 50.0, **WAITING) for i in range(5)]
    assert choose(exact_costs(0.9), queue, batch=3) == Step(exit=1, ids=(0, 1, 2))
    assert choose(exact_costs(1.0), queue, batch=3) == Step(exit=1, ids=(0,))


def test_first_in_first_out_runs_the_oldest_to_its_end(costs: CostModel, make_job: MakeJob) -> None:
    """The oldest goes on, whatever the deadlines; what has an exit and is late is passed over."""
    queue = [make_job(1, 9.0, arrival_s=0.0, exit=2, **WAITING), make_job(2, 2.0, arrival_s=1.0, **WAITING)]
    assert choose(costs, queue, name="fifo", now=1.0) == Step(exit=3, ids=(1,))
    assert choose(costs, queue, name="fifo", now=9.0) == Step(exit=1, ids=(2,))
    assert choose(costs, [], name="fifo") is None


@pytest.mark.parametrize("name", ["price", "plan"])
def test_of_two_refinements_the_worthwhile_one_is_run(name: str, costs: CostModel, make_job: MakeJob) -> None:
    """One counts ten times as much, and there is time for one of the two."""
    queue = [make_job(1, 2.5, exit=1, **WAITING), make_job(2, 2.6, exit=1, weight=10.0, **WAITING)]
    assert choose(costs, queue, name="plan") == Step(exit=2, ids=(2,))
    assert choose(costs, queue, name=name, now=1.0) is None, "neither can be in time any more"


def test_without_load_the_price_is_nothing_and_the_earliest_deadline_goes_first(
    costs: CostModel, make_job: MakeJob
) -> None:
    """Nobody but these two ever came."""
    queue = [make_job(1, 20.0, exit=1, **WAITING), make_job(2, 30.0, exit=1, weight=10.0, **WAITING)]
    assert choose(costs, queue, name="price") == Step(exit=2, ids=(1,))


def test_a_plan_does_not_let_the_dense_make_the_early_late(costs: CostModel, make_job: MakeJob) -> None:
    """Job 2 is worth more, but in time are both only if it waits; with two seconds more for job 1 it goes first."""
    dense = make_job(2, 11.0, exit=1, weight=10.0, **WAITING)
    assert choose(costs, [make_job(1, 2.5, exit=1, **WAITING), dense], name="plan") == Step(exit=2, ids=(1,))
    assert choose(costs, [make_job(1, 4.5, exit=1, **WAITING), dense], name="plan") == Step(exit=2, ids=(2,))


def test_under_load_a_price_keeps_the_poor_refinements_waiting(costs: CostModel, make_job: MakeJob) -> None:
    """Ten seconds of exits 1 came in ten: an earlier deadline with little to gain lets a rich one go first."""
    policy = named("price", costs=costs, utility=ValidatedUtility(quality=(0.5, 0.6, 0.7, 0.8)))
    for second in range(12):
        policy.choose(second, [make_job(100 + second, second + 9.0, arrival_s=second, **WAITING)])
    poor = make_job(1, 40.0, exit=1, **WAITING)
    rich = make_job(2, 50.0, exit=1, weight=100.0, **WAITING)
    assert policy.choose(12.0, [poor, rich]) == Step(exit=2, ids=(2,))


@st.composite
def queues(draw: st.DrawFn) -> list[Job]:
    """Up to a dozen jobs anywhere in their lives."""
    jobs: list[Job] = []
    for id_ in range(draw(st.integers(0, 12))):
        fields: dict[str, Any] = {
            "state": draw(st.sampled_from([State.ASKED, State.WAITING, State.WAITING, State.DONE])),
            "exit": draw(st.integers(0, 3)),
            "min_exit": draw(st.integers(1, 3)),
            "size": draw(st.sampled_from([(100, 200), (50, 50)])),
            "active_share": draw(st.sampled_from([0.1, 0.5, 1.0])),
        }
        if fields["state"] is State.ASKED:
            fields |= {"exit": 0, "active_share": 1.0}
        arrival = draw(st.floats(-5, 0))
        deadline = draw(st.floats(-1, 20))
        ready = draw(st.floats(0, 2)) if fields["state"] is State.ASKED else arrival
        jobs.append(Job(id=id_, arrival_s=arrival, answer_by_s=deadline, ready_s=ready, max_exit=4, **fields))
    return jobs


def test_the_price_does_not_hang_on_the_order_of_the_queue(
    exact_costs: Callable[[float], CostModel], make_job: MakeJob
) -> None:
    """It looks back from the arrival of the oldest, wherever that stands."""
    fields = {"active_share": 0.1, **WAITING}
    queue = [make_job(number, 0.0, **fields) for number in range(3)]
    queue += [make_job(3, 1.0, exit=1, **fields), make_job(4, 1.0, **fields)]
    queue += [make_job(5, 0.0, arrival_s=-1.0, ready_s=-1.0, **fields)]
    costs = exact_costs(0.5)
    assert choose(costs, queue, name="price") == choose(costs, queue[::-1], name="price")


@given(queue=queues(), name=st.sampled_from(names()), batch=st.integers(1, 4), shuffled=st.randoms())
def test_every_policy_gives_a_step_that_can_run(
    exact_costs: Callable[[float], CostModel], queue: list[Job], name: str, batch: int, shuffled: Any
) -> None:
    """Waiting jobs before the same stage, of one size, each once, no more than allowed; and always the same."""
    costs = exact_costs(0.5)
    step = choose(costs, queue, name=name, batch=batch)
    assert step == choose(costs, queue, name=name, batch=batch)
    mixed = list(queue)
    shuffled.shuffle(mixed)
    if batch == 1 and name in serving_names():
        assert step == choose(costs, mixed, name=name)
    if step is None:
        assert name != "fifo" or not [j for j in queue if j.state is State.WAITING and j.answer_by_s > 0]
        return
    jobs = [job for job in queue if job.id in step.ids]
    assert 1 <= len(jobs) == len(step.ids) == len(set(step.ids)) <= batch
    assert all(job.state is State.WAITING and job.exit + 1 == step.exit for job in jobs)
    assert len({job.size for job in jobs}) == 1
