"""Requests as values: files of JSON lines, and what is said of a bad line."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from interim.loadtest.entries import ScenarioError
from interim.loadtest.traced import Moved, Traced, read_traced, write_traced
from interim.loadtest.workloads import Workload, draw, hrnet


def request(**fields: Any) -> Traced:
    plain: dict[str, Any] = {
        "id": 0,
        "arrival_s": 0.0,
        "deadline_s": 2.0,
        "stage_s": (1.0,),
        "shares": (1.0,),
    }
    return Traced(**{**plain, "gains": (0.5,), "hints": (1.0,), **fields})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """A file of requests, revisions included, gives back equal values."""
    drawn = draw(Workload(name="x", kind="revised", load=1.0), hrnet(1.0), requests=40, seed=1)
    assert any(one.moved for one in drawn)
    write_traced(tmp_path / "r.jsonl", drawn)
    assert read_traced(tmp_path / "r.jsonl") == drawn


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"arrival_s": -1.0}, "line 2: arrival_s -1 lies before the line above it"),
        ({"deadline_s": float("nan")}, "line 2: every number must be finite"),
        ({"shares": (1.5,)}, "line 2: stage_s must be above 0, and shares from 0 to 1"),
        ({"gains": (1.0, 1.0)}, "line 2: stage_s, shares, gains and hints must have one number an exit"),
        ({"moved": Moved(at_s=-0.5, deadline_s=1.0)}, "line 2: moved.at_s lies before arrival_s"),
        ({"id": 0}, "two requests have the same id"),
    ],
)
def test_a_bad_line_is_named_with_its_rule(tmp_path: Path, fields: dict[str, Any], says: str) -> None:
    """The line and the rule it broke are in the message."""
    write_traced(tmp_path / "r.jsonl", [request(), request(**{"id": 1, **fields})])
    with pytest.raises(ScenarioError) as error:
        read_traced(tmp_path / "r.jsonl")
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 1: no JSON object"),
        ("[]", "line 1: "),
        (json.dumps({**asdict(request()), "bogus": 1}), "line 1: there is no field 'bogus'"),
        (json.dumps({"id": 1}), "line 1: stage_s is missing"),
        ("", "holds no request"),
    ],
)
def test_what_is_no_request_is_refused(tmp_path: Path, line: str, says: str) -> None:
    """Text that is no JSON, a wrong key, a missing one, an empty file."""
    (tmp_path / "r.jsonl").write_text(line)
    with pytest.raises(ScenarioError) as error:
        read_traced(tmp_path / "r.jsonl")
    assert says in str(error.value)


def test_the_last_deadline_is_the_one_a_bound_may_use() -> None:
    """A revision counts unless it comes too late; one into the past means at once."""
    assert request().last_deadline_s == 2.0
    assert request(moved=Moved(at_s=1.0, deadline_s=3.0)).last_deadline_s == 3.0
    assert request(moved=Moved(at_s=1.0, deadline_s=0.5)).last_deadline_s == 1.0
    assert request(moved=Moved(at_s=2.5, deadline_s=9.0)).last_deadline_s == 2.0
