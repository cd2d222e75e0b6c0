"""Where a key of a TOML file stands: tomllib gives values only."""

import re
from collections.abc import Iterator, Sequence

_HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*(?P<key>(?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_PART = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")

Path = tuple[str | int, ...]


def line_of(source: str, path: Sequence[str | int]) -> int:
    """The line (from 1) of a key or table, else of the nearest table around it that has one.

    `path`: the names, and for an array of tables the number, from 0, as ("budget", "clock", "window", 1).
    """
    known: dict[Path, int] = {}
    for number, each in _places(source):
        known.setdefault(each, number)
    for length in range(len(path), 0, -1):
        found = known.get(tuple(path[:length]))
        if found is not None:
            return found
    return 1


def _places(source: str) -> Iterator[tuple[int, Path]]:
    """Every table and key, as (line, path); a table that is only implied stands where it is first implied."""
    table: Path = ()
    counts: dict[Path, int] = {}
    for number, line in enumerate(source.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _numbered(_parts(header[2]), counts, new=header[1] == "[[")
            yield from ((number, table[:length]) for length in range(1, len(table) + 1))
        elif key := _KEY.match(line):
            yield number, (*table, *_parts(key["key"]))


def _numbered(names: Path, counts: dict[Path, int], *, new: bool) -> Path:
    """A header's names with the number of each array's newest table among them."""
    path: Path = ()
    for index, name in enumerate(names):
        path = (*path, name)
        if new and index == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _parts(words: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(words))
