"""The entries of a TOML file, read one by one: whatever is wrong is reported with its line and its rule."""

from __future__ import annotations

import difflib
import re
import sys
import tomllib
from typing import Any

_HEADER = re.compile(r"^\s*\[+\s*([\w.\-]+)\s*\]+")
_KEY = re.compile(r"^\s*\"?([\w.\-]+)\"?\s*=")
_UNITS = {
    "s": "in seconds",
    "ms": "in milliseconds",
    "hz": "per second",
    "px": "in pixels",
    "runs": "in full runs of the model",
}


_MOST = sys.float_info.max  # whole numbers of a file may be larger


class ScenarioError(ValueError):
    """A scenario cannot be used; the message names the file, the line and the rule."""


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a file could not be read, for a sentence that names it."""
    return "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)


class Entries:
    """One table of a TOML file. Each reader takes its entry; `done()` refuses what nobody took."""

    def __init__(self, file: str, path: str, values: dict[str, Any], lines: dict[str, int]) -> None:
        self._file = file
        self._path = path
        self._values = values
        self._lines = lines
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def number(self, key: str, default: float | None = None, *, above: float = 0.0) -> float:
        """A finite number greater than `above`; required where there is no default."""
        value = self._take(key, default)
        rule = f"must be a finite number above {above:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, f"{rule}, not {_shown(value)}")
        if not above < value <= _MOST:
            raise self.error(key, f"{rule}, not {value if isinstance(value, int) else f'{value:g}'}")
        return float(value)

    def numbers(self, key: str, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        """A list of finite numbers above 0, at least one."""
        value = self._take(key, default)
        rule = "must be a list of finite numbers above 0"
        if value == ():
            return ()
        if not isinstance(value, list | tuple) or not value:
            raise self.error(key, f"{rule}, not {_shown(value)}")
        for item in value:
            if isinstance(item, bool) or not isinstance(item, int | float) or not 0 < item <= _MOST:
                raise self.error(key, f"{rule}: {_shown(item)} is none")
        return tuple(float(item) for item in value)

    def whole(self, key: str, default: int | None = None, *, least: int = 0) -> int:
        """A whole number of at least `least`."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(key, f"must be a whole number of at least {least}, not {_shown(value)}")
        return value

    def text(self, key: str, default: str | None = None, *, of: tuple[str, ...] = ()) -> str:
        """A string; one of `of`, where that is given."""
        value = self._take(key, default)
        if not isinstance(value, str):
            raise self.error(key, f"must be a string, not {_shown(value)}")
        if of and value not in of:
            raise self.error(key, f"must be one of {', '.join(map(repr, of))}, not {value!r}")
        return value

    def share(self, key: str, default: float | None = None) -> float:
        """A number from 0 to 1."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
            raise self.error(key, f"must be a share from 0 to 1, not {_shown(value)}")
        return float(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; none where there is no entry."""
        value = self._take(key, ())
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self.error(key, f"must be a list of strings, not {_shown(value)}")
        return tuple(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Either true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"must be true or false, not {_shown(value)}")
        return value

    def table(self, key: str) -> Entries:
        """The table `[key]`; an empty one where there is none."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise self.error(key, f"must be a table [{key}], not {_shown(value)}")
        return Entries(self._file, f"{self._path}{key}.", value, self._lines)

    def tables(self, key: str) -> tuple[Entries, ...]:
        """The tables `[[key]]`, in order; none where there is none."""
        value = self._take(key, ())
        if not isinstance(value, list | tuple) or not all(isinstance(item, dict) for item in value):
            raise self.error(key, f"must be tables [[{key}]], not {_shown(value)}")
        return tuple(
            Entries(self._file, f"{self._path}{key}.{index}.", item, self._lines)
            for index, item in enumerate(value)
        )

    def done(self) -> None:
        """Nothing more will be read.

        Raises:
            ScenarioError: an entry is left that no reader asked for.
        """
        for key in self._values:
            if key not in self._asked:
                raise self.error(key, self._why_unknown(key))

    def error(self, key: str, rule: str) -> ScenarioError:
        """What to raise about one entry: the file, its line, and the rule it broke."""
        path = f"{self._path}{key}"
        line = self._lines.get(path) or self._lines.get(self._path.rstrip(".")) or 1
        return ScenarioError(f"{self._file}, line {line}: {path} {rule}.")

    def _take(self, key: str, default: object) -> Any:
        self._asked.append(key)
        if key in self._values:
            return self._values[key]
        self._check_misspelt(key, required=default is None)
        if default is None:
            wrong = next((other for other in self._values if _stem(other) == _stem(key)), key)
            raise self.error(
                wrong, f"{'is missing' if wrong == key else 'has the wrong unit'}: {_written(key)}"
            )
        return default

    def _check_misspelt(self, key: str, *, required: bool) -> None:
        """Of an entry that must be there, or a table, something much like it was perhaps meant to be it.

        Raises:
            ScenarioError: There is such an entry.
        """
        others = [other for other in self._values if required or isinstance(self._values[other], dict)]
        unknown = [other for other in others if other not in self._asked and _stem(other) != _stem(key)]
        for near in difflib.get_close_matches(key, unknown, n=1, cutoff=0.8):
            raise self.error(near, f"is no entry of this table; {key} may be meant")

    def _why_unknown(self, key: str) -> str:
        for known in self._asked:
            if _stem(known) == _stem(key):
                return f"has the wrong unit: {_written(known)}"
        return f"is no entry of this table; there are {', '.join(sorted(set(self._asked)))}"


def parse_entries(text: str, file: str) -> Entries:
    """The top table of a TOML text; `file` is its name in messages.

    Raises:
        ScenarioError: the text is no TOML.
    """
    try:
        values = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and Python's own of a number with thousands of digits
        raise ScenarioError(f"{file} is no TOML file: {error}.") from error
    return Entries(file, "", values, _lines_of(text))


def _lines_of(text: str) -> dict[str, int]:
    """The line of every key and table header, from 1 (tomllib keeps none)."""
    lines: dict[str, int] = {}
    lists: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            name = _indexed(header[1], lists, begins=line.lstrip().startswith("[["))
            table = f"{name}."
            lines.setdefault(header[1], number)
            lines.setdefault(name, number)
        elif key := _KEY.match(line):
            lines.setdefault(f"{table}{key[1]}", number)
    return lines


def _indexed(name: str, lists: dict[str, int], *, begins: bool) -> str:
    """A header's path with the place of its `[[list]]` item: `classes.budget` becomes `classes.0.budget`."""
    if begins:
        lists[name] = lists.get(name, -1) + 1
    first, _, rest = name.partition(".")
    if first not in lists:
        return name
    return f"{first}.{lists[first]}" + (f".{rest}" if rest else "")


def _stem(key: str) -> str:
    """A key without its unit."""
    stem, _, unit = key.rpartition("_")
    return stem if unit in _UNITS else key


def _written(key: str) -> str:
    unit = _UNITS.get(key.rpartition("_")[2])
    return f"write {key} = ..." + (f" ({unit})" if unit else "")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return repr(value).lower()
    return f"the string {value!r}" if isinstance(value, str) else repr(value)
