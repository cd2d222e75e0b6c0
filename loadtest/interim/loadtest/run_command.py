"""`interim-load run`: a scenario, or a file of requests, against a server."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interim.client.commands.arguments import add_json, count, positive
from interim.loadtest.arrivals import Poisson
from interim.loadtest.budgets import Constant
from interim.loadtest.costs import read_costs
from interim.loadtest.entries import ScenarioError
from interim.loadtest.loopback import check_target
from interim.loadtest.measure_command import MEASURE_S, measured
from interim.loadtest.options import add_target, whole_from_0
from interim.loadtest.plan import plan
from interim.loadtest.request_lines import read_requests, write_requests
from interim.loadtest.scenario import Clip, Scenario, builtin_names, described, read_scenario
from interim.loadtest.seen import seen_in
from interim.loadtest.told import tell
from interim.loadtest.traffic import Traffic, faster, settled

if TYPE_CHECKING:
    from interim.loadtest.costs import Costs
    from interim.loadtest.plan import Planned
    from interim.loadtest.report import ClipReport
    from interim.loadtest.run_file import Run

_EPILOG = """\
examples:
  interim-load run --scenario steady --rate 5 --duration-s 20
  interim-load run --scenario step --measure --json step.json
  interim-load run --scenario clip --frames list.txt --images images/ --fps 15 --budget-ms 60

