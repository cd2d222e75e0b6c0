"""The simulator: every request ends once, time runs one way, nothing is foreseen, the promise is kept."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.loadtest.fates import Fate, Run
from interim.loadtest.network import Network
from interim.loadtest.simulation import Device, simulate
from interim.loadtest.traced import Moved, Traced
from interim.loadtest.workloads import KINDS, Workload, draw, hrnet
from interim.scheduling.policy import names, serving_names

NETWORK = hrnet(0.005)
SMALL = Network(dense_s=(1.0, 2.0), shares=(1.0, 1.0), gains=(0.5, 0.3))


def drawn(
    kind: str = "poisson", load: float = 4.0, *, requests: int = 60, seed: int = 3
) -> tuple[Traced, ...]:
    return draw(Workload(name=kind, kind=kind, load=load), NETWORK, requests=requests, seed=seed)


def run(requests: Iterable[Traced], policy: str = "plan", *, admission: bool = True, **fields: Any) -> Run:
    device = Device(network=NETWORK, policy=policy, admission=admission, **fields)
    return simulate(requests, device)


def small(id_: int, arrival_s: float, deadline_s: float, moved: Moved | None = None) -> Traced:
    return Traced(
        id=id_,
        arrival_s=arrival_s,
        deadline_s=deadline_s,
        stage_s=SMALL.dense_s,
        shares=SMALL.shares,
        gains=SMALL.gains,
        hints=(1.0, 1.0),
        moved=moved,
    )


def fates(*requests: Traced, admission: bool = True, policy: str = "edf") -> dict[int, Fate]:
    done = simulate(requests, Device(network=SMALL, policy=policy, admission=admission))
    return {fate.id: fate for fate in done.fates}


@pytest.mark.parametrize("policy", names())
@pytest.mark.parametrize("kind", KINDS)
def test_every_request_ends_once_and_time_runs_one_way(policy: str, kind: str) -> None:
    """Whatever the policy and the arrivals: one fate a request, in the order of their ends."""
    requests = drawn(kind)
    done = run(requests, policy, admission=policy in serving_names())
    ends = [fate.ended_s for fate in done.fates]
    assert sorted(fate.id for fate in done.fates) == [request.id for request in requests]
    assert ends == sorted(ends)
    for fate in done.fates:
        request = requests[fate.id]
        assert fate.utility == pytest.approx(sum(request.gains[: fate.exit]))
        assert fate.ended_s >= request.arrival_s + sum(request.stage_s[: fate.exit]) - 1e-9


@pytest.mark.parametrize("policy", serving_names())
@pytest.mark.parametrize("kind", KINDS)
def test_the_admitted_get_exit_1_in_time(policy: str, kind: str) -> None:
    """At twice what exit 1 alone would load the device with, some are refused and none is let down."""
    done = run(drawn(kind, 18.0), policy)
    assert done.admitted_share < 1
    assert done.attainment == 1


@pytest.mark.parametrize("policy", names())
def test_one_seed_is_one_run(policy: str) -> None:
    """The same requests end the same way, decision times aside."""
    assert run(drawn(), policy).fates == run(drawn(), policy).fates


@pytest.mark.parametrize("policy", names())
def test_nothing_is_foreseen(policy: str) -> None:
    """Other requests in the second half change no end that came before the first of them."""
    requests = drawn("revised", requests=60)
    later = [
        replace(request, deadline_s=request.deadline_s + 0.1, stage_s=request.stage_s[::-1], moved=None)
        for request in requests[30:]
    ]
    one, other = run(requests, policy).fates, run((*requests[:30], *later), policy).fates
    split_s = requests[30].arrival_s

    def past(all_fates: tuple[Fate, ...]) -> list[Fate]:
        return [fate for fate in all_fates if fate.ended_s < split_s]

    assert past(one) == past(other) != []


def test_an_exit_complete_at_its_deadline_counts() -> None:
    """Exactly in time is in time; the next stage would have been late."""
    assert fates(small(0, 0.0, 1.0))[0].exit == 1
    assert fates(small(0, 0.0, 3.0))[0].exit == 2
    assert fates(small(0, 0.0, 2.9))[0].utility == 0.5


def test_what_cannot_come_in_time_is_refused_or_worth_nothing() -> None:
    """With admission it is refused; without, it comes in and ends empty at its deadline."""
    assert not fates(small(0, 0.0, 0.9))[0].admitted
    empty = fates(small(0, 0.0, 0.9), admission=False)[0]
    assert (empty.admitted, empty.exit, empty.utility, empty.promise_kept) == (True, 0, 0.0, False)


def test_a_deadline_moved_earlier_ends_the_request_with_what_it_has() -> None:
    """Exit 1 is there at 1 s, stage 2 would end at 3 s, and the client wants the answer at 2 s."""
    fate = fates(small(0, 0.0, 9.0, Moved(at_s=1.5, deadline_s=2.0)))[0]
    assert (fate.exit, fate.promise_kept) == (1, True)
    assert fate.ended_s == pytest.approx(2.0, abs=1e-5)


def test_a_deadline_moved_later_buys_another_exit() -> None:
    """2 s are enough for exit 1, 4 s for both; moved after the end, it is void."""
    assert fates(small(0, 0.0, 2.0, Moved(at_s=0.5, deadline_s=4.0)))[0].exit == 2
    assert fates(small(0, 0.0, 2.0, Moved(at_s=2.5, deadline_s=9.0)))[0].exit == 1
    assert fates(small(0, 0.0, 2.0, Moved(at_s=2.0, deadline_s=9.0)))[0].exit == 1


def test_a_stop_before_exit_1_is_answered_with_exit_1_though_it_counts_nothing() -> None:
    """As the server does: no answer without an exit, and what comes after the deadline in force is late."""
    fate = fates(small(0, 0.0, 9.0, Moved(at_s=0.5, deadline_s=0.5)))[0]
    assert (fate.exit, fate.utility, fate.promise_kept) == (0, 0.0, True)
    assert fate.ended_s == 1.0


def test_decisions_are_charged_as_the_clock_says() -> None:
    """Half a second a decision: exit 1, due at 1.4 s, is late then, and in time without."""
    ticks = count(0, 0.5)
    device = Device(network=SMALL, policy="edf", admission=True, charged=True, clock=lambda: next(ticks))
    assert simulate([small(0, 0.0, 1.4)], device).utility == 0
    done = simulate([small(0, 0.0, 1.4)], replace(device, charged=False))
    assert done.utility == 0.5
    assert done.decision_s == 0.5 * done.decisions


@pytest.mark.parametrize(("policy", "seed"), [("plan", 5003), ("edf", 5003), ("plan", 5001)])
def test_promises_count_with_the_time_that_decisions_take(policy: str, seed: int) -> None:
    """A decision of 2 % of stage 1 broke up to 3 % of the promises in these bursts while admission left it out."""
    ticks = count(0, 0.0001)
    requests = drawn("two-state", 4.0, requests=300, seed=seed)
    done = run(requests, policy, charged=True, clock=lambda: next(ticks))
    assert 0 < done.admitted_share < 1
    assert done.attainment == 1


TRAFFIC = st.builds(
    drawn,
    kind=st.sampled_from(KINDS),
    load=st.sampled_from([0.5, 2.0, 8.0, 20.0]),
    requests=st.just(40),
    seed=st.integers(0, 10**6),
)


@settings(max_examples=30, deadline=None)
@given(requests=TRAFFIC, policy=st.sampled_from(serving_names()), decision_us=st.integers(0, 300))
def test_whoever_was_admitted_is_never_let_down(
    requests: tuple[Traced, ...], policy: str, decision_us: int
) -> None:
    """Whatever comes and is revised, and however long decisions take, up to what is allowed for the first."""
    ticks = count(0, decision_us / 1e6)
    assert run(requests, policy, charged=True, clock=lambda: next(ticks)).attainment == 1


def test_charging_costs_on_average() -> None:
    """A decision that takes a fifth of stage 1 lowers the mean utility."""
    requests = drawn("poisson", 2.0, requests=150)
    ticks = count(0, 0.001)
    charged = run(requests, charged=True, clock=lambda: next(ticks))
    assert charged.utility < run(requests).utility
