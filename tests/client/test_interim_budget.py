"""`interim budget` and what it stands on: the policies of a server, read, capped and cleared."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from interim.client import AsyncClient, BadRequest, BudgetCap, Client
from interim.client.main import main
from interim.v1 import control_pb2

if TYPE_CHECKING:
    from tests.client.conftest import ScriptedServer


def test_the_budget_is_a_value(server: ScriptedServer) -> None:
    """What the wire says, in both clients alike; a cap that was set is there, then gone."""
    with Client(server.address) as client:
        state = client.budget()
        assert (state.load_share, state.caps, state.in_flight) == (0.5, (), 3)
        assert [(each.name, each.active) for each in state.policies] == [("class:batch", True)]
        state = client.set_budget_cap(100, ttl_s=60, request_class="batch", why="fire", dry_run=True)
        cap = BudgetCap(
            request_class="batch",
            at_most_ms=100,
            remaining_s=60,
            why="fire",
            set_by="ipv4:127.0.0.1:1",
            dry_run=True,
        )
        assert (state.caps, state.moved) == ((cap,), 2)
        assert client.clear_budget_cap("").caps == (cap,)
        assert (client.clear_budget_cap("batch").cleared, client.budget().caps) == (1, ())
        with pytest.raises(BadRequest, match="too large"):
            client.set_budget_cap(1e7, ttl_s=60)

    async def run() -> Any:
        async with AsyncClient(server.address) as ours:
            capped = await ours.set_budget_cap(50, ttl_s=5)
            return capped, await ours.budget(), await ours.clear_budget_cap()

    capped, state, cleared = asyncio.run(run())
    assert capped == state
    assert (capped.caps[0].at_most_ms, cleared.cleared, cleared.caps) == (50, 1, ())


def test_budgets_are_shown_set_and_cleared(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person reads who governs budgets, caps them for a while and hears what that did."""
    where = ["--server", server.address]
    assert main(["budget", "show", *where]) == 0
    shown = capsys.readouterr().out
    assert "1000 ms for a request that names no budget" in shown
    assert "the load leaves budgets 50%" in shown
    assert "class:batch  now" in shown
    assert "no caps are set" in shown
    assert main(["budget", "set", "100", "--for", "10m", "--why", "too hot", *where]) == 0
    assert capsys.readouterr().out == "at most 100 ms for every request, for 10 min; 2 of 3 in flight moved\n"
    assert main(["budget", "show", *where]) == 0
    assert "everybody  100.0  10 min   ipv4:127.0.0.1:1  too hot" in capsys.readouterr().out
    assert main(["budget", "clear", *where]) == 0
    assert capsys.readouterr().out == "cleared: 1 cap; 2 of 3 in flight moved\n"
    assert main(["budget", "clear", "--class", "batch", *where]) == 0
    assert capsys.readouterr().out.startswith("cleared: no cap was set;")


def test_a_cap_that_is_over_before_it_is_told_is_no_crash(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A millionth of a second later there is none to describe."""
    monkeypatch.setattr(server, "GetBudget", lambda *_: control_pb2.BudgetState())
    assert main(["budget", "set", "9", "--for", "0.000001s", "--server", server.address]) == 0
    assert capsys.readouterr().out.startswith("the cap was set, and is over already;")


def test_what_budget_finds_is_json(server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON alone on standard output, the sentence beside it."""
    where = ["--server", server.address, "--json", "-"]
    assert main(["budget", "set", "80", "--for", "1.5h", "--class", "batch", "--dry-run", *where]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert (found["caps"][0]["remaining_s"], found["caps"][0]["dry_run"]) == (5400.0, True)
    assert "for requests of class batch (a dry run)" in printed.err
    assert main(["budget", "show", *where]) == 0
    assert json.loads(capsys.readouterr().out)["policies"][0]["says"] == "at most 300 ms"


@pytest.mark.parametrize(
    ("args", "rule"),
    [
        ([], "ACTION"),
        (["set", "100"], "--for"),
        (["set", "100", "--for", "10"], "10 is not a length of time such as 90s"),
        (["set", "100", "--for", "0s"], "0s is not a length of time"),
        (["set", "-5", "--for", "1m"], "-5 is not a number over 0"),
    ],
)
def test_wrong_use_of_budget_is_refused(
    args: list[str], rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the value and its rule, and status 2."""
    with pytest.raises(SystemExit) as end:
        main(["budget", *args])
    assert end.value.code == 2
    assert rule in capsys.readouterr().err


def test_what_the_server_refuses_is_one_sentence(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own words, and status 2."""
    assert main(["budget", "set", "10000000", "--for", "1m", "--server", server.address]) == 2
    assert capsys.readouterr().err == "interim: at_most_ms is too large\n"
