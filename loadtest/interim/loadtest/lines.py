"""The lines of a file of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.loadtest.entries import ScenarioError, reason

if TYPE_CHECKING:
    from pathlib import Path


def lines_of(path: Path) -> tuple[tuple[int, str], ...]:
    """The lines that hold anything, with their numbers (from 1).

    Raises:
        ScenarioError: The file cannot be read, or holds no request.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"The requests in {path} cannot be read ({reason(error)}).") from error
    numbered = tuple((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    if not numbered:
        raise ScenarioError(f"{path} holds no request: one JSON object a line is wanted.")
    return numbered
