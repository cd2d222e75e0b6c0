"""What experiments left behind, for tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def parts_of(path: Path) -> dict[str, Any]:
    """The finished parts of an experiment; none where it has no record."""
    return _entry(path, "parts")


def facts_of(path: Path) -> dict[str, Any]:
    """What the whole experiment ran with; nothing where it has no record."""
    return _entry(path, "facts")


def _entry(path: Path, name: str) -> dict[str, Any]:
    if not path.is_file():
        return {}
    entry: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))[name]
    return entry
