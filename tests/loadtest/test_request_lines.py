"""Requests as JSON lines: written and read again, and what is wrong is named with its line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.loadtest.entries import ScenarioError
from interim.loadtest.plan import Move, Planned
from interim.loadtest.request_lines import read_requests, tells_the_truth, write_requests
from interim.loadtest.traced import write_traced
from interim.loadtest.workloads import Workload, draw, hrnet

SOME_MS = st.floats(0.1, 1e5)
MOVES = st.builds(Move, at_ms=SOME_MS, total_ms=SOME_MS)
REQUESTS = st.builds(
    Planned,
    index=st.just(0),
    send_s=st.floats(0, 1e5),
    budget_ms=SOME_MS,
    request_class=st.text(max_size=4),
    max_exit=st.integers(0, 9),
    picture=st.none() | st.integers(0, 99),
    stream=st.none() | st.integers(0, 99),
    move=st.none() | MOVES,
    cancel_ms=st.none() | SOME_MS,
    pause_ms=st.just(0.0) | SOME_MS,
)


def close(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and one == pytest.approx(other, abs=1e-4))


@settings(max_examples=40)
@given(st.lists(REQUESTS, min_size=1, max_size=5))
def test_what_is_written_is_read(tmp_path_factory: Any, requests: list[Planned]) -> None:
    """Every trait of every request survives the file, to a tenth of a microsecond."""
    requests.sort(key=lambda each: each.send_s)
    path = tmp_path_factory.mktemp("lines") / "requests.jsonl"
    write_requests(path, requests)
    read = read_requests(path)
    assert [each.index for each in read] == list(range(len(requests)))
    for one, other in zip(requests, read, strict=True):
        for trait in ("request_class", "max_exit", "picture", "stream"):
            assert getattr(one, trait) == getattr(other, trait)
        for trait in ("send_s", "budget_ms", "cancel_ms", "pause_ms"):
            assert close(getattr(one, trait), getattr(other, trait))
        assert (one.move is None) == (other.move is None)
        if one.move and other.move:
            assert close(one.move.at_ms, other.move.at_ms)
            assert close(one.move.total_ms, other.move.total_ms)


def test_the_simulators_requests_can_be_sent(tmp_path: Path) -> None:
    """Lines that say what each stage takes are read too: the same instants, budgets and revisions."""
    traced = draw(Workload(name="w", kind="revised", load=1.0), hrnet(0.005), requests=30, seed=1)
    path = tmp_path / "traced.jsonl"
    write_traced(path, traced)
    assert tells_the_truth(path)
    requests = read_requests(path)
    assert [each.send_s for each in requests] == [each.arrival_s for each in traced]
    assert [bool(each.move) for each in requests] == [bool(each.moved) for each in traced]
    write_requests(path, requests)
    assert not tells_the_truth(path)


GOOD = {"id": 0, "arrival_s": 1.0, "deadline_s": 2.0}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({**GOOD, "budget_ms": 3}, "there is no field 'budget_ms'"),
        ({"id": 0, "arrival_s": 1.0}, "deadline_s is missing"),
        ({**GOOD, "deadline_s": 1.0}, "deadline_s 1 must lie after arrival_s 1"),
        ({**GOOD, "arrival_s": -1.0}, "which is at least 0"),
        ({**GOOD, "arrival_s": "now"}, "'now' is no finite number of seconds"),
        ({**GOOD, "arrival_s": 0.5}, "arrival_s 0.5 lies before the line above it"),
        ({**GOOD, "moved": {"at_s": 0.5, "deadline_s": 3}}, "moved.at_s lies before arrival_s"),
        ({**GOOD, "moved": {"at_s": 1.5}}, "deadline_s is missing"),
        ({**GOOD, "moved": [1]}, "moved [1] is no JSON object"),
        ({**GOOD, "picture": "a"}, "picture 'a' is no whole number of at least 0"),
        ({**GOOD, "stream": 1.5}, "stream 1.5 is no whole number of at least 0"),
        ({**GOOD, "deadline_s": 10**400}, "too large"),
        ([1, 2], "[1, 2] is no JSON object"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: Any, says: str) -> None:
    """The message has the line's number and its rule."""
    path = tmp_path / "requests.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps(line) + "\n")
    with pytest.raises(ScenarioError, match="line 2: ") as raised:
        read_requests(path)
    assert says in str(raised.value)


def test_an_empty_file_is_no_run(tmp_path: Path) -> None:
    """Nothing to send is wrong use."""
    path = tmp_path / "requests.jsonl"
    path.write_text("\n")
    with pytest.raises(ScenarioError, match="holds no request"):
        read_requests(path)
