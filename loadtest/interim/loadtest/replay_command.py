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
from interim.loadtest.options import whole_from_0
from interim.loadtest.plan import plan
from interim.loadtest.replay import replay
from interim.loadtest.request_lines import read_requests, tells_the_truth, write_requests
from interim.loadtest.scenario import builtin_names, described, read_scenario
from interim.loadtest.told import tell
from interim.loadtest.traffic import Traffic, settled

if TYPE_CHECKING:
    import argparse


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
    group.add_argument(
        "--seed",
        metavar="N",
        type=whole_from_0,
        help="another draw of the scenario (default: the scenario's)",
    )


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
    if options.scenario:
        read_scenario(options.scenario)  # what is wrong in it is said before anything else
    if not options.costs:
        raise ScenarioError(
            "Nobody says what stages take: give --costs with a file of `interim-load measure`, or a server."
        )
    costs = _costs(options.costs)
    traffic = _traffic(options, costs)
    requests = read_requests(options.requests) if options.requests else plan(traffic)
    if options.write_requests:
        write_requests(options.write_requests, requests)
        return 0
    name = options.requests.stem if options.requests else traffic.name
    run = replay(requests, costs, policy=policy, name=name, seed=options.seed or 1)
    known = {"scenario": described(traffic)} if options.scenario else {}
    facts = json.dumps({**known, **run.as_json()})
    tell(facts, run.summary.as_table(), options.json)
    return 0


def _traffic(options: argparse.Namespace, costs: Costs) -> Traffic:
    """The scenario, in requests per second and milliseconds; of a file of requests alone, nothing but a name."""
    if not options.scenario and not options.requests:
        raise ScenarioError("There is nothing to simulate: give --scenario FILE|NAME, or --requests FILE.")
    scenario = read_scenario(options.scenario or "steady")
    if not isinstance(scenario, Traffic):
        raise ScenarioError("A clip is sent to a server: there is nothing to simulate in it.")
    if options.seed is not None:
        scenario = replace(scenario, seed=options.seed)
    return settled(scenario, exit1_hz=costs.exit1_hz, full_hz=costs.full_hz, full_ms=costs.full_ms)


def _costs(written: str) -> Costs:
    """Of a file or, where there is none of that name, of a server."""
    if Path(written).exists() or ":" not in written:
        return read_costs(Path(written))

    async def asked() -> Costs:
        async with AsyncClient(written) as client:
            return costs_of(await client.status(), await client.model())

    return asyncio.run(asked())
