"""The command `interim-load`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from interim.client import InterimError, Unavailable
from interim.client.grpc_errors import NO_SERVER
from interim.loadtest.entries import ScenarioError
from interim.loadtest.fleet_command import add_fleet
from interim.loadtest.measure_command import add_measure
from interim.loadtest.report_command import add_report
from interim.loadtest.run_command import add_run
from interim.loadtest.simulate_command import add_simulate

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status = int(options.command(options))
        if sys.stdout:  # None where it was closed
            sys.stdout.flush()
    except ScenarioError as error:
        print(f"interim-load: {error}", file=sys.stderr)
        return 2
    except InterimError as error:
        print(f"interim-load: {error}{_way_out(error)}", file=sys.stderr)
    except BrokenPipeError:  # `interim-load … | head`: nobody reads the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a file that cannot be written
        print(f"interim-load: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interim-load: interrupted", file=sys.stderr)
    else:
        return status
    return 1


def _way_out(error: InterimError) -> str:
    if type(error) is Unavailable and str(error).startswith(NO_SERVER):
        return "; start one with `interim-server`, or name another with --server HOST:PORT"
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="interim-load",
        description="Load for an Interim server, sent or simulated.",
        epilog="Each command has its own --help; docs/load-testing.md tells how they go together. Exit status: "
        "0 done, 1 it failed, 2 wrong use.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_run(commands)
    add_measure(commands)
    add_report(commands)
    add_simulate(commands)
    add_fleet(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
