"""Options that several commands of `interim-load` take, and their rules."""

from __future__ import annotations

import argparse

from interim.client import DEFAULT_TARGET
from interim.client.commands.places import address, output_file


def add_server(parser: argparse.ArgumentParser) -> None:
    """`--server` and `--allow-remote`."""
    parser.add_argument(
        "--server",
        metavar="ADDR",
        type=address,
        default=DEFAULT_TARGET,
        help="the server's gRPC address, HOST:PORT (default: %(default)s)",
    )
    parser.add_argument("--allow-remote", action="store_true", help="send to another machine than this one")


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """`--json FILE|-`; `what` is written."""
    parser.add_argument(
        "--json",
        metavar="FILE|-",
        type=output_file,
        help=f"write {what} as JSON to FILE (-: to the standard output)",
    )


def whole_from_0(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0")
    return int(text)