exit status: 0 done; 1 the run failed: no server, a request without a final message, Ctrl-C before the end,
or a run that is void because the sender itself lagged; 2 wrong use. Refused and late requests are figures,
not failures. Ctrl-C stops the sending; what was measured until then is reported.
"""

_TRAFFIC_ONLY = {
    "rate": "--rate",
    "duration_s": "--duration-s",
    "seed": "--seed",
    "requests": "--requests",
    "write_requests": "--write-requests",
    "processes": "--processes",
    "costs": "--costs",
}
_CLIP_ONLY = ("frames", "images", "labels", "fps", "budget_ms", "newest_wins")


def add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command `run` to those of `interim-load`."""
    run = commands.add_parser(
        "run",
        help="send a scenario to a server, open loop, and say what became of it",
        description="Send a scenario to a server, open loop (late answers do not delay later requests),\n"
        "and say what became of it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    named = ", ".join(builtin_names())
    run.add_argument("--scenario", metavar="FILE|NAME", help=f"a .toml file, or one of {named}")
    add_target(run)
    add_json(run, "figures and every request's record")
    _add_traffic(run.add_argument_group("scenarios of independent requests"))
    _add_clip(run.add_argument_group("the scenario clip"))
    run.set_defaults(command=run_load)


def _add_traffic(traffic: argparse._ArgumentGroup) -> None:
    traffic.add_argument(
        "--rate", metavar="HZ", type=positive, help="mean requests per second (default: the scenario's)"
    )
    traffic.add_argument(
        "--duration-s",
        metavar="S",
        type=positive,
        help="how long requests are sent, in seconds (default: the scenario's)",
    )
    traffic.add_argument(
        "--seed",
        metavar="N",
        type=whole_from_0,
        help="another draw of arrivals, budgets and the rest (default: the scenario's)",
    )
    traffic.add_argument(
        "--requests",
        metavar="FILE",
        type=Path,
        help="requests as JSON lines, instead of the scenario's; it still says pictures, model and streams",
    )
    traffic.add_argument(
        "--write-requests", metavar="FILE", type=Path, help="write the requests as JSON lines, and stop"
    )
    traffic.add_argument(
        "--measure", action="store_true", help="measure first what the server carries (see `measure`)"
    )
    traffic.add_argument(
        "--costs", metavar="FILE", type=Path, help="what it carries, as `interim-load measure` wrote it"
    )
    traffic.add_argument(
        "--processes", metavar="N", type=count, help="senders that share the requests (default: 1)"
    )


def _add_clip(clip: argparse._ArgumentGroup) -> None:
    clip.add_argument("--frames", metavar="LIST", type=Path, help="a file with one frame's name a line")
    clip.add_argument("--images", metavar="DIR", type=Path, help="holds NAME.jpg (or .png)")
    clip.add_argument(
        "--labels", metavar="DIR", type=Path, help="holds NAME.png with class ids, 255 for void"
    )
    clip.add_argument("--fps", metavar="N", type=positive, help="frames per second (default: the scenario's)")
    clip.add_argument(
        "--budget-ms",
        metavar="N",
        type=positive,
        help="budget of each frame, in milliseconds (default: the scenario's)",
    )
    clip.add_argument(
        "--newest-wins", action="store_true", default=None, help="a new frame supersedes older ones"
    )


def run_load(options: argparse.Namespace) -> int:
    """Runs the command; its exit status.

    Raises:
        ScenarioError: Wrong use, in one sentence.
        InterimError: The server does not answer.
    """
    scenario = _asked(_scenario(options), options)
    check_target(options.server, allowed=options.allow_remote)
    if isinstance(scenario, Clip):
        clip = _clip(scenario, options.server)
        _write(clip.as_json(), clip.as_table(), scenario, options)
        return 1 if clip.summary.void or clip.summary.failed or clip.interrupted else 0
    costs = _costs(scenario, options)
    if costs is not None:
        rates = {"exit1_hz": costs.exit1_hz, "full_hz": costs.full_hz, "full_ms": costs.full_ms}
        scenario = settled(scenario, **rates)
    requests = read_requests(options.requests) if options.requests else plan(scenario)
    if options.write_requests:
        write_requests(options.write_requests, requests)
        return 0
    run = _traffic(scenario, requests, options)
    known = {} if costs is None else {"costs": seen_in(costs, run.outcomes).as_json()}
    _write({**known, **run.as_json()}, run.summary.as_table(), scenario, options)
    summary = run.summary
    return 1 if summary.void or summary.failed or run.facts["interrupted"] else 0


def _scenario(options: argparse.Namespace) -> Scenario:
    if options.scenario:
        return read_scenario(options.scenario)
    if options.requests:  # they say when and how long; the rest is as in a scenario that says nothing
        return Traffic(
            name=options.requests.stem,
            duration_s=1.0,
            arrivals=Poisson(rate_hz=1.0),
            budgets=Constant(ms=1.0),
        )
    raise ScenarioError("There is nothing to send: give --scenario FILE|NAME, or --requests FILE.")


def _asked(scenario: Scenario, options: argparse.Namespace) -> Scenario:
    """The scenario with what the command line changes of it."""
    given = {name for name, value in vars(options).items() if value is not None}
    if isinstance(scenario, Clip):
        _refuse(given & set(_TRAFFIC_ONLY), scenario, "a clip has its frames and --fps")
        changed = {name: getattr(options, name) for name in _CLIP_ONLY if name in given}
        return dataclasses.replace(scenario, **changed)
    _refuse(given & set(_CLIP_ONLY), scenario, "only a clip has frames")
    if options.requests:
        _refuse(given & {"rate", "duration_s"}, scenario, "--requests says when each request is sent")
    traffic = faster(scenario, rate_hz=options.rate) if options.rate else scenario
    changed = {name: getattr(options, name) for name in ("duration_s", "seed") if name in given}
    return dataclasses.replace(traffic, **changed)


def _refuse(names: set[str], scenario: Scenario, why: str) -> None:
    for name in sorted(names):
        option = f"--{name.replace('_', '-')}"
        raise ScenarioError(f"{option} does not go with the scenario {scenario.name!r}: {why}.")


def _clip(scenario: Clip, server: str) -> ClipReport:
    try:
        from interim.loadtest.live import run_clip  # noqa: PLC0415  needs tqdm, an extra
    except ModuleNotFoundError as error:
        raise ScenarioError(f"{error.name} is missing: pip install 'interim[loadtest]'") from error
    return asyncio.run(run_clip(scenario, server))


def _costs(scenario: Traffic, options: argparse.Namespace) -> Costs | None:
    if options.costs:
        return read_costs(options.costs)
    if not options.measure:
        return None
    costs = measured(scenario, options.server, seconds=MEASURE_S)
    if options.json != "-":
        print(costs.as_table())
    return costs


def _traffic(scenario: Traffic, requests: tuple[Planned, ...], options: argparse.Namespace) -> Run:
    try:
        from interim.loadtest.live import run_traffic  # noqa: PLC0415  needs tqdm, an extra
    except ModuleNotFoundError as error:
        raise ScenarioError(f"{error.name} is missing: pip install 'interim[loadtest]'") from error
    return run_traffic(scenario, requests, options.server, processes=options.processes or 1)


def _write(figures: dict[str, Any], table: str, scenario: Scenario, options: argparse.Namespace) -> None:
    facts = {
        "scenario": described(scenario),
        "server": options.server,
        "ended": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **figures,
    }
    tell(json.dumps(facts, indent=2 if options.json == "-" else None), table, options.json)
