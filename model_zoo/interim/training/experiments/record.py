"""What an experiment found: one JSON file, written after every part, so that it can go on where it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from interim.model_zoo.whole_file import replaced
from interim.training.output import plain

if TYPE_CHECKING:
    from pathlib import Path


class Results(MutableMapping[str, Any]):
    """Parts of an experiment by name, kept in a file.

    `facts` are what the whole experiment ran with: seed, hardware, commit.

    Raises:
        ValueError: the file is there and cannot be read.
    """

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self._path = path
        self._parts: dict[str, Any] = {}
        if path.is_file():
            self._parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
        self._facts = facts

    def __getitem__(self, name: str) -> Any:
        return self._parts[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._parts[name] = plain(value)
        self._write()

    def __delitem__(self, name: str) -> None:
        del self._parts[name]
        self._write()

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"facts": self._facts, "parts": self._parts}, indent=1) + "\n"
        with replaced(self._path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
