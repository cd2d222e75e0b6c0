"""Promises: many small pictures at twice the load that full runs carry; exit 1 in time for all that were admitted.

The load, the pictures and the budgets are those of the scenario `promises` of interim-load. What full runs and
exit 1 alone carry is measured first, through the server; twice the load is twice the larger of that and of what
the device would carry by its own time alone.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.material import count
from benchmarks.measured import Measured, serving_facts
from benchmarks.server_process import sending, serving

from interim.client import Client
from interim.loadtest.costs import costs_of
from interim.loadtest.live import material, run_traffic
from interim.loadtest.measuring import measure as measured_costs
from interim.loadtest.plan import plan
from interim.loadtest.promises import Check, failed_check, without_exit
from interim.loadtest.scenario import read_scenario
from interim.loadtest.summary import LAG_LIMIT_MS
from interim.loadtest.traffic import Traffic, settled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from interim.client import Status
    from interim.loadtest.costs import Costs
    from interim.loadtest.outcome import Outcome
    from interim.loadtest.run_file import Run

LATE_FLOOR, LATE_OF = 100, 100_000
"""At most so many of so many may be late; where fewer are sent, at most this share of them, rounded up."""

MOST_CORES = 0.5  # of the front, and of the sender
_QUICK = 300
_SHOWN = 100


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument(
        "--requests", metavar="N", type=count, default=LATE_OF, help="how many (default: %(default)s)"
    )
    parser.add_argument(
        "--at-most-s", metavar="S", type=count, default=3600, help="or as many as go out in this time"
    )


def measure(asked: argparse.Namespace) -> Measured:
    """Runs it on a server of its own."""
    traffic = read_scenario("promises")
    assert isinstance(traffic, Traffic)
    width, height = traffic.picture_px
    with serving("--warm-sizes", f"{height}x{width}", *asked.server) as server, sending(server):
        seconds = 1.0 if asked.quick else 4.0
        pictures = material(traffic).pictures
        costs = asyncio.run(measured_costs(server.target, pictures, seconds=seconds))
        with Client(server.target) as client:
            status, model = client.status(), client.model()
        alone = costs_of(status, model)  # what the device would carry, were there nothing else to do
        full_hz = max(costs.full_hz, alone.full_hz)
        ours = settled(traffic, exit1_hz=alone.exit1_hz, full_hz=full_hz, full_ms=costs.full_ms)
        number = _QUICK if asked.quick else asked.requests
        wanted_s = 1.05 * number / ours.arrivals.rate_hz
        ours = dataclasses.replace(ours, duration_s=min(wanted_s, float(asked.at_most_s)))
        requests = plan(ours)[:number]
        with busy_cores({"front": server.process.pid, "sender": os.getpid()}) as busy:
            run = run_traffic(ours, requests, server.target)
    return _judged(run, (costs, alone), busy, ours.arrivals.rate_hz, status)


@dataclass(slots=True, kw_only=True)
class Busy:
    """How many cores each process kept busy on average, its children left out; filled in at the end."""

    cores: dict[str, float] = field(default_factory=dict)


@contextmanager
def busy_cores(processes: dict[str, int]) -> Iterator[Busy]:
    """Measures processes by name (and id) while the `with` lasts."""
    busy = Busy()
    before = {name: _cpu_s(pid) for name, pid in processes.items()}
    begun_s = time.monotonic()
    yield busy
    wall_s = time.monotonic() - begun_s
    busy.cores = {name: (_cpu_s(pid) - before[name]) / wall_s for name, pid in processes.items()}


def _cpu_s(pid: int) -> float:
    """Processor seconds of a process and its threads so far (proc(5))."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _judged(run: Run, known: tuple[Costs, Costs], busy: Busy, rate_hz: float, status: Status) -> Measured:
    """`known`: what requests one after the other showed, and what the device says of itself."""
    costs, alone = known
    summary = run.summary
    seconds = max((one.send_s for one in run.outcomes), default=0.0)
    late = [one for one in run.outcomes if one.admitted and not one.in_time]
    shares = {
        "of what full runs carry": costs.full_hz,
        "of what exit 1 alone carries": costs.exit1_hz,
        "of what full runs would, by the device's time alone": alone.full_hz,
        "of what exit 1 would, likewise": alone.exit1_hz,
    }
    lines = [
        f"{summary.sent} requests in {seconds:.0f} s: {rate_hz:.1f}/s",
        *(f"{rate_hz / hz:.2f} {what} ({hz:.1f}/s)" for what, hz in shares.items()),
        *(f"{name} kept {cores:.2f} cores busy" for name, cores in busy.cores.items()),
        "",
        *summary.as_table().splitlines(),
        f"{'without exit 1':<22} {without_exit(run.outcomes)} of the admitted when their time was up",
        *(_told(one) for one in late[:_SHOWN]),
    ]
    figures: dict[str, Any] = {
        **summary.as_json(),
        "rate_hz": rate_hz,
        "full_hz": costs.full_hz,
        "exit1_hz": costs.exit1_hz,
        "device_full_hz": alone.full_hz,
        "device_exit1_hz": alone.exit1_hz,
        "busy_cores": busy.cores,
        "without_exit1_in_time": without_exit(run.outcomes),
        "late": [_record(one) for one in late],
    }
    return Measured(
        lines=tuple(lines),
        figures=figures,
        checks=_checks(run.outcomes, len(late), busy, summary.sender_lag_ms["p99"]),
        server=serving_facts(status),
    )


def _checks(outcomes: Sequence[Outcome], late: int, busy: Busy, lag_ms: float | None) -> tuple[Check, ...]:
    most = -(-LATE_FLOOR * len(outcomes) // LATE_OF)
    return (
        Check(
            promise="admitted requests without exit 1 in time", measured=without_exit(outcomes), limit=most
        ),
        Check(promise="answers that the server marks as late", measured=late, limit=most),
        failed_check(outcomes),
        Check(promise="the sender's own lag, p99, ms", measured=lag_ms, limit=LAG_LIMIT_MS),
        *(
            Check(promise=f"cores that the {name} keeps busy", measured=cores, limit=MOST_CORES)
            for name, cores in busy.cores.items()
        ),
    )


def _record(one: Outcome) -> dict[str, Any]:
    return {
        "sent_s": round(one.send_s, 3),
        "budget_ms": round(one.budget_ms, 2),
        "elapsed_ms": round(one.elapsed_ms, 2),
        "exit": one.exit,
        "over_ms": round(-one.server_slack_ms, 2),
        "lag_ms": round(one.lag_ms, 2),
    }


def _told(one: Outcome) -> str:
    return (
        f"late: sent at {one.send_s:.3f} s, budget {one.budget_ms:.1f} ms, exit {one.exit} after "
        f"{one.elapsed_ms:.1f} ms, {-one.server_slack_ms:.1f} ms over"
    )
