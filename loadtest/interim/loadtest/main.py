"""The command `interim-load`."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interim.client import DEFAULT_TARGET, InterimError
from interim.loadtest.entries import ScenarioError
from interim.loadtest.loopback import is_loopback
from interim.loadtest.report import ClipReport
from interim.loadtest.scenario import Clip, Scenario, builtin_names, read_scenario
from interim.loadtest.simulate_command import add_simulate
from interim.loadtest.traffic import Traffic, faster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.loadtest.summary import Summary

_EPILOG = """\
exit status: 0 done; 1 the run failed: no server, a request without a final message, or a run that is
void because the sender itself lagged; 2 wrong use. Refused and late requests are figures, not failures.
"""
_TRAFFIC_ONLY = {"rate": "--rate", "duration_s": "--duration-s", "seed": "--seed"}
_CLIP_ONLY = ("frames", "images", "labels", "fps", "budget_ms", "newest_wins")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except ScenarioError as error:
        print(f"interim-load: {error}", file=sys.stderr)
        return 2
    except InterimError as error:
        print(f"interim-load: {error}", file=sys.stderr)
        return 1


def _run_load(options: argparse.Namespace) -> int:
    scenario = _asked(read_scenario(options.scenario), options)
    _check_target(options.server, allowed=options.allow_remote)
    report = _run(scenario, options.server)
    _write(report, scenario, options)
    return _status(report)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="interim-load", description="Load for an Interim server.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    run = commands.add_parser(
        "run",
        help="send a scenario to a server, open loop, and say what became of it",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    named = ", ".join(builtin_names())
    run.add_argument(
        "--scenario", metavar="FILE|NAME", required=True, help=f"a .toml file, or one of {named}"
    )
    run.add_argument("--server", metavar="ADDR", default=DEFAULT_TARGET, help="default: %(default)s")
    run.add_argument("--allow-remote", action="store_true", help="send to another machine than this one")
    run.add_argument("--json", metavar="FILE|-", help="write the figures as JSON (-: to the standard output)")
    traffic = run.add_argument_group("scenarios of independent requests")
    traffic.add_argument("--rate", metavar="HZ", type=_positive, help="mean requests per second")
    traffic.add_argument("--duration-s", metavar="S", type=_positive, help="how long requests are sent")
    traffic.add_argument("--seed", metavar="N", type=int, help="another draw of arrivals and budgets")
    clip = run.add_argument_group("the scenario clip")
    clip.add_argument("--frames", metavar="LIST", type=Path, help="a file with one frame's name a line")
    clip.add_argument("--images", metavar="DIR", type=Path, help="holds NAME.jpg (or .png)")
    clip.add_argument(
        "--labels", metavar="DIR", type=Path, help="holds NAME.png with class ids, 255 for void"
    )
    clip.add_argument("--fps", metavar="N", type=_positive, help="frames per second")
    clip.add_argument("--budget-ms", metavar="N", type=_positive, help="budget of each frame")
    clip.add_argument(
        "--newest-wins", action="store_true", default=None, help="a new frame supersedes older ones"
    )
    run.set_defaults(command=_run_load)
    add_simulate(commands)
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


_positive.__name__ = "finite number above 0"  # argparse says: invalid finite number above 0 value: '-3'


def _check_target(server: str, *, allowed: bool) -> None:
    if not (allowed or is_loopback(server)):
        raise ScenarioError(
            f"{server} is not this machine: load sent elsewhere can take a service down; "
            "say --allow-remote if it is yours"
        )


def _asked(scenario: Scenario, options: argparse.Namespace) -> Scenario:
    """The scenario with what the command line changes of it."""
    given = {name for name, value in vars(options).items() if value is not None}
    if isinstance(scenario, Clip):
        _refuse(given & set(_TRAFFIC_ONLY), scenario, "a clip has its frames and --fps")
        changed = {name: getattr(options, name) for name in _CLIP_ONLY if name in given}
        return dataclasses.replace(scenario, **changed)
    _refuse(given & set(_CLIP_ONLY), scenario, "only a clip has frames")
    traffic = faster(scenario, rate_hz=options.rate) if options.rate else scenario
    changed = {name: getattr(options, name) for name in ("duration_s", "seed") if name in given}
    return dataclasses.replace(traffic, **changed)


def _refuse(names: set[str], scenario: Scenario, why: str) -> None:
    for name in sorted(names):
        option = f"--{name.replace('_', '-')}"
        raise ScenarioError(f"{option} does not go with the scenario {scenario.name!r}: {why}.")


def _run(scenario: Scenario, server: str) -> Summary | ClipReport:
    try:
        from interim.loadtest.live import run_clip, run_traffic  # noqa: PLC0415  needs tqdm, an extra
    except ModuleNotFoundError as error:
        raise ScenarioError(f"{error.name} is missing: pip install 'interim[loadtest]'") from error
    if isinstance(scenario, Traffic):
        return asyncio.run(run_traffic(scenario, server))
    return asyncio.run(run_clip(scenario, server))


def _write(report: Summary | ClipReport, scenario: Scenario, options: argparse.Namespace) -> None:
    facts: dict[str, Any] = {"scenario": _plain(scenario), "server": options.server, **report.as_json()}
    if options.json == "-":
        print(json.dumps(facts, indent=2))
        return
    print(report.as_table())
    if options.json:
        Path(options.json).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _plain(scenario: Scenario) -> dict[str, Any]:
    """A scenario as plain data, with the words its file has for arrivals and budgets."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(scenario), default=str))
    if isinstance(scenario, Traffic):
        plain["arrivals"]["process"] = type(scenario.arrivals).__name__.lower()
        plain["budgets"]["distribution"] = type(scenario.budgets).__name__.lower()
    return plain


def _status(report: Summary | ClipReport) -> int:
    summary = report.summary if isinstance(report, ClipReport) else report
    return 1 if summary.void or summary.failed else 0


if __name__ == "__main__":
    sys.exit(main())
