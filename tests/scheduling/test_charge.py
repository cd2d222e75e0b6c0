"""What queued work is charged: more than its means, less than all its quantiles, and never less for more."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.scheduling.charge import NOTHING, Charge, Course
from interim.scheduling.costs import CostModel

EPSILON_S = 1e-9

SECONDS = st.floats(0.0, 1.0)
STAGES = st.builds(Charge.of, st.floats(0.001, 1.0), SECONDS, SECONDS)


def row(stages: list[Charge]) -> Charge:
    """All of them, one after another."""
    return [*accumulate(stages, Charge.plus, initial=NOTHING)][-1]


@given(SECONDS, SECONDS, SECONDS)
def test_one_stage_is_charged_its_own_quantile(mean_s: float, tail_s: float, stall_s: float) -> None:
    """Alone, nothing is gained or lost."""
    assert Charge.of(mean_s, tail_s, stall_s).seconds == pytest.approx(mean_s + tail_s + stall_s)


@given(st.lists(st.tuples(SECONDS, SECONDS, SECONDS), min_size=1, max_size=12))
def test_a_row_is_charged_what_is_often_slow_for_all_and_its_longest_stall_at_least(
    stages: list[tuple[float, float, float]],
) -> None:
    """And the sum of its stages' quantiles at most, whatever the stages are."""
    often_s = sum(mean_s + tail_s for mean_s, tail_s, _ in stages)
    stalls_s = [stall_s for _, _, stall_s in stages]
    charged_s = row([Charge.of(*stage) for stage in stages]).seconds
    assert often_s + max(stalls_s) - EPSILON_S <= charged_s <= often_s + sum(stalls_s) + EPSILON_S


@given(st.lists(STAGES, max_size=12), STAGES)
def test_more_work_is_charged_more_and_less_than_on_its_own(stages: list[Charge], more: Charge) -> None:
    """By its mean at least, and by its quantile at most."""
    charged_s = row(stages).seconds
    grown_s = row([*stages, more]).seconds
    assert charged_s + more.mean_s - EPSILON_S <= grown_s <= charged_s + more.seconds + EPSILON_S


@given(st.lists(STAGES, min_size=1, max_size=6))
def test_what_is_done_is_charged_no_more(stages: list[Charge]) -> None:
    """Of a row without its last stage the others are left, and of a row without itself nothing."""
    assert row(stages).less(stages[-1]) == pytest.approx(row(stages[:-1]), abs=EPSILON_S)
    assert row(stages).less(row(stages)) == NOTHING


@given(SECONDS, SECONDS, SECONDS, st.lists(st.tuples(STAGES, st.floats(0.0, 4.0)), max_size=8))
def test_a_course_ends_no_later_than_if_every_stage_took_its_quantile(
    free_s: float, tail_s: float, stall_s: float, works: list[tuple[Charge, float]]
) -> None:
    """And no sooner than if each took its mean, once its image is there and the work before it is done."""
    course = Course(free_s, Charge.of(0.0, tail_s, stall_s))
    soonest_s, latest_s = free_s, free_s + tail_s + stall_s
    for work, ready_s in works:
        done_s = course.add(work, ready_s)
        soonest_s = max(soonest_s, ready_s) + work.mean_s
        latest_s = max(latest_s, ready_s) + work.seconds
        assert soonest_s - EPSILON_S <= done_s <= latest_s + EPSILON_S


def ten_in_a_row(slow_every: int) -> tuple[Charge, Charge]:
    """One stage of 10 ms that took 20 each so many times, and ten of them."""
    costs = CostModel()
    for turn in range(2000):
        costs.observe(1, (64, 64), 0.02 if turn % slow_every == 0 else 0.01)
    one = costs.charge(1, (64, 64), 0.999)
    assert one.seconds == pytest.approx(costs.predict(1, (64, 64), 0.999))
    assert one.seconds > 1.8 * one.mean_s
    return one, row([one] * 10)


def test_a_row_is_charged_few_of_the_stalls_that_one_stage_in_two_hundred_meets() -> None:
    """It is charged more than one, and by far not one for each stage."""
    one, ten = ten_in_a_row(slow_every=200)
    slow_s = one.seconds - one.mean_s
    assert 10 * one.mean_s + slow_s < ten.seconds < 10 * one.mean_s + 3 * slow_s


def test_a_row_is_charged_for_each_of_its_stages_what_one_in_twenty_meets() -> None:
    """Who is often slow may be so for the whole of a row."""
    one, ten = ten_in_a_row(slow_every=20)
    assert ten.seconds > 9.5 * one.seconds
