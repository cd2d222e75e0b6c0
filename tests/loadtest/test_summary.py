"""Summaries: counts that add up, and figures that were measured."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.quantiles import quantile, spread
from interim.loadtest.summary import summarise


def outcome(**fields: Any) -> Outcome:
    known: dict[str, Any] = {
        "index": 0,
        "send_s": 0.0,
        "lag_ms": 0.2,
        "budget_ms": 100.0,
        "ending": Ending.ANSWERED,
        "end_ms": 60.0,
    }
    return Outcome(**(known | fields))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.floats(0, 1))
def test_a_quantile_was_measured(values: list[float], share: float) -> None:
    """A quantile is one of the values, and at least that share of them does not exceed it."""
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_quantiles_of_nothing_are_none() -> None:
    """Without values there is no figure, not a 0."""
    assert spread([]) == {"p50": None, "p99": None, "max": None}
    assert spread([3.0, 1.0, 2.0], 0.0, 0.5) == {"min": 1.0, "p50": 2.0}


@given(st.lists(st.sampled_from(Ending), max_size=40))
def test_every_request_is_counted_once(endings: list[Ending]) -> None:
    """Sent = answered + without an exit + cancelled + refused + failed."""
    summary = summarise([outcome(ending=ending, cause="why") for ending in endings])
    parts = summary.answered + summary.no_exit + summary.cancelled
    parts += sum(summary.refused.values()) + sum(summary.failed.values())
    assert summary.sent == len(endings) == parts
    assert sum(summary.exits.values()) == summary.admitted


def test_refusals_and_failures_are_counted_by_cause() -> None:
    """Causes are kept apart, and a refused request has no part in depth, lateness or answer times."""
    refused = [
        outcome(ending=Ending.REFUSED, cause=cause, end_ms=1e6) for cause in ("deadline", "queue", "deadline")
    ]
    summary = summarise(
        [*refused, outcome(exit=3, reason="DEADLINE"), outcome(ending=Ending.FAILED, cause="gone")]
    )
    assert summary.refused == {"deadline": 2, "queue": 1}
    assert summary.failed == {"gone": 1}
    assert summary.exits == {3: 1}
    assert summary.answer_ms["max"] == 60.0
    assert summary.refusal_ms["max"] == 1e6
    assert (summary.late_server, summary.late_client) == (0, 0)


def test_lateness_is_counted_as_each_side_sees_it() -> None:
    """The server's flag and the client's clock are two counts."""
    summary = summarise([outcome(late=True, end_ms=90.0), outcome(end_ms=101.0), outcome(end_ms=99.0)])
    assert (summary.late_server, summary.late_client) == (1, 1)


def test_a_slow_readers_pauses_are_no_latency() -> None:
    """What its reader took its time to take has no part in the client's times, and is counted all the same."""
    slow = outcome(exit=1, first_ms=500.0, end_ms=900.0, slow=True)
    summary = summarise([outcome(exit=1, first_ms=20.0), slow])
    assert (summary.first_ms["max"], summary.answer_ms["max"], summary.slack_ms["min"]) == (20.0, 60.0, 40.0)
    assert summary.answered == 2


def test_a_request_without_an_exit_lowers_the_mean() -> None:
    """Exit 0 counts as 0 in the mean exit; nothing admitted has no mean."""
    assert summarise([outcome(exit=4), outcome(exit=0, ending=Ending.NO_EXIT)]).mean_exit == 2.0
    assert summarise([]).mean_exit is None


def test_a_sender_that_lags_voids_the_run() -> None:
    """More than 5 ms of the sender's own lag at p99: the run says that it does not count."""
    steady = [outcome()] * 99
    assert summarise([*steady, outcome(lag_ms=50.0)]).void == ""
    assert "lagged 50.0 ms at p99" in summarise([*steady, *[outcome(lag_ms=50.0)] * 2]).void


def test_the_table_and_the_json_say_the_same() -> None:
    """Every count of the JSON stands in the table; the JSON is plain data."""
    summary = summarise(
        [outcome(exit=2, reason="DEADLINE", late=True), outcome(ending=Ending.REFUSED, cause="queue")]
    )
    assert json.loads(json.dumps(summary.as_json()))["exits"] == {"2": 1}
    for line in ("exit 2: 1", "queue 1", "DEADLINE 1", "1 as the server says"):
        assert line in summary.as_table()


def test_the_deepest_exit_is_the_answer() -> None:
    """An answer older than an exit already streamed, or exits out of order, are told apart."""
    assert outcome(exit=3, exits_seen=(1, 2, 3)).deepest
    assert not outcome(exit=2, exits_seen=(1, 2, 3)).deepest
    assert not outcome(exit=3, exits_seen=(2, 1, 3)).deepest
    assert outcome(exit=0, ending=Ending.NO_EXIT).deepest
