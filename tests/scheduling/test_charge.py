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
STAGES = st.builds(Charge.of, st.floats(0.001, 1.0), SECONDS)


def row(stages: list[Charge]) -> Charge:
    """All of them, one after another."""
    return [*accumulate(stages, Charge.plus, initial=NOTHING)][-1]


@given(SECONDS, SECONDS)
def test_one_stage_is_charged_its_own_quantile(mean_s: float, tail_s: float) -> None:
    """Alone, nothing is gained or lost."""
    assert Charge.of(mean_s, tail_s).seconds == pytest.approx(mean_s + tail_s)


@given(st.lists(STAGES, min_size=1, max_size=12))
def test_a_row_is_charged_its_means_and_its_largest_tail_at_least_and_its_quantiles_at_most(
    stages: list[Charge],
) -> None:
    """Whatever the stages are."""
    means_s, tails_s = sum(one.mean_s for one in stages), [one.tail_s for one in stages]
    charged_s = row(stages).seconds
    assert means_s + max(tails_s) - EPSILON_S <= charged_s <= means_s + sum(tails_s) + EPSILON_S


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


@given(SECONDS, SECONDS, st.lists(st.tuples(STAGES, st.floats(0.0, 4.0)), max_size=8))
def test_a_course_ends_no_later_than_if_every_stage_took_its_quantile(
    free_s: float, later_s: float, works: list[tuple[Charge, float]]
) -> None:
    """And no sooner than if each took its mean, once its image is there and the work before it is done."""
    course = Course(free_s, later_s)
    soonest_s, latest_s = free_s, free_s + later_s
    for work, ready_s in works:
        done_s = course.add(work, ready_s)
        soonest_s = max(soonest_s, ready_s) + work.mean_s
        latest_s = max(latest_s, ready_s) + work.seconds
        assert soonest_s - EPSILON_S <= done_s <= latest_s + EPSILON_S


def test_a_queue_is_charged_less_than_its_length_times_its_quantile() -> None:
    """Ten stages that vary take little more than ten means: they are not all slow."""
    costs = CostModel()
    for turn in range(2000):
        costs.observe(1, (64, 64), 0.02 if turn % 100 == 0 else 0.01)
    one = costs.charge(1, (64, 64), 0.999)
    assert one.seconds == pytest.approx(costs.predict(1, (64, 64), 0.999))
    ten = row([one] * 10)
    assert 10 * one.mean_s + one.tail_s < ten.seconds < 7 * one.seconds + 3 * one.mean_s
