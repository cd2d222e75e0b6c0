"""Promises held against measurements: each is broken by exactly what it forbids."""

from typing import Any

import pytest

from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.promises import Check, deadline_checks


def kept(**fields: Any) -> Outcome:
    """A request that was answered well within its budget."""
    known: dict[str, Any] = {
        "index": 0,
        "send_s": 0.0,
        "lag_ms": 0.0,
        "budget_ms": 100.0,
        "budget_in_force_ms": 100.0,
        "ending": Ending.ANSWERED,
        "end_ms": 99.0,
        "elapsed_ms": 98.0,
        "exit": 2,
        "exits_seen": (1, 2),
    }
    return Outcome(**(known | fields))


def broken(outcomes: list[Outcome]) -> list[str]:
    return [check.promise for check in deadline_checks(outcomes) if not check.holds]


def test_a_good_run_keeps_every_promise() -> None:
    """Answers in time, the deepest exit, refusals apart: nothing is broken."""
    refused = kept(ending=Ending.REFUSED, cause="deadline", exit=0, exits_seen=(), end_ms=500.0)
    assert broken([kept(), kept(exit=1, exits_seen=(1,)), refused]) == []


@pytest.mark.parametrize(
    ("fields", "promise"),
    [
        ({"elapsed_ms": 102.5}, "as the server sees it"),
        ({"end_ms": 105.5}, "as the client sees it"),
        ({"exit": 1}, "not the deepest exit"),
        ({"exit": 0, "exits_seen": (), "ending": Ending.NO_EXIT}, "without an exit"),
        ({"ending": Ending.FAILED}, "failed"),
    ],
)
def test_each_promise_is_broken_by_what_it_forbids(fields: dict[str, Any], promise: str) -> None:
    """One request in ten that breaks one rule breaks that promise and no other."""
    found = broken([*[kept()] * 9, kept(**fields)])
    assert len(found) == 1
    assert promise in found[0]


def test_p99_forgives_one_in_a_hundred() -> None:
    """The limit is at p99: one late answer of a hundred is allowed, two are not."""
    assert broken([*[kept()] * 99, kept(elapsed_ms=150.0)]) == []
    assert len(broken([*[kept()] * 98, *[kept(elapsed_ms=150.0)] * 2])) == 1


def test_nothing_measured_keeps_nothing() -> None:
    """A run in which nothing was admitted proves nothing."""
    assert len(broken([])) == 2


def test_a_check_says_what_it_measured() -> None:
    """The line names promise, figure and limit; `least` turns the comparison round."""
    assert not Check(promise="mean exit", measured=1.5, limit=2, least=True).holds
    assert Check(promise="mean exit", measured=2.5, limit=2, least=True).holds
    assert Check(promise="gap", measured=3.0, limit=2).as_line() == "BROKEN  gap: 3 (at most 2)"
    assert "nothing measured" in Check(promise="gap", measured=None, limit=2).as_line()
