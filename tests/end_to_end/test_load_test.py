"""A load test of a real server: everything a scenario can ask for, and the same requests in the simulator."""

import json
from pathlib import Path
from typing import Any

import pytest

from interim.loadtest.main import main

pytestmark = pytest.mark.slow

SCENARIO = """\
duration_s = 3
seed = 4
picture_px = [96, 64]
drawn = 2

[arrivals]
process = "poisson"
rate_hz = 12

[[classes]]
name = "interactive"
share = 1
[classes.budget]
distribution = "constant"
ms = 900

[[classes]]
name = "batch"
share = 1
max_exit = 2
[classes.budget]
distribution = "uniform"
low_ms = 1000
high_ms = 2000

[revisions]
share = 0.4
shorten = 0.0

[readers]
cancelled = 0.2
slow = 0.2
pause_ms = 20

[streams]
count = 2
"""


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    """The scenario's file."""
    path = tmp_path / "everything.toml"
    path.write_text(SCENARIO)
    return str(path)


def test_everything_a_scenario_can_ask_for(quick_server: Any, scenario: str, tmp_path: Path) -> None:
    """Classes, revisions, cancels, slow readers, shared streams: each request has one fate, none fails."""
    record = tmp_path / "run.json"
    main(["run", "--scenario", scenario, "--server", quick_server.grpc, "--json", str(record)])
    figures = json.loads(record.read_text())
    assert figures["failed"] == {}
    parts = [figures[name] for name in ("answered", "no_exit", "cancelled")]
    assert sum(parts) + sum(figures["refused"].values()) == figures["sent"] == figures["planned"]
    requests = figures["requests"]
    rows = [dict(zip(requests, row, strict=True)) for row in zip(*requests.values(), strict=True)]
    assert {row["request_class"] for row in rows} == {"interactive", "batch"}
    assert max(row["exit"] for row in rows if row["request_class"] == "batch") == 2
    answered = [row for row in rows if row["ending"] == "answered"]
    assert answered
    assert {row["quality"] for row in answered if not row["late"]} <= {0.1, 0.2, 0.3, 0.4}
    assert all(row["budget_in_force_ms"] > 0 for row in answered)
    assert quick_server.ready()


def test_what_was_measured_settles_both(quick_server: Any, scenario: str, tmp_path: Path) -> None:
    """Measured once, the same requests go through server and simulator; both records are drawn and compared."""
    costs, requests, real, simulated = (
        str(tmp_path / name) for name in ("costs.json", "requests.jsonl", "real.json", "simulated.json")
    )
    address = ["--server", quick_server.grpc]
    assert main(["measure", "--scenario", scenario, *address, "--seconds", "0.5", "--json", costs]) == 0
    assert main(["run", "--scenario", scenario, "--write-requests", requests]) == 0
    main(["run", "--scenario", scenario, "--requests", requests, *address, "--json", real])
    assert main(["simulate", "--requests", requests, "--costs", costs, "--json", simulated]) == 0
    asked, drawn = (json.loads(Path(each).read_text())["requests"] for each in (real, simulated))
    assert asked["budget_ms"] == drawn["budget_ms"]
    page = tmp_path / "both.html"
    assert main(["compare", real, simulated, "--html", str(page)]) == 0
    assert main(["report", real]) == main(["report", simulated]) == 0
    assert page.read_text().count("<svg") == 6


def test_a_server_says_its_costs_itself(quick_server: Any, scenario: str, capsys: Any) -> None:
    """`simulate --costs ADDR` needs no measurement: the server's status has its stages."""
    command = ["simulate", "--scenario", scenario, "--costs", quick_server.grpc, "--json", "-"]
    assert main(command) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["simulated"]
    assert len(figures["model"]["exits"]) == 4
