"""`interim-load fleet`: many devices behind a router, in virtual time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from interim.client.commands.arguments import add_json
from interim.loadtest.arrivals import Poisson
from interim.loadtest.budgets import Uniform
from interim.loadtest.costs import read_costs
from interim.loadtest.entries import ScenarioError
from interim.loadtest.fleet.routers import ROUTERS
from interim.loadtest.fleet.simulation import Fleet, FleetRun, simulate_fleet
from interim.loadtest.options import whole_from_0
from interim.loadtest.plan import draw as draw_requests
from interim.loadtest.replay import drawn_s, gains_of, network_of
from interim.loadtest.scenario import read_scenario
from interim.loadtest.told import tell
from interim.loadtest.traced import Traced
from interim.loadtest.traffic import Traffic, settled
from interim.loadtest.workloads import Workload, draw, hrnet

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from interim.loadtest.costs import Costs
    from interim.loadtest.network import Network

IMAGES = 4096
"""How many different images a fleet's requests bring."""

RATE_HZ, DURATION_S = 20_000.0, 60.0


def add_fleet(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command `fleet` to those of `interim-load`."""
    parser = commands.add_parser(
        "fleet",
        help="many simulated devices behind a router: how routers compare, how many devices are needed",
        description="Simulate many devices behind a router: how routers compare, how many devices are needed.",
        epilog="example: interim-load fleet --devices 10 --scenario day --costs costs.json",
    )
    parser.add_argument(
        "--devices", metavar="N", type=int, default=1000, help="how many (default: %(default)s)"
    )
    parser.add_argument(
        "--rate",
        metavar="HZ",
        type=float,
        help=f"Poisson arrivals per second (default: {RATE_HZ:g})",
    )
    parser.add_argument(
        "--duration-s",
        metavar="S",
        type=float,
        help=f"how long requests arrive, in seconds (default: {DURATION_S:g})",
    )
    parser.add_argument(
        "--scenario",
        metavar="FILE|NAME",
        help="arrivals and budgets instead; loads are shares of what the whole fleet can carry",
    )
    parser.add_argument(
        "--router",
        metavar="NAME",
        action="append",
        choices=tuple(ROUTERS),
        help=f"one of {', '.join(ROUTERS)}; again for more (default: all)",
    )
    parser.add_argument(
        "--costs",
        metavar="FILE",
        type=Path,
        help="what stages take, as `interim-load measure` wrote it (default: HRNet-W48, see --stage1-ms)",
    )
    parser.add_argument(
        "--stage1-ms",
        metavar="MS",
        type=float,
        default=5.0,
        help="what stage 1 takes, in milliseconds (default: %(default)g)",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=whole_from_0,
        help="of arrivals and images (default: the scenario's, or 1)",
    )
    add_json(parser, "the figures")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    for name, value in (
        ("devices", options.devices),
        ("rate", options.rate),
        ("duration-s", options.duration_s),
        ("stage1-ms", options.stage1_ms),
    ):
        if value is not None and not 0 < value < float("inf"):
            raise ScenarioError(f"--{name} must be a finite number above 0, not {value:g}.")
    costs = read_costs(options.costs) if options.costs else None
    network = network_of(costs) if costs else hrnet(options.stage1_ms / 1e3)
    traffic = _traffic(options, network, costs)
    images = _measured(costs, traffic.seed) if costs else _drawn(network, traffic.seed)
    runs = [
        _simulated(
            traffic,
            Fleet(devices=options.devices, router=name, network=network, images=images, seed=traffic.seed),
        )
        for name in dict.fromkeys(options.router or ROUTERS)
    ]
    _write(runs, traffic.seed, options)
    return 0


def _simulated(traffic: Traffic, fleet: Fleet) -> FleetRun:
    try:
        from tqdm import tqdm  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise ScenarioError(f"{error.name} is missing: pip install 'interim[loadtest]'") from error
    expected = int(traffic.arrivals.rate_hz * traffic.duration_s)
    with tqdm(total=expected, desc=fleet.router, unit="request", mininterval=0.5, disable=None) as bar:
        return simulate_fleet(draw_requests(traffic), fleet, told=bar.update)


def _traffic(options: argparse.Namespace, network: Network, costs: Costs | None) -> Traffic:
    """The scenario, or Poisson arrivals with deadlines of half a full run to four."""
    full_ms = costs.full_ms if costs else 1e3 * network.full_s
    if not options.scenario:
        return Traffic(
            name="poisson",
            seed=1 if options.seed is None else options.seed,
            duration_s=options.duration_s or DURATION_S,
            arrivals=Poisson(rate_hz=options.rate or RATE_HZ),
            budgets=Uniform(low_ms=0.5 * full_ms, high_ms=4.0 * full_ms),
        )
    for name, value in (("rate", options.rate), ("duration-s", options.duration_s)):
        if value is not None:
            raise ScenarioError(
                f"--{name} does not go with --scenario: the scenario says when requests arrive."
            )
    scenario = read_scenario(options.scenario)
    if not isinstance(scenario, Traffic):
        raise ScenarioError("A clip is one camera's: name a scenario of independent requests.")
    one = (costs.exit1_hz, costs.full_hz) if costs else (1.0 / network.dense_s[0], 1.0 / network.full_s)
    whole = settled(
        scenario, exit1_hz=options.devices * one[0], full_hz=options.devices * one[1], full_ms=full_ms
    )
    return whole if options.seed is None else replace(whole, seed=options.seed)


def _drawn(network: Network, seed: int) -> tuple[Traced, ...]:
    return draw(Workload(name="images", kind="poisson", load=1.0), network, requests=IMAGES, seed=seed)


def _measured(costs: Costs, seed: int) -> tuple[Traced, ...]:
    gains = gains_of(costs)
    ones = (1.0,) * len(gains)
    random = Random(f"{seed} stages")
    return tuple(
        Traced(
            id=index,
            arrival_s=0.0,
            deadline_s=0.0,
            stage_s=drawn_s(costs.pictures[index % len(costs.pictures)], costs, random),
            shares=ones,
            gains=gains,
            hints=ones,
        )
        for index in range(IMAGES)
    )


def _write(runs: Sequence[FleetRun], seed: int, options: argparse.Namespace) -> None:
    facts: dict[str, Any] = {
        "devices": options.devices,
        "scenario": options.scenario or "poisson",
        "seed": seed,
        "rows": [run.as_json() for run in runs],
    }
    tell(json.dumps(facts, indent=2), _table(facts["rows"]), options.json)


def _table(rows: Sequence[dict[str, Any]]) -> str:
    head = f"{'router':<16} {'requests':>9} {'utility':>8} {'exit 1 in time':>15} {'admitted':>9} {'mean exit':>9}"
    lines = [f"{head} {'simulated/s':>12}"]
    lines += [
        f"{row['router']:<16} {row['requests']:9d} {row['utility']:8.4f} {100 * row['attainment']:13.3f} %"
        f" {100 * row['admitted_share']:7.2f} % {row['mean_exit']:9.3f} {row['requests_per_s']:12,.0f}"
        for row in rows
    ]
    return "\n".join(lines)
