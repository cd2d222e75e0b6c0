"""The policies to compare with do what their names say."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from interim.scheduling.job import State
from interim.scheduling.policies.rtdeepiot import best_depths
from interim.scheduling.policies.whole import RunToCompletion
from interim.scheduling.policies.zeta import water_level
from interim.scheduling.policy import named
from interim.scheduling.step import Step
from interim.scheduling.utility import ValidatedUtility

if TYPE_CHECKING:
    from collections.abc import Callable

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job

    MakeJob = Callable[..., Job]

WAITING = {"state": State.WAITING}
UTILITY = ValidatedUtility(quality=(0.4, 0.6, 0.7, 0.75))


def whole(name: str, costs: CostModel, batch: int = 1) -> RunToCompletion:
    policy = named(name, costs=costs, max_batch=batch, utility=UTILITY)
    assert isinstance(policy, RunToCompletion)
    return policy


def lead(name: str, costs: CostModel, queue: list[Job]) -> int | None:
    step = named(name, costs=costs, utility=UTILITY).choose(0.0, queue)
    return step.ids[0] if step else None


@pytest.mark.parametrize(("name", "first"), [("fifo-whole", 1), ("edf-whole", 2)])
def test_a_whole_run_is_not_interrupted(name: str, first: int, costs: CostModel, make_job: MakeJob) -> None:
    """By arrival or by deadline one job begins, and keeps the device although the other is more urgent."""
    queue = [make_job(1, 60.0, **WAITING), make_job(2, 50.0, arrival_s=1.0, **WAITING)]
    policy = whole(name, costs)
    assert policy.choose(1.0, queue) == Step(exit=1, ids=(first,))
    begun = make_job(first, 60.0, exit=1, **WAITING)
    urgent = make_job(3, 4.0, **WAITING)
    assert policy.choose(2.0, [begun, urgent]) == Step(exit=2, ids=(first,))
    assert (policy.target(first), policy.target(3)) == (4, 0)


@pytest.mark.parametrize("name", ["fifo-whole", "edf-whole"])
def test_only_without_dropping_the_late_are_run(name: str, costs: CostModel, make_job: MakeJob) -> None:
    """The deadline was an instant ago."""
    late = [make_job(1, 1.0, **WAITING)]
    assert whole(name, costs).choose(2.0, late) is None
    assert whole(f"{name}-nodrop", costs).choose(2.0, late) == Step(exit=1, ids=(1,))


def test_clockwork_drops_the_hopeless_and_batches_up_to_the_first_deadline(
    costs: CostModel, make_job: MakeJob
) -> None:
    """All four stages take 10 s alone, 15 s for two; with a tenth more, 11 s and 16.5 s."""
    hopeless, tight, loose = (make_job(i, by, **WAITING) for i, by in ((1, 10.5), (2, 16.0), (3, 17.0)))
    assert whole("clockwork-style", costs, 4).choose(0.0, [hopeless, tight, loose]) == Step(exit=1, ids=(2,))
    roomy = make_job(4, 16.6, **WAITING)
    assert whole("clockwork-style", costs, 4).choose(0.0, [roomy, loose]) == Step(exit=1, ids=(4, 3))


@pytest.mark.parametrize(("slack_s", "exit_"), [(1.2, 1), (3.4, 2), (7.0, 3), (12.0, 4)])
def test_slackfit_goes_as_deep_as_the_slack_allows(
    slack_s: float, exit_: int, costs: CostModel, make_job: MakeJob
) -> None:
    """Exits come after 1, 3, 6 and 10 s, each charged a tenth more."""
    policy = whole("slackfit-style", costs)
    assert policy.choose(0.0, [make_job(1, slack_s, **WAITING)]) == Step(exit=1, ids=(1,))
    assert policy.target(1) == exit_


def test_edgeserving_falls_back_to_exit_1(costs: CostModel, make_job: MakeJob) -> None:
    """Deepest in time, or the shallowest where none is."""
    policy = whole("edgeserving-style", costs)
    policy.choose(0.0, [make_job(1, 6.5, **WAITING)])
    assert policy.target(1) == 3
    policy = whole("edgeserving-style", costs)
    policy.choose(0.0, [make_job(2, 0.5, **WAITING)])
    assert policy.target(2) == 1


def test_each_fixed_order_has_its_own_first(costs: CostModel, make_job: MakeJob) -> None:
    """Earliest deadline, fewest exits, least confidence; each passes over what cannot be in time."""
    queue = [
        make_job(1, 20.0, exit=1, active_share=0.2, **WAITING),
        make_job(2, 30.0, exit=2, active_share=0.9, **WAITING),
        make_job(3, 40.0, exit=0, active_share=0.5, **WAITING),
        make_job(4, 0.1, exit=0, **WAITING),
    ]
    assert [lead(name, costs, queue) for name in ("edf-stages", "round-robin", "least-confident")] == [
        1,
        3,
        2,
    ]


@pytest.mark.parametrize(("more", "level"), [(1.0, 1.5), (2.0, 2.0), (8.0, 4.0)])
def test_water_rises_over_the_lowest_first(more: float, level: float) -> None:
    """Poured over 1, 1 and 2."""
    assert water_level([1.0, 1.0, 2.0], more) == pytest.approx(level)


def test_zeta_gives_time_to_the_job_that_had_least(costs: CostModel, make_job: MakeJob) -> None:
    """Job 1 had its first stage; job 2 none, and comes before job 1's second."""
    policy = named("zeta-style", costs=costs)
    other = make_job(2, 3.5, **WAITING)
    assert policy.choose(0.0, [make_job(1, 3.2, **WAITING), other]) == Step(exit=1, ids=(1,))
    assert policy.choose(1.0, [make_job(1, 3.2, exit=1, **WAITING), other]) == Step(exit=1, ids=(2,))


def test_depths_are_the_best_of_all_that_are_in_time() -> None:
    """Against every combination."""
    options = [[(0, 0.0), (3, 1.0), (5, 3.0)], [(0, 0.0), (4, 1.0), (6, 4.0)], [(0, 0.0), (2, 2.0), (9, 5.0)]]
    slacks = [2.0, 5.0, 8.0]

    def reward(depths: tuple[int, ...]) -> int:
        seconds, total = 0.0, 0
        for choices, slack, depth in zip(options, slacks, depths, strict=True):
            seconds += choices[depth][1]
            if depth and seconds > slack:
                return -1
            total += choices[depth][0]
        return total

    best = max(reward(depths) for depths in product(range(3), repeat=3))
    assert reward(tuple(best_depths(options, slacks))) == best == 16


def test_rtdeepiot_runs_the_earliest_deadline_that_its_plan_takes_up(
    costs: CostModel, make_job: MakeJob
) -> None:
    """Two exits 1 are worth more than one exit 2 more of the first."""
    queue = [make_job(1, 3.0, exit=1, **WAITING), make_job(2, 3.0, **WAITING), make_job(3, 3.0, **WAITING)]
    assert lead("rtdeepiot-style", costs, queue) == 2
