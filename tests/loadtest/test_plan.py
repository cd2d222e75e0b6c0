"""Plans: a run is settled before its first request is sent."""

import dataclasses

from interim.loadtest.arrivals import Poisson, Regular
from interim.loadtest.budgets import Constant, Uniform
from interim.loadtest.plan import plan
from interim.loadtest.scenario import Traffic

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
