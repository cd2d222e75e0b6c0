"""Planned requests on a simulated device: the records a server's client would have made."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.loadtest.costs import Costs, write_costs
from interim.loadtest.main import main
from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.plan import Move, Planned
from interim.loadtest.replay import replay
from interim.loadtest.request_lines import read_requests, write_requests

COSTS = Costs(
    model="m",
    quality=(0.4, 0.6, 0.7),
    exit1_hz=100.0,
    full_hz=100 / 3,
    full_ms=34.0,
    pictures=((10.0, 10.0, 10.0),),
    shares=((1.0, 0.6, 0.4),),
    noise=((1.0,) * 256,) * 3,
    ready_ms=(2.0,),
    after_ms=2.0,
    margin_ms=2.0,
)


def one(budget_ms: float, **traits: Any) -> Outcome:
    """What becomes of a single request."""
    request = Planned(index=0, send_s=1.0, budget_ms=budget_ms, **traits)
    [outcome] = replay([request], COSTS, policy="plan", name="n").outcomes
    return outcome


@pytest.mark.parametrize(
    ("budget_ms", "exit_", "quality"),
    [(14.5, 1, 0.4), (24.5, 2, 0.6), (33.5, 2, 0.6), (34.5, 3, 0.7), (90, 3, 0.7)],
)
def test_a_budget_buys_what_fits_in_it(budget_ms: float, exit_: int, quality: float) -> None:
    """Stages of 10 ms, 2 ms before and 2 after them: the deepest exit that fits, answered in time."""
    outcome = one(budget_ms)
    assert (outcome.exit, outcome.in_time) == (exit_, True)
    assert outcome.quality == pytest.approx(quality)
    assert outcome.end_ms <= budget_ms + 1e-6
    assert outcome.first_ms == pytest.approx(14)


def test_what_cannot_be_promised_is_refused() -> None:
    """A budget below exit 1 and what comes with it."""
    outcome = one(13.0)
    assert (outcome.ending, outcome.cause, outcome.quality) == (Ending.REFUSED, "deadline", 0.0)


@pytest.mark.parametrize(
    ("worse", "admits_ms"),
    [
        ({"noise": ((1.0,) * 127 + (1.5,) * 129, (1.0,), (1.0,))}, 10 * 1.5 / 1.25),
        ({"ready_ms": (9.0,)}, 7),
        ({"margin_ms": 8.0}, 6),
        ({"least_ms": 20.0}, 6),
    ],
)
def test_promises_count_with_what_was_measured(worse: dict[str, Any], admits_ms: float) -> None:
    """Longer stages, decoding or margins, or a least budget that was measured: less is refused for none of them."""
    costs = dataclasses.replace(COSTS, **worse)
    outcomes = [
        replay([Planned(index=0, send_s=0.0, budget_ms=ms)], costs, policy="plan", name="n").outcomes[0]
        for ms in (14.0, 15.0 + admits_ms)
    ]
    assert [outcome.ending for outcome in outcomes] == [Ending.REFUSED, Ending.ANSWERED]


def test_an_idle_device_measures_again_what_it_refused() -> None:
    """One bad run among many refused a tight budget; a second later it is admitted, as a server would."""
    costs = dataclasses.replace(COSTS, noise=((1.0,) * 30 + (2.0,), (1.0,), (1.0,)))
    requests = [Planned(index=index, send_s=float(index), budget_ms=19.0) for index in range(2)]
    outcomes = replay(requests, costs, policy="plan", name="n").outcomes
    assert [outcome.ending for outcome in outcomes] == [Ending.REFUSED, Ending.ANSWERED]


@pytest.mark.parametrize(("budget_ms", "margin_ms", "late"), [(19.0, 6.0, False), (15.0, 2.0, True)])
def test_an_exit_that_is_waited_for_comes_in_time_or_late(
    budget_ms: float, margin_ms: float, late: bool
) -> None:
    """A picture whose stage 1 takes longer than any before: past the timer, yet within the margin or not."""
    pictures, shares = ((10.0,) * 3,) * 999 + ((14.0, 10.0, 10.0),), COSTS.shares * 1000
    costs = dataclasses.replace(COSTS, pictures=pictures, shares=shares, margin_ms=margin_ms)
    request = Planned(index=0, send_s=0.0, budget_ms=budget_ms, picture=999)
    [outcome] = replay([request], costs, policy="plan", name="n").outcomes
    assert (outcome.exit, outcome.late, outcome.quality) == (1, late, 0.0 if late else 0.4)
    assert outcome.end_ms == pytest.approx(18.0)


def test_pictures_are_dealt_as_a_server_gets_them(tmp_path: Path) -> None:
    """By the request's place where it names none; written and read again they are the very same."""
    costs = dataclasses.replace(COSTS, pictures=((10.0,) * 3, (20.0, 10.0, 10.0)), shares=COSTS.shares * 2)
    requests = tuple(Planned(index=index, send_s=float(index), budget_ms=90.0) for index in range(4))
    write_requests(tmp_path / "requests.jsonl", requests)
    for same in (requests, read_requests(tmp_path / "requests.jsonl")):
        outcomes = replay(same, costs, policy="plan", name="n").outcomes
        assert [outcome.picture for outcome in outcomes] == [0, 1, 0, 1]
        assert [outcome.first_ms for outcome in outcomes] == pytest.approx([14, 24, 14, 24])


