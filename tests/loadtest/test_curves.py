"""The numbers behind the plots: nothing is lost, nothing is counted twice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.page import curves
from interim.loadtest.page.recovery import recovery, steps_of
from interim.loadtest.page.svg import ticks

SENDS = st.lists(st.floats(0, 100), min_size=1, max_size=60).map(sorted)
ENDINGS = st.sampled_from(Ending)


def outcome(send_s: float, ending: Ending = Ending.ANSWERED, **known: Any) -> Outcome:
    fields: dict[str, Any] = {"lag_ms": 0.0, "budget_ms": 100.0, "end_ms": 50.0, "budget_in_force_ms": 100.0}
    exit_ = 2 if ending is Ending.ANSWERED else 0
    return Outcome(index=0, send_s=send_s, ending=ending, **{"exit": exit_, **fields, **known})


@given(SENDS, st.lists(ENDINGS, min_size=60, max_size=60))
def test_every_request_is_in_one_column_and_one_colour(sends: list[float], endings: list[Ending]) -> None:
    """Columns times their width add up to the requests, whatever became of them."""
    outcomes = [outcome(at_s, ending) for at_s, ending in zip(sends, endings, strict=False)]
    bins = curves.time_bins(outcomes)
    columns = curves.fates_over_time(outcomes, 4, bins)
    assert sum(map(sum, columns.values())) * bins.width == pytest.approx(len(outcomes))
    assert bins.edges[-1] >= sends[-1]


@given(SENDS, st.floats(0.1, 10))
def test_groups_of_load_hold_everything_they_can_judge(sends: list[float], window_s: float) -> None:
    """Loads rise from group to group, shares add up to 1, and no request is in two groups."""
    outcomes = [outcome(at_s) for at_s in sends]
    groups = curves.fates_over_load(outcomes, 4, window_s=window_s)
    judged = sum(at_s >= window_s for at_s in sends) or len(sends)
    assert sum(group.requests for group in groups) == judged
    assert [group.rate_hz for group in groups] == sorted(group.rate_hz for group in groups)
    for group in groups:
        assert sum(group.shares.values()) == pytest.approx(1)


def test_a_steady_load_is_what_it_is() -> None:
    """Ten a second, evenly: every group's load is ten a second."""
    outcomes = [outcome(index / 10) for index in range(300)]
    groups = curves.fates_over_load(outcomes, 4, window_s=2.0)
    assert [group.rate_hz for group in groups] == pytest.approx([10.0] * len(groups), rel=0.06)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 5)), min_size=1, max_size=25))
def test_the_most_at_once_is_the_worst_instant(spans: list[tuple[float, float]]) -> None:
    """The largest of all bins is the largest number of spans that share an instant."""
    ends = [(begin_s, begin_s + length_s) for begin_s, length_s in spans]
    most = curves.most_at_once(ends, curves.Bins(width=0.5, count=20))
    worst = max(sum(a <= begin_s < b for a, b in ends) for begin_s, _ in ends)
    assert max(most) == worst


def test_what_spans_a_bin_is_in_it() -> None:
    """A request that begins before and ends after a bin is in flight throughout."""
    most = curves.most_at_once([(0.5, 3.5), (1.2, 1.4)], curves.Bins(width=1.0, count=5))
    assert most == [1, 2, 1, 1, 0]


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=80))
def test_slack_keeps_zero_on_an_edge(values: list[float]) -> None:
    """Late and in time never share a column, and no value is lost."""
    bins = curves.slack_bins(values)
    assert any(abs(edge) < 1e-6 * bins.width for edge in bins.edges)
    assert sum(curves.histogram(values, bins)) == len(values)


@given(st.floats(-10, 10), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_few_and_inside(start: float, span: float, most: int) -> None:
    """Axes have round numbers between their ends, no more than asked for (and one)."""
    low = start * span
    values = ticks(low, low + span, most=most)
    assert len(values) <= most + 1
    assert all(low - 1e-6 * span <= value <= low + span * (1 + 1e-6) + 1e-6 for value in values)


def test_a_quantile_of_each_bin() -> None:
    """Values are reduced bin by bin; an empty bin has none."""
    outcomes = [outcome(at_s, first_ms=ms) for at_s, ms in ((0.1, 1.0), (0.2, 3.0), (2.5, 7.0))]
    bins = curves.Bins(width=1.0, count=3)
    assert curves.over_time(outcomes, bins, lambda one: one.first_ms, curves.mean) == [2.0, None, 7.0]
    assert curves.over_time(outcomes, bins, lambda one: one.first_ms, curves.at(1.0)) == [3.0, None, 7.0]


STEPS = ((0.0, 10.0), (10.0, 40.0), (20.0, 10.0))


def stepped(*, cut_until_s: float, shallow_until_s: float) -> list[Outcome]:
    """Ten a second for 30 s; from 10 s on budgets are halved, and answers shallow, until the given instants."""
    return [
        outcome(
            at_s,
            budget_in_force_ms=50.0 if 10 <= at_s < cut_until_s else 100.0,
            exit=1 if 10 <= at_s < shallow_until_s else 3 + (index % 2),
        )
        for index, at_s in enumerate(each / 20 for each in range(600))
    ]


@pytest.mark.parametrize(("cut_until_s", "kept"), [(20.12, True), (20.5, False), (10.0, True)])
def test_budgets_must_be_back_within_two_deadlines(cut_until_s: float, *, kept: bool) -> None:
    """The longest deadline is 0.1 s: the last cut budget must have been asked for 0.2 s after the step."""
    back = recovery(stepped(cut_until_s=cut_until_s, shallow_until_s=20.25), STEPS)
    assert back is not None
    assert back.budgets_s == pytest.approx(max(cut_until_s - 20, 0), abs=0.051)
    assert back.allowed_s == pytest.approx(0.2)
    assert back.kept == kept
    assert back.depth_s == pytest.approx(0.25, abs=0.06)  # to a stretch of 0.1 s


def test_only_a_step_down_is_judged() -> None:
    """No steps, or a last one upwards: nothing to come back from."""
    outcomes = stepped(cut_until_s=20, shallow_until_s=20)
    assert recovery(outcomes, ()) is None
    assert recovery([], STEPS) is None
    assert recovery([one for one in outcomes if one.send_s < STEPS[-1][0]], STEPS) is None
    assert recovery(outcomes, (*STEPS[:2], (20.0, 50.0))) is None
    arrivals = {"process": "steps", "at_s": [0, 10, 20], "rates_hz": [10, 40, 10]}
    assert steps_of({"scenario": {"arrivals": arrivals}}) == STEPS
    assert steps_of({"scenario": {"arrivals": {"process": "poisson"}}}) == steps_of({}) == ()
