"""Plans: a run is settled before its first request is sent."""

import dataclasses
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.loadtest.arrivals import Poisson, Regular
from interim.loadtest.budgets import Constant, Uniform
from interim.loadtest.entries import ScenarioError
from interim.loadtest.plan import plan
from interim.loadtest.traffic import Readers, RequestClass, Revisions, Traffic

TRAFFIC = Traffic(
    name="t", duration_s=30, arrivals=Poisson(rate_hz=20), budgets=Uniform(low_ms=20, high_ms=90), seed=5
)


def test_a_plan_ends_with_the_scenario() -> None:
    """Requests are numbered in the order they are sent, and none is sent after the duration."""
    requests = plan(TRAFFIC)
    assert [request.index for request in requests] == list(range(len(requests)))
    assert 450 < len(requests) < 750
    assert max(request.send_s for request in requests) < 30


def test_a_seed_settles_everything() -> None:
    """The same seed sends the same requests; another seed sends others."""
    assert plan(TRAFFIC) == plan(TRAFFIC)
    assert plan(dataclasses.replace(TRAFFIC, seed=6)) != plan(TRAFFIC)


def test_budgets_do_not_move_arrivals() -> None:
    """Two scenarios that differ in budgets alone send at the same instants."""
    other = plan(dataclasses.replace(TRAFFIC, budgets=Constant(ms=50)))
    assert [request.send_s for request in other] == [request.send_s for request in plan(TRAFFIC)]


def test_arrivals_do_not_move_budgets() -> None:
    """Two scenarios that differ in arrivals alone draw the same budgets, one after another."""
    other = plan(dataclasses.replace(TRAFFIC, arrivals=Regular(rate_hz=10)))
    drawn = [request.budget_ms for request in plan(TRAFFIC)]
    assert [request.budget_ms for request in other] == drawn[: len(other)]


def test_a_capacity_nobody_measured_plans_nothing() -> None:
    """Traffic in shares of a capacity is not drawn before the capacity is known."""
    with pytest.raises(ScenarioError, match="add --measure, or --costs"):
        plan(dataclasses.replace(TRAFFIC, load_of="exit 1"))


BUSY = dataclasses.replace(
    TRAFFIC,
    classes=(
        RequestClass(name="a", share=3, budgets=Constant(ms=50)),
        RequestClass(name="b", share=1, budgets=Constant(ms=90), max_exit=2),
    ),
    revisions=Revisions(share=0.3),
    readers=Readers(cancelled=0.2, slow=0.25, pause_ms=5),
    streams=4,
)


def test_shares_are_kept() -> None:
    """Classes, revisions, cancels and slow readers come as often as the scenario says, within 10 points."""
    requests = plan(BUSY)

    def share(those: Iterable[object]) -> float:
        return sum(map(bool, those)) / len(requests)

    assert share(request.request_class == "a" for request in requests) == pytest.approx(0.75, abs=0.1)
    assert share(request.move for request in requests) == pytest.approx(0.3, abs=0.1)
    assert share(request.cancel_ms for request in requests) == pytest.approx(0.2, abs=0.1)
    assert share(request.pause_ms for request in requests) == pytest.approx(0.25, abs=0.1)


@given(seed=st.integers())
def test_what_moves_moves_in_flight(seed: int) -> None:
    """Every revision and cancel lies inside the budget; a shortening leaves no less than nothing."""
    for request in plan(dataclasses.replace(BUSY, seed=seed, duration_s=1)):
        assert request.budget_ms == {"a": 50, "b": 90}[request.request_class]
        assert request.max_exit == {"a": 0, "b": 2}[request.request_class]
        assert (request.stream is None) == bool(request.pause_ms)
        if request.move:
            assert 0 < request.move.at_ms < request.budget_ms
            assert request.move.at_ms <= request.move.total_ms <= 2 * request.budget_ms
        if request.cancel_ms:
            assert 0 < request.cancel_ms < request.budget_ms


def test_revisions_move_nothing_else() -> None:
    """With and without revisions and readers, the same budgets at the same instants."""
    bare = dataclasses.replace(BUSY, revisions=Revisions(share=0), readers=Readers())
    drawn, plain = ([(one.send_s, one.budget_ms) for one in plan(each)] for each in (BUSY, bare))
    assert drawn == plain
