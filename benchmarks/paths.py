"""Paths: the same requests to a server whose network torch runs, and to one on the compiled kernels.

First every exit of one picture alone, then traffic: as much as the server in torch carries in full, with budgets of
half to four of its full runs (the scenario `promises` of interim-load, with pictures of 480x360).
"""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.asking import refinements
from benchmarks.material import HEIGHT, WIDTH, pictures
from benchmarks.measured import Measured, serving_facts
from benchmarks.records import keep
from benchmarks.server_process import sending, serving

from interim.client import AsyncClient
from interim.loadtest.comparison import Comparison
from interim.loadtest.live import material, run_traffic
from interim.loadtest.measuring import measure as measured_costs
from interim.loadtest.plan import plan
from interim.loadtest.promises import failed_check
from interim.loadtest.scenario import read_scenario
from interim.loadtest.traffic import Traffic, settled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from interim.client import Status
    from interim.loadtest.plan import Planned
    from interim.loadtest.run_file import Run

PATHS = {"torch": "reference", "kernels": "auto"}
_DURATION_S, _QUICK_S = 30.0, 3.0
_AGAIN = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What one server did: milliseconds from arrival to each exit of a picture alone, and the traffic."""

    exits_ms: list[float]
    run: Run
    status: Status


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument(
        "--runs", metavar="DIR", type=Path, help="keep both runs' records there, for `interim-load compare`"
    )


def measure(asked: argparse.Namespace) -> Measured:
    """Runs it on two servers of its own, one after the other."""
    traffic = read_scenario("promises")
    assert isinstance(traffic, Traffic)
    seconds = _QUICK_S if asked.quick else _DURATION_S
    traffic = dataclasses.replace(traffic, picture_px=(WIDTH, HEIGHT), duration_s=seconds)
    requests: Sequence[Planned] = ()
    found: dict[str, Served] = {}
    for name, execution in PATHS.items():
        words = ("--execution", execution, "--warm-sizes", f"{HEIGHT}x{WIDTH}", *asked.server)
        with serving(*words) as server, sending(server):
            if not requests:
                costs = asyncio.run(
                    measured_costs(server.target, material(traffic).pictures, seconds=seconds / 10)
                )
                traffic = settled(
                    traffic,
                    exit1_hz=costs.exit1_hz,
                    full_hz=costs.full_hz / traffic.arrivals.rate_hz,
                    full_ms=costs.full_ms,
                )
                requests = plan(traffic)
            exits_ms, status = asyncio.run(_alone(server.target, asked.data))
            run = run_traffic(traffic, requests, server.target)
            found[name] = Served(exits_ms=exits_ms, run=run, status=status)
    if asked.runs:
        keep(asked.runs, {name: served.run for name, served in found.items()})
    return _judged(found)


async def _alone(target: str, data: Path) -> tuple[list[float], Status]:
    [picture], _ = pictures(data, 1)
    async with AsyncClient(target) as client:
        runs = [await refinements(client, picture) for _ in range(_AGAIN)]
        status = await client.status()
    deepest = min(len(run) for run in runs)
    return [median(run[place].elapsed_ms for run in runs) for place in range(deepest)], status


def _judged(found: dict[str, Served]) -> Measured:
    comparison = Comparison(runs={name: served.run for name, served in found.items()})
    return Measured(
        lines=(
            "one picture alone, ms from its arrival to each exit's hand-over",
            *(
                f"{name:<22}" + ", ".join(f"{ms:.1f}" for ms in served.exits_ms)
                for name, served in found.items()
            ),
            "",
            *comparison.as_table().splitlines(),
        ),
        figures={name: _figures(served) for name, served in found.items()},
        checks=tuple(failed_check(served.run.outcomes) for served in found.values()),
        server=serving_facts(found["kernels"].status),
    )


def _figures(served: Served) -> dict[str, Any]:
    return {
        "exits_ms": served.exits_ms,
        "execution": served.status.workers[0].execution,
        "traffic": served.run.summary.as_json(),
    }
