"""Arguments that several commands take, and their rules."""

import argparse
import math
from importlib.metadata import PackageNotFoundError, version

from interim.client.client import DEFAULT_TARGET
from interim.client.commands.places import address, output_file, output_folder
from interim.client.request import Options


def add_version(parser: argparse.ArgumentParser) -> None:
    """`--version`: that of the installed package."""
    try:
        found = version("interim")
    except PackageNotFoundError:
        found = "(not installed)"
    parser.add_argument("--version", action="version", version=f"%(prog)s {found}")


def add_server(parser: argparse.ArgumentParser) -> None:
    """`--server`."""
    parser.add_argument(
        "--server",
        type=address,
        default=DEFAULT_TARGET,
        metavar="ADDR",
        help="the server's gRPC address, HOST:PORT (default: %(default)s)",
    )


def add_json(parser: argparse.ArgumentParser, what: str = "the result") -> None:
    """`--json FILE|-`; `what` is written."""
    parser.add_argument(
        "--json",
        type=output_file,
        metavar="FILE|-",
        help=f"write {what} as JSON to FILE (-: to the standard output)",
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """What may be asked of each image."""
    add = parser.add_argument
    add(
        "--budget-ms",
        type=positive,
        metavar="N",
        help="milliseconds an answer may take, from its arrival at the server (default: the server's)",
    )
    add("--model", default="", metavar="NAME", help="which model answers (default: the server's)")
    add("--min-exit", type=count, default=0, metavar="K", help="show no exit before this one (default: 1)")
    add(
        "--max-exit",
        type=count,
        default=0,
        metavar="K",
        help="stop at this exit, counted from 1 (default: the last)",
    )
    add(
        "--stop-below",
        type=share,
        default=0.0,
        metavar="SHARE",
        help="stop when at most this share of the pixels, 0 to 1, is unsure (default: 0)",
    )
    add(
        "--long-side",
        type=count,
        default=0,
        metavar="N",
        help="scale images to at most N pixels on the long side (default: the model's)",
    )
    add(
        "--out",
        type=output_folder,
        metavar="DIR",
        help="draw answers over the images, as PNG, into this folder; it is made if need be (default: draw none)",
    )


def options_of(args: argparse.Namespace) -> Options:
    """What was asked, for `infer` and `send`."""
    return Options(
        budget_ms=args.budget_ms,
        model=args.model,
        min_exit=args.min_exit,
        max_exit=args.max_exit,
        stop_below=args.stop_below,
        long_side=args.long_side,
    )


def positive(text: str) -> float:
    """A number over 0."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number over 0")
    return number


def share(text: str) -> float:
    """A share, from 0 to 1."""
    number = _number(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0 to 1")
    return number


def count(text: str) -> int:
    """A whole number, from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a number") from None
