"""Options that several commands of `interim-load` take, and their rules."""

from __future__ import annotations

import argparse

from interim.client.commands.arguments import add_server


def add_target(parser: argparse.ArgumentParser) -> None:
    """`--server` and `--allow-remote`."""
    add_server(parser)
    parser.add_argument("--allow-remote", action="store_true", help="send to another machine than this one")


def whole_from_0(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0")
    return int(text)
