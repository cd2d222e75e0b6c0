"""`interim-load measure`: what a server carries, and what its stages cost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

from interim.client.commands.arguments import add_json
from interim.loadtest.costs import write_costs
from interim.loadtest.entries import ScenarioError
from interim.loadtest.loopback import check_target
from interim.loadtest.options import add_target
from interim.loadtest.scenario import read_scenario
from interim.loadtest.traffic import Traffic

if TYPE_CHECKING:
    import argparse

    from interim.loadtest.costs import Costs

MEASURE_S = 4.0
"""How long each of the rates is measured that a server carries."""


def add_measure(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command `measure` to those of `interim-load`."""
    parser = commands.add_parser(
        "measure",
        help="what a server carries to exit 1 and in full, and what its stages take: for --costs",
        description="Measure what a server carries to exit 1 and in full, and what its stages take. The file it "
        "writes is for --costs of `run`, `simulate` and `fleet`.",
        epilog="example: interim-load measure --json costs.json",
    )
    parser.add_argument(
        "--scenario",
        metavar="FILE|NAME",
        default="steady",
        help="whose pictures and model are used (default: %(default)s)",
    )
    add_target(parser)
    parser.add_argument(
        "--seconds",
        metavar="S",
        type=float,
        default=MEASURE_S,
        help="how long each rate is measured, in seconds (default: %(default)g)",
    )
    add_json(parser, "what was measured, for --costs,")
    parser.set_defaults(command=_run)


def measured(traffic: Traffic, server: str, *, seconds: float) -> Costs:
    """Measures with the pictures and the model of a scenario, under a progress bar.

    Raises:
        ScenarioError: A picture cannot be read, or tqdm is not there.
        InterimError: The server does not answer.
    """
    try:
        from tqdm import tqdm  # noqa: PLC0415  an extra

        from interim.loadtest.live import material  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ScenarioError(f"{error.name} is missing: pip install 'interim[loadtest]'") from error
    from interim.loadtest.measuring import measure, steps  # noqa: PLC0415

    pictures = material(traffic).pictures
    with tqdm(total=steps(pictures), desc="measuring", unit="step", disable=None) as bar:
        return asyncio.run(measure(server, pictures, model=traffic.model, seconds=seconds, done=bar.update))


def _run(options: argparse.Namespace) -> int:
    scenario = read_scenario(options.scenario)
    if not isinstance(scenario, Traffic):
        raise ScenarioError("A clip has no requests to measure with: name another scenario.")
    if not 0 < options.seconds < float("inf"):
        raise ScenarioError(f"--seconds must be a finite number above 0, not {options.seconds:g}.")
    check_target(options.server, allowed=options.allow_remote)
    costs = measured(scenario, options.server, seconds=options.seconds)
    if options.json == "-":
        print(json.dumps({"costs": costs.as_json()}, indent=2))
        return 0
    try:  # the file first: a reader of the table may be gone
        if options.json:
            write_costs(Path(options.json), costs)
    finally:
        print(costs.as_table())
    return 0
