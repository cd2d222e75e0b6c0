"""Values of options that several commands of `interim-zoo` take, and their rules."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

from interim.model_zoo.mask_choice import MaskChoice, mask_choice


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return int(text)


def share(text: str) -> float:
    """A number from 0 to 1."""
    return _number(text, 0.0, 1.0)


def points(text: str) -> float:
    """Points of a hundred."""
    return _number(text, 0.0, 100.0)


def numbers(text: str, rule: str) -> tuple[float, ...]:
    """Numbers with commas between them; `rule` says what they must be, and gives an example."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: {rule}") from None


def mask_rule(text: str) -> MaskChoice:
    """A masking rule: NAME or NAME=VALUE."""
    try:
        return mask_choice(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_mask_rule(parser: argparse.ArgumentParser) -> None:
    """The option that chooses which positions are refined."""
    parser.add_argument(
        "--mask-rule",
        type=mask_rule,
        default=MaskChoice(),
        metavar="NAME[=VALUE]",
        help="which positions are refined: threshold=T, share=S, entropy=E, random=S, cascade=T or sampling=S "
        "(docs/methods.md; default: card, the model's own threshold)",
    )


def output_file(text: str) -> str:
    """A file that can be written, or - where the command takes it for the standard output."""
    path = Path(text)
    if text == "-":
        return text
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text!r}: there is no folder {path.parent}: make it, or name another"
        )
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} may not be written: name another file")
    return text


def _number(text: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text} is not a number from {least:g} to {most:g}")
    return number
