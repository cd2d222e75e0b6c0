"""`interim-load simulate --scenario|--requests --costs`: what a server would be sent, on a simulated device."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from interim.client import AsyncClient
from interim.loadtest.costs import Costs, costs_of, read_costs
from interim.loadtest.entries import ScenarioError
from interim.loadtest.plan import plan
from interim.loadtest.replay import replay
from interim.loadtest.request_lines import read_requests, tells_the_truth, write_requests
from interim.loadtest.scenario import builtin_names, read_scenario
from interim.loadtest.traffic import Traffic, settled

if TYPE_CHECKING:
    import argparse

    from interim.loadtest.plan import Planned


def add_replay(parser: argparse.ArgumentParser) -> None:
    """Adds what is needed to simulate the traffic of a server."""
    group = parser.add_argument_group("the traffic of a server, instead of a suite")
    named = ", ".join(name for name in builtin_names() if name != "clip")
    group.add_argument("--scenario", metavar="FILE|NAME", help=f"a .toml file, or one of {named}")
    group.add_argument(
        "--costs",
        metavar="FILE|ADDR",
        help="what stages take: a file of `interim-load measure`, or a server that says it itself",
    )
    group.add_argument("--seed", metavar="N", type=int, help="another draw of the scenario")


def replays(options: argparse.Namespace) -> bool:
    """Whether the command line asks for the traffic of a server."""
    if options.scenario or options.costs:
        return True
    return bool(options.requests) and not tells_the_truth(options.requests)


def run_replay(options: argparse.Namespace, *, policy: str) -> int:
    """Runs it; its exit status.

    Raises:
        ScenarioError: Wrong use, in one sentence.
        InterimError: The server that was named does not answer.
    """
    if not options.costs:
        raise ScenarioError(
            "Nobody says what stages take: give --costs with a file of `interim-load measure`, or a server."
        )
    costs = _costs(options.costs)
    name, requests = _planned(options, costs)
    if options.write_requests:
        write_requests(options.write_requests, requests)
        return 0
    run = replay(requests, costs, policy=policy, name=name, seed=options.seed or 1)
    facts = json.dumps(run.as_json())
    if options.json == "-":
        print(facts)
        return 0
    print(run.summary.as_table())
    if options.json:
        Path(options.json).write_text(facts + "\n", encoding="utf-8")
    return 0


def _planned(options: argparse.Namespace, costs: Costs) -> tuple[str, tuple[Planned, ...]]:
    """The run's name and its requests."""
    if options.requests:
        return options.requests.stem, read_requests(options.requests)
    if not options.scenario:
        raise ScenarioError("There is nothing to simulate: give --scenario FILE|NAME, or --requests FILE.")
    scenario = read_scenario(options.scenario)
    if not isinstance(scenario, Traffic):
        raise ScenarioError("A clip is sent to a server: there is nothing to simulate in it.")
    if options.seed is not None:
        scenario = replace(scenario, seed=options.seed)
    rates = {"exit1_hz": costs.exit1_hz, "full_hz": costs.full_hz, "full_ms": costs.full_ms}
    return scenario.name, plan(settled(scenario, **rates))


def _costs(written: str) -> Costs:
    """Of a file or, where there is none of that name, of a server."""
    if Path(written).exists() or ":" not in written:
        return read_costs(Path(written))

    async def asked() -> Costs:
        async with AsyncClient(written) as client:
            return costs_of(await client.status(), await client.model())

    return asyncio.run(asked())
