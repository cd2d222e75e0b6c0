"""Whether a value that was read from JSON or TOML is of the kind that a field of a dataclass is declared to be."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS: Mapping[object, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    float | None: "a number",
    tuple[int, int]: "two whole numbers",
    tuple[float, float]: "two numbers",
    tuple[float, ...]: "a list of numbers",
}
"""What each kind is called; fields of other kinds are not looked at."""


def misfit(kind: type[Any], values: Mapping[str, Any]) -> str:
    """What is wrong with the first of these fields of a dataclass that is of another kind; empty: none is.

    Lists are tuples already. A whole number is a number too; true and false are none.
    """
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if field.name in values and hint in WORDS and not _fits(values[field.name], hint):
            return f"{field.name} is {values[field.name]!r}, and must be {WORDS[hint]}"
    return ""


def _fits(value: object, hint: Any) -> bool:
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        long_enough = parts[-1] is Ellipsis or (isinstance(value, tuple) and len(value) == len(parts))
        return isinstance(value, tuple) and long_enough and all(_fits(each, parts[0]) for each in value)
    if hint in {float, float | None}:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
