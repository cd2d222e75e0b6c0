"""The command `interim-zoo`."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING

from interim.model_zoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Callable

COMMANDS = {
    "list": "name the networks and the shipped models",
    "profile": "count a network's cost and size",
    "recipe": "look through a folder of images and masks, and write a recipe that fits it",
    "train": "train a recipe, or go on with it",
    "evaluate": "measure a model on a labelled folder",
    "bench": "time own kernels against torch, all active and masked",
    "card": "measure a checkpoint and write its card",
    "calibrate": "fit temperatures, choose the threshold, on images of its own",
    "show": "draw what every exit makes of an image, and what it computes",
    "experiment": "hold a paper's training method against its claim, at a size that two cores can train",
    "search": "choose which trained exits to deploy, under a requirement on quality or cost",
    "sequence": "put trained networks of growing size one after the other, as one model",
    "methods": "make the tables of docs/methods.md anew from counts and the records of experiments",
    "table": "make the tables of docs/accuracy.md anew from the records of measured models",
    "scenes": "draw procedural street scenes with their labels",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns 0 (done), 1 (it failed) or 2 (wrong use)."""
    words = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(
        prog="interim-zoo", description="Anytime models: train, measure, look up."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parsers = {
        name: commands.add_parser(name, help=text, description=text) for name, text in COMMANDS.items()
    }
    if not words or words[0] not in COMMANDS:
        parser.parse_args(words)
    try:
        command = importlib.import_module(f"interim.training.commands.{words[0]}")
    except ModuleNotFoundError as error:
        print(
            f"interim-zoo needs {error.name}: install it with `pip install 'interim[training]'`.",
            file=sys.stderr,
        )
        return 1
    command.add(parsers[words[0]])
    return _run(command.run, parser.parse_args(words))


def _run(command: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    try:
        return command(arguments)
    except (ValueError, ZooError, OSError) as error:
        print(f"interim-zoo: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
