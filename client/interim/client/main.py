"""The command `interim`."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from interim.client import errors
from interim.client.commands import budget, models, segment, status, watch
from interim.client.grpc_errors import NO_SERVER


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: its arguments; None: those of the process.

    Returns:
        The exit status: 0, or 1 where it failed. (Wrong use ends with 2, through argparse.)
    """
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
        if sys.stdout:  # None where it was closed
            sys.stdout.flush()
    except errors.InterimError as error:
        print(f"interim: {error}{_way_out(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `interim models | head`: nobody reads the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a file that cannot be written
        print(f"interim: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interim: interrupted", file=sys.stderr)
        return 1
    return code


def _way_out(error: errors.InterimError) -> str:
    if type(error) is errors.Unavailable and str(error).startswith(NO_SERVER):
        return "; start one with `interim-server`, or name another with --server HOST:PORT"
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="interim",
        description="Ask an Interim server for masks that get better until the time is up.",
        epilog="Each command has its own --help. Exit status: 0 done, 1 it failed, 2 wrong use.",
    )
    parser.add_argument("--version", action="version", version=f"interim {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (segment, watch, models, status, budget):
        command.add(commands)
    return parser


def _version() -> str:
    try:
        return version("interim")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
