"""`interim-load simulate`: the server's scheduler in virtual time, against baselines and the bound."""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interim.client.commands.arguments import add_json, count
from interim.loadtest.entries import ScenarioError
from interim.loadtest.options import whole_from_0
from interim.loadtest.processes import deaf
from interim.loadtest.replay_command import add_replay, replays, run_replay
from interim.loadtest.told import tell
from interim.loadtest.traced import read_traced, write_traced
from interim.scheduling.policy import DEFAULT_POLICY, names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from interim.loadtest.suite import Report, Terms

SUITE_NAMES = ("published", "edges", "capacity")
FULL_SEEDS, QUICK_SEEDS = 12, 2
REQUESTS = 300  # a seed
STAGE1_MS = 5.0
SEED_BASE = 5000
"""Published figures are of these seeds; policies are tuned on others (1000 and up)."""

_DRAWN = ("suite", "seeds", "seed_base", "quick")
_JUDGED = ("no_admission", "stage1_ms", "processes")
"""Options that are not for all that is simulated: what draws requests, and how they are run and compared."""

_EXAMPLES = """\
examples:
  interim-load simulate --quick                                     every policy on the published workloads
  interim-load simulate --suite edges --policy edf --seeds 2        two policies on the edge cases
  interim-load simulate --scenario step --costs costs.json          one server's traffic, simulated
"""


