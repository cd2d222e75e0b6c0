"""Moving budgets on a real server: an operator's cap on what runs, its end, a dry run, a function that hangs."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.conftest import Running, alive, scripted, serving
from tests.server.scripted import picture

from interim.client import Client, Reason
from interim.client.main import main

pytestmark = pytest.mark.slow

OWN_MS = 30_000.0
STAGE_MS = 200.0
TABLES = """
[budget.function]
call = "tests.server.budget_functions:by_class"
limit_ms = 5
"""


@pytest.fixture(scope="module")
def slow_server() -> Iterator[Running]:
    """Stages of 200 ms: requests run long enough for an operator to interfere."""
    with serving(*scripted("slow")) as server:
        yield server


def run(server: Running, count: int, act: Callable[[float], Any]) -> list[list[Any]]:
    """What `count` clients see of one image each; once all have an exit, `act` is told the milliseconds it took."""
    begun = threading.Barrier(count + 1)
    first_ms = []

    def ask(_: int) -> list[Any]:
        with Client(server.grpc) as client:
            stream = client.infer(picture(), budget_ms=OWN_MS)
            seen = [next(stream)]
            first_ms.append(seen[0].elapsed_ms)
            begun.wait(60)
            return [*seen, *stream]

    with ThreadPoolExecutor(count) as pool:
        answers = pool.map(ask, range(count))
        begun.wait(60)
        act(max(first_ms))
        return list(answers)


def test_a_cap_ends_what_runs_by_its_deadline_and_its_end_gives_time_back(
    slow_server: Running, capsys: Any
) -> None:
    """Five streams end by the new deadline with the exit they have; when the cap is over, four exits are reached."""
    capped: list[Any] = []

    def cap(first_ms: float) -> None:
        args = ["budget", "set", f"{first_ms + 600:.0f}", "--for", "4s", "--why", "drill"]
        assert main([*args, "--server", slow_server.grpc, "--json", "-"]) == 0
        capped.append(json.loads(capsys.readouterr().out))

    streams = run(slow_server, 5, cap)
    assert capped[0]["moved"] == 5
    cap_ms = capped[0]["caps"][0]["at_most_ms"]
    for seen in streams:
        final = seen[-1]
        assert (final.reason, final.budget_policy) == (Reason.BUDGET_CUT, "operator")
        assert final.budget_ms == pytest.approx(cap_ms)
        assert 1 <= final.exit < 4
        assert final.elapsed_ms < cap_ms + STAGE_MS, "nobody waits for a stage that runs"
    with Client(slow_server.grpc) as client:
        slow_server.until(lambda: not client.budget().caps)
        *_, last = client.infer(picture(), budget_ms=OWN_MS)
        assert (last.exit, last.reason) == (4, Reason.FINAL_EXIT)
    assert "budget cap set request_class=every at_most_ms=" in slow_server.said
    assert "budget cap expired" in slow_server.said
    said = slow_server.get("/metrics")[1]
    assert 'interim_budget_caps_total{action="expired",model="tests.server.scripted:slow"} 1.0' in said


def test_the_end_of_a_cap_extends_what_runs(slow_server: Running) -> None:
    """A request that a cap would have cut at exit 2 reaches exit 4: the cap ended first."""

    def cap(first_ms: float) -> None:
        with Client(slow_server.grpc) as client:
            assert client.set_budget_cap(first_ms + 300, ttl_s=0.1).moved == 1

    (seen,) = run(slow_server, 1, cap)
    assert (seen[-1].exit, seen[-1].reason) == (4, Reason.FINAL_EXIT)
    assert seen[-1].budget_policy == "request"


def test_a_dry_run_changes_no_stream(slow_server: Running, capsys: Any) -> None:
    """All four exits come; what would have been is in the log and in a metric."""

    def cap(_: float) -> None:
        args = ["budget", "set", "500", "--for", "1m", "--dry-run", "--server", slow_server.grpc]
        assert main(args) == 0
        assert "(a dry run), for 60 s; 0 of 2 in flight moved" in capsys.readouterr().out

    streams = run(slow_server, 2, cap)
    assert [(seen[-1].exit, seen[-1].reason) for seen in streams] == [(4, Reason.FINAL_EXIT)] * 2
    with Client(slow_server.grpc) as client:
        assert client.clear_budget_cap().cleared == 1
    slow_server.until(lambda: "budget dry run times=1 policy=operator would_be_ms=500" in slow_server.said)
    said = slow_server.get("/metrics")[1]
    name = 'model="tests.server.scripted:slow",policy="operator"'
    assert f"interim_budget_dry_run_seconds_count{{{name}}} 2.0" in said


def test_a_function_that_hangs_is_killed_and_the_own_budget_stands(tmp_path: Any) -> None:
    """Its answer binds where it gives one; hanging, it costs its request nothing, and the server says so."""
    path = tmp_path / "interim.toml"
    path.write_text(TABLES)
    with serving(*scripted("quick"), "--config", str(path)) as server, Client(server.grpc) as client:

        def last(request_class: str) -> Any:
            *_, final = client.infer(picture(), budget_ms=OWN_MS, request_class=request_class)
            return final

        server.until(lambda: last("batch").budget_policy == "function")
        final = last("hang")
        assert (final.exit, final.budget_policy, final.budget_ms) == (4, "request", OWN_MS)
        server.until(lambda: "why=hung" in server.said)
        assert "it took longer than 5 ms and was killed" in server.said
        server.until(lambda: last("batch").budget_policy == "function")
        assert (
            'interim_budget_fallbacks_total{model="tests.server.scripted:quick",why="hung"}'
            in (server.get("/metrics")[1])
        )


def test_a_function_ends_with_its_server(start_server: Callable[..., Running], tmp_path: Any) -> None:
    """Even one that was killed leaves no process behind."""
    path = tmp_path / "interim.toml"
    path.write_text(TABLES)
    server = start_server(*scripted("quick"), "--config", str(path))
    try:
        server.await_banner()
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        assert len(children) == 2
        server.process.kill()
        server.until(lambda: not any(alive(int(pid)) for pid in children))
    finally:
        server.end()


def test_a_function_that_is_not_there_is_one_sentence(
    start_server: Callable[..., Running], tmp_path: Any
) -> None:
    """Before the model is loaded, with the line's value."""
    path = tmp_path / "interim.toml"
    path.write_text(TABLES.replace(":by_class", ":none"))
    server = start_server(*scripted("quick"), "--config", str(path))
    try:
        assert server.process.wait(60) == 2
    finally:
        server.end()
    assert 'call = "tests.server.budget_functions:none" cannot be served' in server.said.splitlines()[-1]
    assert "Traceback" not in server.said
