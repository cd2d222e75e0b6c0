"""The command `interim-load`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from interim.client.commands.arguments import add_version
from interim.client.commands.ending import WRONG_USE, ended
from interim.loadtest.entries import ScenarioError
from interim.loadtest.fleet_command import add_fleet
from interim.loadtest.measure_command import add_measure
from interim.loadtest.report_command import add_report
from interim.loadtest.run_command import add_run
from interim.loadtest.simulate_command import add_simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def main(arguments: Sequence[str] | None = None, *, imported: Callable[[], object] = lambda: None) -> int:
    """Runs the command; its exit status.

    Args:
        arguments: Its arguments; None: those of the process.
        imported: Called as soon as all is imported: from then on Ctrl-C may raise.
    """
    imported()
    options = _parser().parse_args(arguments)
    try:
        return ended("interim-load", lambda: int(options.command(options)))
    except ScenarioError as error:
        print(f"interim-load: {error}", file=sys.stderr)
        return WRONG_USE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="interim-load",
        description="Load for an Interim server, sent or simulated.",
        epilog="Each command has its own --help; docs/load-testing.md tells how they go together. Exit status: "
        "0 done, 1 it failed, 2 wrong use, 130 Ctrl-C.",
    )
    add_version(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_run(commands)
    add_measure(commands)
    add_report(commands)
    add_simulate(commands)
    add_fleet(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
