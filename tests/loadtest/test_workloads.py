"""The published suite's traffic: as many, as hard and as urgent as it says, and the same for a seed."""

from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest

from interim.loadtest.network import ExactCosts, Forecast
from interim.loadtest.simulate_command import SUITE_NAMES
from interim.loadtest.workloads import KINDS, SUITES, Workload, draw, edges, hrnet, published
from interim.scheduling.job import Job

NETWORK = hrnet(1.0)


def workload(kind: str, load: float = 1.0) -> Workload:
    return Workload(name=kind, kind=kind, load=load)


def test_the_suite_has_sixteen_scenarios() -> None:
    """Four kinds of arrivals at four loads, each with a name of its own."""
    assert len({work.name for work in published()}) == 16
    assert {(work.kind, work.load) for work in published()} == {(k, x) for k in KINDS for x in (0.5, 1, 2, 4)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_is_a_draw(kind: str) -> None:
    """The same seed draws the same requests, another one others."""
    one, same, other = (draw(workload(kind), NETWORK, requests=30, seed=seed) for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("kind", KINDS)
def test_the_load_is_what_was_asked_for(kind: str) -> None:
    """Full runs offered over the time they are offered in; bursts spread more than Poisson."""
    drawn = [draw(workload(kind, 2.0), NETWORK, requests=2000, seed=seed) for seed in range(4)]
    load = fmean(sum(sum(one.stage_s) for one in requests) / requests[-1].arrival_s for requests in drawn)
    assert load == pytest.approx(2.0, rel=0.15)


def test_costs_and_gains_are_the_published_means() -> None:
    """Stage 1 is the unit; an average image costs 387.1 / 41.9 of it and gains 0.813."""
    drawn = draw(workload("poisson"), NETWORK, requests=4000, seed=1)
    assert NETWORK.full_s == pytest.approx(387.1 / 41.9)
    assert fmean(sum(one.stage_s) for one in drawn) == pytest.approx(NETWORK.full_s, rel=0.05)
    assert fmean(sum(one.gains) for one in drawn) == pytest.approx(0.813, rel=0.05)
    budgets = [(one.deadline_s - one.arrival_s) / NETWORK.full_s for one in drawn]
    assert (min(budgets), max(budgets)) == pytest.approx((0.5, 4.0), abs=0.01)


def test_three_in_ten_are_revised() -> None:
    """And of those most get less time; none of the other kinds is revised at all."""
    drawn = draw(workload("revised"), NETWORK, requests=3000, seed=1)
    revised = [one for one in drawn if one.moved]
    assert len(revised) / len(drawn) == pytest.approx(0.3, abs=0.03)
    shorter = [one for one in revised if one.last_deadline_s < one.deadline_s]
    assert len(shorter) / len(revised) == pytest.approx(0.7, abs=0.05)
    assert not any(one.moved for one in draw(workload("poisson"), NETWORK, requests=50, seed=1))


def test_the_edges_are_late_gains_their_even_twins_and_tight_deadlines() -> None:
    """Late and even differ in quality alone; both are without guesswork, so a mask tells the gains."""
    suite = {work.name: work for work in edges()}
    assert len(suite) == len(edges()) == 20
    late, even, tight = (suite[f"{name}-poisson-2"] for name in ("late", "even", "tight"))
    assert replace(late, name="", quality=()) == replace(even, name="", quality=())
    assert tight.budgets[1] == 1.0
    network = hrnet(1.0, late.quality)
    densities = [
        gain / (cost * share)
        for gain, cost, share in zip(network.gains, network.dense_s, network.shares, strict=True)
    ]
    assert densities[1] < densities[2]
    for one in draw(late, network, requests=20, seed=1):
        ratios = [share / mean for share, mean in zip(one.shares[1:], network.shares[1:], strict=True)]
        told = [gain * ratio for gain, ratio in zip(network.gains[1:], ratios, strict=True)]
        assert one.gains[1:] == pytest.approx(told)


def test_a_suite_is_known_to_the_command_by_its_name() -> None:
    """The command lists them without loading what draws them."""
    assert tuple(SUITES) == SUITE_NAMES


def test_a_forecast_sharpens_with_each_exit() -> None:
    """Averages before exit 1; then the next stage's share is known, and its gain by the exit's hint."""
    request = draw(workload("poisson"), NETWORK, requests=1, seed=5)[0]
    forecast, costs = Forecast(NETWORK), ExactCosts(NETWORK)
    times: dict[str, Any] = {
        "arrival_s": 0.0,
        "answer_by_s": 9.0,
        "ready_s": 0.0,
        "size": (1, 1),
        "max_exit": 4,
    }
    new = Job(id=request.id, **times)
    assert forecast.gains(new) == pytest.approx(NETWORK.gains)
    assert forecast.shares(new) == pytest.approx(NETWORK.shares)
    share = request.shares[1]
    begun = Job(id=request.id, exit=1, active_share=share, **times)
    ratio = share / NETWORK.shares[1]
    assert forecast.shares(begun)[0] == pytest.approx(share)
    assert forecast.gains(begun)[0] == pytest.approx(NETWORK.gains[1] * ratio), "exit 1 has not spoken yet"
    forecast.learn(request, 1)
    assert forecast.gains(begun)[0] == pytest.approx(NETWORK.gains[1] * ratio * request.hints[1])
    assert costs.predict(2, (1, 1), 0.999, active_share=share) == pytest.approx(request.stage_s[1])