def test_max_exit_ends_a_request() -> None:
    """It is over at the exit it asked for, though there is time."""
    outcome = one(200.0, max_exit=2)
    assert (outcome.exit, outcome.reason) == (2, "FINAL_EXIT")
    assert outcome.end_ms == pytest.approx(24)


def test_a_revision_moves_the_deadline() -> None:
    """Shortened, the answer is shallower; what was asked and that it was granted is on record."""
    outcome = one(90.0, move=Move(at_ms=5.0, total_ms=25.0))
    assert (outcome.exit, outcome.revised_ms, outcome.granted) == (2, 25.0, True)
    assert outcome.budget_in_force_ms == 25.0
    late = one(90.0, move=Move(at_ms=60.0, total_ms=70.0))
    assert (late.exit, late.revised_ms) == (3, None)


def test_a_cancelled_request_is_not_scored() -> None:
    """Cancelled in flight; one that had ended before was answered."""
    assert one(90.0, cancel_ms=15.0).ending is Ending.CANCELLED
    assert one(90.0, cancel_ms=15.0).quality is None
    assert one(90.0, cancel_ms=60.0).ending is Ending.ANSWERED


@settings(max_examples=20)
@given(st.lists(st.tuples(st.floats(0, 2), st.floats(5, 200)), min_size=1, max_size=30), st.integers(0, 5))
def test_every_request_has_one_record(pairs: list[tuple[float, float]], seed: int) -> None:
    """In order, none lost; whoever was admitted had exit 1 in time."""
    requests = [
        Planned(index=index, send_s=at_s, budget_ms=ms) for index, (at_s, ms) in enumerate(sorted(pairs))
    ]
    run = replay(requests, COSTS, policy="edf", name="n", seed=seed)
    assert [outcome.index for outcome in run.outcomes] == list(range(len(pairs)))
    assert run.summary.attainment in {None, 1.0}
    assert run.summary.failed == {}


def test_a_file_of_requests_is_replayed(tmp_path: Path, capsys: Any) -> None:
    """`simulate --requests` takes the very file that `run --requests` sends; `compare` reads both records."""
    requests, costs = tmp_path / "requests.jsonl", tmp_path / "costs.json"
    write_requests(requests, [Planned(index=0, send_s=0.0, budget_ms=50.0)])
    write_costs(costs, COSTS)
    command = ["simulate", "--requests", str(requests), "--costs", str(costs)]
    for name in ("a", "b"):
        assert main([*command, "--json", str(tmp_path / f"{name}.json")]) == 0
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--agree"]) == 0
    capsys.readouterr()
    assert main([*command, "--policy", "edf", "--json", "-"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["name"], figures["policy"], figures["exits"]) == ("requests", "edf", {"3": 1})
