"""Rules for options: each reads a value from text or from a config file, and says in words what it takes."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from interim.model_zoo.mask_choice import WORDS, mask_choice

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):(?P<port>\d{1,5})")
_SIZE = re.compile(r"[1-9]\d{0,4}x[1-9]\d{0,4}")


@dataclass(frozen=True, slots=True)
class Rule:
    """What an option takes. `words` completes "must be …"; `holds` tests a value of a config file.

    `read` turns the text of a command line into such a value; it may raise ValueError.
    """

    words: str
    holds: Callable[[Any], bool]
    read: Callable[[str], Any] = str
    placeholder: str = "TEXT"


def text() -> Rule:
    """Any text but none."""
    return Rule(
        "text that is not empty", lambda v: isinstance(v, str) and bool(v.strip()), placeholder="NAME"
    )


def one_of(*choices: str, placeholder: str = "") -> Rule:
    """One of a few words; of many, help shows the placeholder alone."""
    words = " or ".join((", ".join(choices[:-1]), choices[-1]))
    return Rule(
        words, lambda v: isinstance(v, str) and v in choices, placeholder=placeholder or "|".join(choices)
    )


def whole(least: int, most: int) -> Rule:
    """A whole number between two others."""
    words = f"a whole number from {least} to {most}"
    return Rule(words, lambda v: type(v) is int and least <= v <= most, int, "N")


def number(least: float, most: float) -> Rule:
    """A number between two others."""

    def holds(value: Any) -> bool:
        return type(value) in (int, float) and math.isfinite(value) and least <= value <= most

    return Rule(f"a number from {least:.10g} to {most:.10g}", holds, float, "X")


def device() -> Rule:
    """Where the model runs."""
    pattern = re.compile(r"auto|cpu|cuda(:\d+)?")
    return Rule(
        "auto, cpu or a GPU such as cuda:0",
        lambda v: isinstance(v, str) and pattern.fullmatch(v) is not None,
        placeholder="auto|cpu|cuda:0",
    )


def address() -> Rule:
    """HOST:PORT; port 0 asks for a free one."""

    def holds(value: Any) -> bool:
        match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
        return match is not None and int(match["port"]) <= 65535

    return Rule("HOST:PORT with a port from 0 (any free one) to 65535", holds, placeholder="HOST:PORT")


def sizes() -> Rule:
    """A list of image sizes, HEIGHTxWIDTH."""

    def holds(value: Any) -> bool:
        return isinstance(value, list | tuple) and all(
            isinstance(size, str) and _SIZE.fullmatch(size) for size in value
        )

    def read(words: str) -> list[str]:
        return [word for word in words.split(",") if word]

    return Rule("a list of sizes HEIGHTxWIDTH in pixels, such as 512x1024", holds, read, "HxW,…")


def mask_rule() -> Rule:
    """What chooses the pixels to refine (model_zoo.mask_choice)."""

    def holds(value: Any) -> bool:
        try:
            return isinstance(value, str) and bool(mask_choice(value))
        except ValueError:
            return False

    return Rule(WORDS, holds, placeholder="NAME[=VALUE]")


def truth() -> Rule:
    """Yes or no."""
    return Rule("true or false", lambda v: isinstance(v, bool))


def table() -> Rule:
    """A table of its own."""
    return Rule("a table", lambda v: isinstance(v, dict))


def tables() -> Rule:
    """An array of tables."""
    return Rule(
        "one or more tables, as [[…]]",
        lambda v: isinstance(v, list) and bool(v) and all(isinstance(each, dict) for each in v),
    )
