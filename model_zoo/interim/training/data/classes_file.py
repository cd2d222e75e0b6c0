"""The file that names a data set's classes: classes.json, classes.txt, or a table of colours (CSV)."""

from __future__ import annotations

import colorsys
import itertools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.model_zoo.anytime import ClassSpec
from interim.training.data.errors import DataError
from interim.training.data.legend import Color, Legend
from interim.training.data.sample import VOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAMES = ("classes.json", "classes.txt", "class_dict.csv", "classes.csv")
"""Where classes are looked for, in this order."""

UNLABELLED = {"void", "unlabelled", "unlabeled", "ignore"}
MOST = 255

_LINE = re.compile(r"(?P<name>.*?)(?P<numbers>(?:[\s,;]+\d+)*)\s*")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a list: a name; then nothing, a stored value, or a colour."""

    name: str
    numbers: tuple[int, ...]

    @property
    def is_void(self) -> bool:
        """Whether it names what is not labelled, not a class."""
        return _is_void(self.name)


def read_legend(root: Path) -> Legend:
    """The classes that a data folder names, and how its label files name them.

    Raises:
        DataError: there is no such file, or it cannot be read.
    """
    path = next((root / name for name in NAMES if (root / name).is_file()), None)
    if path is None:
        ways = '"classes.txt" with one class name a line, in the order of their ids'
        raise DataError(f"{root} has no classes.json, classes.txt or class_dict.csv: write {ways}.")
    return _from_json(path) if path.suffix == ".json" else _from_list(path)


def _from_json(path: Path) -> Legend:
    try:
        whole = json.loads(path.read_text(encoding="utf-8-sig"))
        void = {_color(whole["void_color"]): VOID} if "void_color" in whole else {}
        entries = sorted(whole["classes"], key=lambda entry: entry["id"])
        ids = [entry["id"] for entry in entries]
        every = [ClassSpec(str(entry["name"]), _color(entry["color"])) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        shape = '{"classes": [{"id": 0, "name": "Sky", "color": [r, g, b]}, ...]}'
        raise DataError(f"{path} cannot be read ({error!r}): it must look like {shape}.") from error
    classes = tuple(each for each in every if not _is_void(each.name))
    if not classes or ids != list(range(len(ids))):
        raise DataError(
            f"{path} has the class ids {ids}: they must count from 0 without a gap, one a class at least."
        )
    count = itertools.count()
    places = [VOID if _is_void(each.name) else next(count) for each in every]
    colors = {each.color: place for each, place in zip(every, places, strict=True)}
    return Legend(classes=classes, values={VOID: VOID} | dict(enumerate(places)), colors={**void, **colors})


def _from_list(path: Path) -> Legend:
    lines = _lines(path)
    real = [line for line in lines if not line.is_void]
    if not 1 <= len(real) <= MOST:
        raise DataError(f"{path} names {len(real)} classes: name 1 to {MOST}, one a line.")
    kinds = {len(line.numbers) for line in lines}
    if len(kinds) > 1 or not kinds <= {0, 1, 3}:
        rule = "every line is NAME, or every line NAME VALUE, or every line NAME RED GREEN BLUE"
        raise DataError(f"{path} has lines with {' and '.join(map(str, sorted(kinds)))} numbers: {rule}.")
    ids = {line.name: index for index, line in enumerate(real)} | {
        line.name: VOID for line in lines if line.is_void
    }
    if len(ids) < len(lines):
        raise DataError(f"{path} names a class twice: give every class a name of its own.")
    colored, valued = kinds == {3}, kinds == {1}
    colors = {_color(line.numbers): ids[line.name] for line in lines} if colored else {}
    values = {line.numbers[0] if valued else row: ids[line.name] for row, line in enumerate(lines)}
    if len(values) < len(lines) or (colored and len(colors) < len(lines)):
        raise DataError(f"{path} gives one {'colour' if colored else 'value'} to two classes.")
    drawn = [_color(line.numbers) if colored else _hue(index) for index, line in enumerate(real)]
    classes = tuple(ClassSpec(line.name, color) for line, color in zip(real, drawn, strict=True))
    return Legend(classes=classes, values={VOID: VOID} | values, colors=colors, home=path.name)


def _lines(path: Path) -> list[_Line]:
    """The lines that say something: no blanks, no comments, no head of a table."""
    found: list[_Line] = []
    for text in path.read_text(encoding="utf-8-sig").splitlines():
        line = _LINE.fullmatch(text.strip())
        if not text.strip() or text.lstrip().startswith("#") or line is None:
            continue
        numbers = tuple(int(number) for number in re.findall(r"\d+", line["numbers"]))
        name = line["name"].strip(" \t,;\"'")
        if not (name.lower().startswith("name") and not numbers and not found):
            found.append(_Line(name, numbers))
    return found


def _is_void(name: str) -> bool:
    return name.lower() in UNLABELLED


def _color(entry: Sequence[int]) -> Color:
    red, green, blue = (int(level) for level in entry)
    if not all(0 <= level <= 255 for level in (red, green, blue)):
        raise DataError(f"The colour {red} {green} {blue} is none: levels go from 0 to 255.")
    return red, green, blue


def _hue(index: int) -> Color:
    """Colours far apart, for classes without their own."""
    red, green, blue = colorsys.hsv_to_rgb(index * 0.618034 % 1, 0.65, 0.9)
    return int(255 * red), int(255 * green), int(255 * blue)
