"""The command `interim`."""

import argparse
import sys
from collections.abc import Callable, Sequence

from interim.client.commands import budget, models, pose, segment, status, watch
from interim.client.commands.arguments import add_version
from interim.client.commands.ending import ended


def main(argv: Sequence[str] | None = None, *, imported: Callable[[], object] = lambda: None) -> int:
    """Runs one command.

    Args:
        argv: its arguments; None: those of the process.
        imported: called as soon as all is imported: from then on Ctrl-C may raise.

    Returns:
        The exit status: 0 done, 1 it failed, 2 wrong use (also through argparse), 130 Ctrl-C.
    """
    imported()
    args = _parser().parse_args(argv)
    return ended("interim", lambda: int(args.run(args)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="interim",
        description="Ask an Interim server for masks, or joints, that get better until the time is up.",
        epilog="Each command has its own --help. Exit status: 0 done, 1 it failed, 2 wrong use, 130 Ctrl-C.",
    )
    add_version(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (segment, pose, watch, models, status, budget):
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