def add_simulate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command `simulate` to those of `interim-load`."""
    parser = commands.add_parser(
        "simulate",
        help="policies in virtual time, against the clairvoyant bound",
        description="Run the server's own scheduler in virtual time: its policies against those of other\n"
        "systems and a bound that knows the future, or one policy under the traffic of a server.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--suite",
        choices=SUITE_NAMES,
        default="published",
        help="which workloads; capacity: the capacities of published alone (default: %(default)s)",
    )
    parser.add_argument(
        "--requests", metavar="FILE", type=Path, help="requests as JSON lines, instead of a suite"
    )
    parser.add_argument(
        "--write-requests",
        metavar="DIR|FILE",
        type=Path,
        help="write the requests as JSON lines, and stop (of a suite: a file each in a folder)",
    )
    parser.add_argument(
        "--policy",
        metavar="NAME",
        action="append",
        choices=names(),
        help="one to compare with the default, again for more (default: all)",
    )
    parser.add_argument(
        "--seeds",
        metavar="N",
        type=count,
        help=f"how many draws of each workload (default: {FULL_SEEDS}, {QUICK_SEEDS} if quick)",
    )
    parser.add_argument(
        "--seed-base",
        metavar="N",
        type=whole_from_0,
        default=SEED_BASE,
        help="the first seed (default: %(default)s)",
    )
    parser.add_argument("--quick", action="store_true", help="few seeds, and no capacity: under a minute")
    parser.add_argument("--no-admission", action="store_true", help="let every request in, whoever decides")
    parser.add_argument(
        "--stage1-ms",
        metavar="MS",
        type=float,
        default=STAGE1_MS,
        help="what stage 1 takes, in milliseconds, against which decisions are charged (default: %(default)g)",
    )
    parser.add_argument(
        "--processes", metavar="N", type=count, help="how many work side by side (default: one a core)"
    )
    add_json(parser, "the figures")
    add_replay(parser)
    usual = {name: parser.get_default(name) for name in (*_DRAWN, *_JUDGED, "seed")}
    parser.set_defaults(command=run_simulate, usual=usual)


def run_simulate(options: argparse.Namespace) -> int:
    """Runs the command; its exit status.

    Raises:
        ScenarioError: what the simulator needs is not installed, or an option breaks a rule.
    """
    if not 0 < options.stage1_ms < float("inf"):
        raise ScenarioError(f"--stage1-ms must be a finite number above 0, not {options.stage1_ms:g}.")
    if replays(options):
        _refuse(options, (*_DRAWN, *_JUDGED), "is of suites: a server's traffic has its --costs.")
        if len(options.policy or ()) > 1:
            raise ScenarioError("A server has one policy: name one --policy, and run again for another.")
        return run_replay(options, policy=(options.policy or [DEFAULT_POLICY])[0])
    _refuse(options, ("seed",), "is of a scenario: suites have their --seed-base.")
    if options.requests:
        _refuse(options, _DRAWN, "is of suites: the requests are those of the file.")
    try:
        if options.write_requests:
            _write_requests(options)
            return 0
        report = _of_file(options) if options.requests else _report(options)
    except ModuleNotFoundError as error:
        raise ScenarioError(f"{error.name} is missing: pip install 'interim[loadtest]'") from error
    tell(json.dumps(report.as_json(), indent=2), report.as_table(), options.json)
    return 0


def _refuse(options: argparse.Namespace, names: tuple[str, ...], why: str) -> None:
    """Nothing that was said is left out without a word."""
    for name in names:
        if getattr(options, name) != options.usual[name]:
            raise ScenarioError(f"--{name.replace('_', '-')} {why}")


def _report(options: argparse.Namespace) -> Report:
    import scipy  # type: ignore[import-untyped,unused-ignore]  # noqa: F401, PLC0415  asked for before the work begins

    from interim.loadtest import workloads  # noqa: PLC0415
    from interim.loadtest.suite import Report, capacity, score_cell  # noqa: PLC0415

    terms, seeds = _terms(options), _seeds(options)
    report = Report(suite=options.suite, seeds=len(seeds), seed_base=options.seed_base, terms=terms)
    cells: list[_Task] = [
        (score_cell, (work, seed, terms)) for work in workloads.SUITES[options.suite]() for seed in seeds
    ]
    for (_, (workload, *_)), cell in zip(cells, _done(cells, options.processes, "cell"), strict=True):
        report.cells[workload.name].append(cell)
    if not options.quick and options.suite != "edges":
        loads: list[_Task] = [(capacity, (name, seeds, terms)) for name in (*terms.policies, "lp")]
        for (_, (name, *_)), load in zip(loads, _done(loads, options.processes, "capacity"), strict=True):
            report.capacity[name] = load
    return report


def _of_file(options: argparse.Namespace) -> Report:
    """The policies on the requests of one file."""
    from interim.loadtest.network import average  # noqa: PLC0415
    from interim.loadtest.suite import Report, score  # noqa: PLC0415

    requests = read_traced(options.requests)
    terms = replace(_terms(options), requests=len(requests))
    report = Report(suite="requests", seeds=1, seed_base=0, terms=terms)
    try:
        report.cells[options.requests.stem].append(score(requests, average(requests), terms))
    except ArithmeticError as error:
        raise ScenarioError(f"{options.requests}: {error}") from error
    return report


def _write_requests(options: argparse.Namespace) -> None:
    """One file a scenario and seed: NAME-SEED.jsonl."""
    from interim.loadtest import workloads  # noqa: PLC0415

    options.write_requests.mkdir(parents=True, exist_ok=True)
    for workload in workloads.SUITES[options.suite]():
        for seed in _seeds(options):
            network = workloads.hrnet(options.stage1_ms / 1e3, workload.quality)
            path = options.write_requests / f"{workload.name}-{seed}.jsonl"
            write_traced(path, workloads.draw(workload, network, requests=REQUESTS, seed=seed))


def _terms(options: argparse.Namespace) -> Terms:
    from interim.loadtest.suite import Terms  # noqa: PLC0415

    others = [name for name in dict.fromkeys(options.policy or names()) if name != DEFAULT_POLICY]
    return Terms(
        policies=(DEFAULT_POLICY, *others),
        requests=REQUESTS,
        stage1_s=options.stage1_ms / 1e3,
        admission=not options.no_admission,
    )


def _seeds(options: argparse.Namespace) -> range:
    count = options.seeds or (QUICK_SEEDS if options.quick else FULL_SEEDS)
    return range(options.seed_base, options.seed_base + count)


_Task = tuple["Callable[..., Any]", tuple[Any, ...]]


def _done(tasks: list[_Task], processes: int | None, unit: str) -> Iterator[Any]:
    """The tasks' results in their order, worked on side by side, under a progress bar."""
    from tqdm import tqdm  # noqa: PLC0415  an extra

    count = processes or os.cpu_count() or 1
    with tqdm(total=len(tasks), unit=unit, mininterval=0.5, disable=None) as bar:
        if count == 1:
            for work, arguments in tasks:
                yield work(*arguments)
                bar.update()
            return
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            try:
                with deaf():  # this process says that it was interrupted, and ends them
                    futures = [pool.submit(work, *arguments) for work, arguments in tasks]
                for _ in as_completed(futures):
                    bar.update()
                yield from (future.result() for future in futures)
            except BaseException:
                for worker in active_children():
                    worker.kill()
                raise
