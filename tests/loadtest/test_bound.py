"""The clairvoyant bound: exact where it can be counted by hand, and above every schedule."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.loadtest.bound import lp_bound, whole_stage_bound
from interim.loadtest.network import Network
from interim.loadtest.simulation import Device, simulate
from interim.loadtest.traced import Moved, Traced
from interim.loadtest.workloads import Workload, draw, hrnet
from interim.scheduling.policy import names

SMALL = Network(dense_s=(1.0, 2.0), shares=(1.0, 1.0), gains=(0.6, 0.4))


def small(id_: int, arrival_s: float, deadline_s: float, moved: Moved | None = None) -> Traced:
    stages: dict[str, Any] = {
        "stage_s": SMALL.dense_s,
        "shares": SMALL.shares,
        "gains": SMALL.gains,
        "hints": (1.0, 1.0),
    }
    return Traced(id=id_, arrival_s=arrival_s, deadline_s=deadline_s, moved=moved, **stages)


@pytest.mark.parametrize(
    ("requests", "utility"),
    [
        ([small(0, 0.0, 3.0)], 1.0),
        ([small(0, 0.0, 2.0)], 0.6),  # stage 2 could not end in time
        ([small(0, 0.0, 0.5)], 0.0),
        # 4 s for two: both exits 1, and of the two stages 2, 4 s long together, half
        ([small(0, 0.0, 4.0), small(1, 0.0, 4.0)], (1.2 + 0.4) / 2),
        ([small(0, 0.0, 3.0), small(1, 0.0, 3.0)], (1.2 + 0.2) / 2),
        ([small(0, 0.0, 3.0), small(1, 3.0, 6.0)], 1.0),
        ([small(0, 0.0, 9.0, Moved(at_s=1.0, deadline_s=2.0))], 0.6),
        ([small(0, 0.0, 2.0, Moved(at_s=1.0, deadline_s=9.0))], 1.0),
    ],
)
def test_small_cases_are_what_one_counts(requests: list[Traced], utility: float) -> None:
    """The optimum of each, by hand."""
    assert lp_bound(requests) == pytest.approx(utility, abs=1e-5)


def test_whole_stages_are_worth_less_than_parts() -> None:
    """3 s for two: both exits 1, and no whole second stage any more; or one of two exits and one second stage."""
    requests = [small(0, 0.0, 3.0), small(1, 0.0, 3.0)]
    assert whole_stage_bound(requests) == pytest.approx(0.6, abs=1e-3)


def test_the_gap_of_whole_stages_is_small() -> None:
    """On drawn requests the two bounds lie within some points of each other, and in this order."""
    requests = draw(Workload(name="x", kind="poisson", load=2.0), hrnet(1.0), requests=20, seed=7)
    assert 0.95 * lp_bound(requests) < whole_stage_bound(requests) <= lp_bound(requests) + 1e-3


@settings(max_examples=25, deadline=None)
@given(
    windows=st.lists(st.tuples(st.floats(0, 8), st.floats(0.2, 9)), min_size=1, max_size=6),
    move=st.tuples(st.floats(0, 5), st.floats(0, 9)),
    policy=st.sampled_from(names()),
    admission=st.booleans(),
)
def test_no_policy_beats_it(
    windows: list[tuple[float, float]], move: tuple[float, float], policy: str, admission: bool
) -> None:
    """Whatever comes, and however the first request is moved."""
    windows.sort()
    requests = [small(id_, at_s, at_s + budget_s) for id_, (at_s, budget_s) in enumerate(windows)]
    at_s = windows[0][0] + move[0]
    requests[0] = small(0, windows[0][0], sum(windows[0]), Moved(at_s=at_s, deadline_s=at_s + move[1]))
    done = simulate(requests, Device(network=SMALL, policy=policy, admission=admission))
    assert done.utility <= lp_bound(requests) + 1e-4
