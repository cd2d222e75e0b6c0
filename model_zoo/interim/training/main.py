"""The command `interim-zoo`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from importlib.metadata import PackageNotFoundError, version
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
    "calibrate": "fit a model's temperatures and choose its threshold, on images it was not trained on",
    "show": "draw what every exit makes of an image, and what it computes",
    "experiment": "hold a paper's training method against its claim, at a size that two cores can train",
    "search": "choose which trained exits to deploy, under a requirement on quality or cost",
    "sequence": "put trained networks of growing size one after the other, as one model",
    "methods": "make the tables of docs/methods.md anew from counts and the records of experiments",
    "table": "make the tables of docs/accuracy.md anew from the records of measured models",
    "scenes": "draw procedural street scenes with their labels",
}

EXAMPLES = {
    "list": ("interim-zoo list",),
    "profile": (
        "interim-zoo profile hrnet-w48-adpc --size 1024x2048",
        "interim-zoo profile default --json -",
    ),
    "recipe": ("interim-zoo recipe my-data/ --out mine.toml",),
    "train": ("interim-zoo train mine.toml --init default",),
    "evaluate": ("interim-zoo evaluate default --data camvid/ --split val",),
    "bench": ("interim-zoo bench default --size 512x1024 --masks recorded",),
    "card": ("interim-zoo card runs/mine/latest --data my-data/ --out my-model/",),
    "calibrate": ("interim-zoo calibrate my-model/ --data my-data/ --split val --out my-model/",),
    "show": ("interim-zoo show default street.jpg --out exits.png",),
    "experiment": ("interim-zoo experiment schemes --data camvid/",),
    "sequence": ("interim-zoo sequence small/ large/ --out both/",),
    "table": ("interim-zoo table --add mine=my-model/", "interim-zoo table --check"),
    "methods": ("interim-zoo methods --check",),
    "scenes": ("interim-zoo scenes --out drawn/ --count 100",),
}


def main(argv: list[str] | None = None, *, imported: Callable[[], object] = lambda: None) -> int:
    """Run one command; returns 0 (done), 1 (it failed), 2 (wrong use) or 130 (Ctrl-C).

    Args:
        argv: its arguments; None: those of the process.
        imported: called as soon as all is imported: from then on Ctrl-C may raise.
    """
    words = sys.argv[1:] if argv is None else argv
    try:
        status = _main(words, imported)
        if sys.stdout:  # None where it was closed
            sys.stdout.flush()
    except BrokenPipeError:  # `interim-zoo … | head`: nobody reads the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a file that cannot be read or written
        why = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"interim-zoo: {why}", file=sys.stderr)
    except (
        ValueError,
        ZooError,
    ) as error:  # a model, a file or a value that there is not, or that will not do
        print(f"interim-zoo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interim-zoo: interrupted", file=sys.stderr)
        return 130  # as shells say it: 128 and the signal's number
    else:
        return status
    return 1


def _main(words: list[str], imported: Callable[[], object]) -> int:
    parser = argparse.ArgumentParser(
        prog="interim-zoo",
        description="Anytime models: train, measure, look up.",
        epilog="Each command has its own --help; docs/training.md tells how they go together. Exit status: 0 done, "
        "1 it failed, 2 wrong use, 130 Ctrl-C.",
    )
    parser.add_argument("--version", action="version", version=f"interim-zoo {_version()}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    parsers = {name: _added(commands, name, text) for name, text in COMMANDS.items()}
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
    imported()
    command.add(parsers[words[0]])
    return int(command.run(parser.parse_args(words)))


def _added(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    examples = "".join(f"\n  {each}" for each in EXAMPLES.get(name, ()))
    return commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"examples:{examples}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _version() -> str:
    try:
        return version("interim")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
