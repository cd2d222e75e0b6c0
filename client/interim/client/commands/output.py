"""What the commands print: tables as text, findings as JSON."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any, Final, TextIO

from interim.client.commands.places import write_text
from interim.client.refinement import Refinement

HEADER: Final = f"  {'exit':<8}{'elapsed ms':>11}{'left ms':>10}{'refining':>10}  {'late':<6}reason"
"""Over the rows that `row` gives."""


def row(refinement: Refinement) -> str:
    """One refinement as a line under HEADER."""
    exit_ = f"{refinement.exit} of {refinement.exits}" if refinement.exit else "none"
    return (
        f"  {exit_:<8}{refinement.elapsed_ms:>11.1f}{refinement.remaining_ms:>10.1f}"
        f"{refinement.active_share:>10.1%}  {'late' if refinement.late else '':<6}{refinement.reason or ''}"
    ).rstrip()


def fields_of(refinement: Refinement) -> dict[str, Any]:
    """One refinement for JSON: everything but its maps; joints where it has any."""
    left_out = {"mask", "confidence", "active", "joints"}
    fields = {
        each: getattr(refinement, each) for each in refinement.__dataclass_fields__ if each not in left_out
    }
    if refinement.joints:
        fields["joints"] = [dataclasses.asdict(each) for each in refinement.joints]
    return fields


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; those whose cells are all numbers stand to the right."""
    columns = [*zip(header, *rows, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    numbers = [all(_is_number(cell) for cell in column[1:]) for column in columns]
    lines = []
    for line in (header, *rows):
        cells = (
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numbers, strict=True)
        )
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)


def number(value: float | None, digits: int = 1) -> str:
    """A number for a table; "-" where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def text_stream(args: argparse.Namespace) -> TextIO:
    """Where text goes: beside JSON on standard output it would break it."""
    return sys.stderr if args.json == "-" else sys.stdout


def write_json(args: argparse.Namespace, value: Any) -> None:
    """Writes what was found, where `--json` asked for it."""
    text = json.dumps(value, indent=2) + "\n"
    if args.json == "-":
        print(text, end="")  # nowhere, where standard output was closed
    elif args.json:
        write_text(args.json, text)


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.replace(".", "", 1).removeprefix("-").isdecimal()
