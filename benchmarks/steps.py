"""Load steps: up and down again, on the server and in the simulator; who is refused, who is late, what comes back.

The scenarios `step` (0.5, 0.8 and 0.5 of what exit 1 alone carries) and `overload-step` (0.5, 4 and 0.5 of what
full runs carry) of interim-load; the same requests are then simulated with the costs that each run showed.
"""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measured import Measured, serving_facts
from benchmarks.records import keep
from benchmarks.server_process import sending, serving

from interim.client import Client
from interim.loadtest.comparison import Comparison
from interim.loadtest.live import material, run_traffic
from interim.loadtest.measuring import measure as measured_costs
from interim.loadtest.page.recovery import recovery, steps_of
from interim.loadtest.plan import plan
from interim.loadtest.promises import Check, without_exit
from interim.loadtest.replay import replay
from interim.loadtest.scenario import described, read_scenario
from interim.loadtest.seen import seen_in
from interim.loadtest.traffic import Traffic, settled
from interim.scheduling.policy import DEFAULT_POLICY

if TYPE_CHECKING:
    import argparse

    from interim.loadtest.costs import Costs
    from interim.loadtest.run_file import Run

SCENARIOS = ("step", "overload-step")
_QUICK_S = 6.0


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument(
        "--runs", metavar="DIR", type=Path, help="keep every run's record there, for `interim-load report`"
    )


def measure(asked: argparse.Namespace) -> Measured:
    """Runs it on a server of its own."""
    scenarios = [_scenario(name, quick=asked.quick) for name in SCENARIOS]
    width, height = scenarios[0].picture_px
    with serving("--warm-sizes", f"{height}x{width}", *asked.server) as server, sending(server):
        pictures = material(scenarios[0]).pictures
        costs = asyncio.run(measured_costs(server.target, pictures, seconds=1.0 if asked.quick else 4.0))
        with Client(server.target) as client:
            status = client.status()
        pairs = [_both(scenario, costs, server.target) for scenario in scenarios]
    if asked.runs:
        keep(asked.runs, {f"{real.name}-server": real for real, _ in pairs})
        keep(asked.runs, {f"{simulated.name}-simulator": simulated for _, simulated in pairs})
    return Measured(
        lines=(costs.as_table(), *(line for pair in pairs for line in _lines(*pair))),
        figures={real.name: _figures(real, simulated) for real, simulated in pairs},
        checks=tuple(check for pair in pairs for check in _checks(*pair)),
        server=serving_facts(status),
    )


def _scenario(name: str, *, quick: bool) -> Traffic:
    scenario = read_scenario(name)
    assert isinstance(scenario, Traffic)
    return dataclasses.replace(scenario, duration_s=_QUICK_S) if quick else scenario


def _both(scenario: Traffic, costs: Costs, target: str) -> tuple[Run, Run]:
    """The same requests through the server and through the simulator."""
    ours = settled(scenario, exit1_hz=costs.exit1_hz, full_hz=costs.full_hz, full_ms=costs.full_ms)
    requests = plan(ours)
    run = run_traffic(ours, requests, target)
    seen = seen_in(costs, run.outcomes)
    known = {"scenario": described(ours), "costs": seen.as_json()}
    real = dataclasses.replace(run, facts={**known, **run.facts})
    return real, replay(requests, seen, policy=DEFAULT_POLICY, name=scenario.name)


def _lines(real: Run, simulated: Run) -> list[str]:
    comparison = Comparison(runs={f"{real.name}: server": real, "simulator": simulated})
    back = recovery(real.outcomes, steps_of(real.facts))
    lines = ["", *comparison.as_table().splitlines()]
    if back is not None:
        depth = "not within the run" if back.depth_s is None else f"after {back.depth_s:.2f} s"
        allowed = f"(twice the longest deadline: {back.allowed_s:.2f} s)"
        lines.append(f"budgets back after {back.budgets_s:.2f} s {allowed}; as deep as before {depth}")
    return lines


def _figures(real: Run, simulated: Run) -> dict[str, Any]:
    back = recovery(real.outcomes, steps_of(real.facts))
    return {
        "server": real.summary.as_json(),
        "simulator": simulated.summary.as_json(),
        "recovery": None if back is None else {**dataclasses.asdict(back), "allowed_s": back.allowed_s},
    }


def _checks(real: Run, simulated: Run) -> list[Check]:
    without = without_exit(real.outcomes)
    checks = [Check(promise=f"{real.name}: admitted without exit 1 in time", measured=without, limit=0)]
    if real.name == "step":
        refused = sum(real.summary.refused.values())
        checks.append(Check(promise="step: requests refused", measured=refused, limit=0))
    back = recovery(real.outcomes, steps_of(real.facts))
    if back is not None:
        promise = f"{real.name}: budgets back, s after the last step"
        checks.append(Check(promise=promise, measured=back.budgets_s, limit=back.allowed_s))
    agreement = Comparison(runs={"server": real, f"{real.name}, simulator": simulated}).agreement()
    return [*checks, *agreement]
