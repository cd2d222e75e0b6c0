"""What commands print: JSON for programs, tables for people."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interim.training.arguments import output_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare `--json FILE|-`."""
    parser.add_argument(
        "--json",
        type=output_file,
        metavar="FILE|-",
        help="write the result as JSON to FILE (-: to the standard output)",
    )


def write_json(target: str, value: Any) -> None:
    """Write one line of JSON to a file, or to the standard output for `-`; nan becomes null."""
    text = json.dumps(plain(value), ensure_ascii=False) + "\n"
    if target == "-":
        print(text, end="")
    else:
        Path(target).write_text(text, encoding="utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in aligned columns, the first to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def many(count: int, what: str) -> str:
    """`1 image`, `2 images`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def plain(value: Any) -> Any:
    """A value for JSON: tuples become lists, numbers have six digits, nan becomes null."""
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value
