"""What stages took, seen from outside: the time in which anybody waited is what all stages took."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.loadtest.costs import Costs
from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.seen import ENOUGH, Passage, as_seen, seen_in, stage_runs_s

COSTS = Costs(
    model="m",
    quality=(0.4, 0.7),
    exit1_hz=50.0,
    full_hz=20.0,
    full_ms=55.0,
    pictures=((20.0, 30.0), (20.0, 30.0)),
    shares=((1.0, 0.4), (1.0, 0.6)),
    noise=((1.0,), (1.0,)),
    ready_ms=(2.0,),
    after_ms=1.0,
    margin_ms=2.0,
)
STAGE_S = (0.02, 0.03)


def passed(requests: list[tuple[float, int]], longer: tuple[float, float]) -> list[Passage]:
    """Requests that come after pauses and run in turn, each to its exit, none before its image is there."""
    ready_s, free_s, passages = 0.0, 0.0, []
    for gap_s, last in requests:
        ready_s += gap_s
        exits: list[tuple[int, float]] = []
        for stage in range(last):
            free_s = max(free_s, ready_s) + longer[stage] * STAGE_S[stage]
            exits.append((stage + 1, free_s))
        passages.append(Passage(ready_s=ready_s, exits=tuple(exits)))
    return passages


@given(
    st.lists(st.tuples(st.floats(0.0, 0.2), st.integers(1, 2)), max_size=40),
    st.tuples(st.floats(0.5, 3.0), st.floats(0.5, 3.0)),
)
def test_exits_that_somebody_waited_for_tell_what_stages_took(
    requests: list[tuple[float, int]], longer: tuple[float, float]
) -> None:
    """Exactly, each by itself; what waited for nobody says nothing."""
    runs_s = stage_runs_s(passed(requests, longer))
    for stage in (1, 2):
        assert runs_s.get(stage, []) == pytest.approx(
            [longer[stage - 1] * STAGE_S[stage - 1]] * len(runs_s.get(stage, []))
        )
    assert len(runs_s.get(2, [])) == sum(last == 2 for _, last in requests)


def test_stages_take_what_they_took_here() -> None:
    """Each its own time; one that was seldom run as much longer as all together, and a few runs say nothing."""
    both = as_seen(COSTS, stage_runs_s(passed([(0.0, 2)] * (ENOUGH + 1), (2.0, 0.5))), [])
    assert both.stage_ms == pytest.approx((40.0, 15.0))
    first = as_seen(COSTS, stage_runs_s(passed([(0.0, 1)] * (ENOUGH + 1), (2.0, 0.5))), [])
    assert first.stage_ms == pytest.approx((40.0, 60.0))
    assert (
        as_seen(COSTS, stage_runs_s(passed([(0.0, 1)] * ENOUGH, (2.0, 0.5))), [9.0] * (ENOUGH - 1)) == COSTS
    )


def test_an_exit_that_was_overtaken_says_nothing() -> None:
    """Nobody knows how long each of its two stages took."""
    skipped = Passage(ready_s=0.0, exits=((2, 1.0),))
    assert not stage_runs_s([skipped, dataclasses.replace(skipped, exits=((2, 2.0),))])


def answered(count: int) -> list[Outcome]:
    """Requests that always find one before them: stages take 40 and 60 ms."""
    return [
        Outcome(
            index=index,
            send_s=0.1 * index,
            lag_ms=0.0,
            budget_ms=108.0,
            ending=Ending.ANSWERED,
            end_ms=104.0,
            exits_seen=(1, 2),
            exits_ms=(44.0, 104.0),
            exit=2,
            reason="DEADLINE",
            elapsed_ms=104.0,
            budget_in_force_ms=108.0,
        )
        for index in range(count)
    ]


def test_a_stall_while_measuring_is_no_habit() -> None:
    """Single runs stray no further than in this run, and their mean stays; a short run says nothing."""
    stalled = dataclasses.replace(COSTS, noise=((1.0, 1.0, 1.0, 5.0), (0.9, 1.1)))
    noise = seen_in(stalled, answered(ENOUGH + 1)).noise
    assert noise[0] == pytest.approx((2.0, 2.0, 2.0, 2.0))
    assert noise[1] == pytest.approx((1.0 * 0.9 / 0.95, 1.0 / 0.95))
    assert seen_in(stalled, answered(ENOUGH - 1)).noise == stalled.noise


def test_a_run_shows_its_costs() -> None:
    """From its records alone: stages twice as long, the margin as at its deadlines, the least budget with hope."""
    whole = answered(ENOUGH)
    refused = dataclasses.replace(
        whole[0], ending=Ending.REFUSED, cause="deadline", retry_ms=30.0, exits_seen=(), exits_ms=()
    )
    costs = seen_in(COSTS, [*whole, refused])
    assert costs.stage_ms == pytest.approx((40.0, 60.0))
    assert costs.margin_ms == 4.0
    hopeless = [dataclasses.replace(refused, budget_ms=each, retry_ms=0.0) for each in (44.0, 70.0)]
    assert seen_in(COSTS, [*whole, refused, *hopeless]).least_ms == 108.0
    assert seen_in(COSTS, [*whole, refused, hopeless[0]]).least_ms == 108.0
    short = dataclasses.replace(whole[0], budget_ms=60.0)
    assert seen_in(COSTS, [*whole, short, hopeless[0]]).least_ms == 60.0


def test_without_hopeless_budgets_the_least_is_what_was_measured() -> None:
    """Or less, where less was asked for and was not hopeless."""
    asked = Outcome(index=0, send_s=0.0, lag_ms=0.0, budget_ms=50.0, ending=Ending.ANSWERED, end_ms=49.0)
    measured = dataclasses.replace(COSTS, least_ms=70.0)
    assert seen_in(measured, [asked] * (ENOUGH - 1)).least_ms == 70.0
    assert seen_in(measured, [asked] * ENOUGH).least_ms == 50.0
    assert seen_in(dataclasses.replace(COSTS, least_ms=40.0), [asked] * ENOUGH).least_ms == 40.0
