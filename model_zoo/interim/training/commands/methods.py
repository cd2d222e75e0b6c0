"""`interim-zoo methods`: make the tables of docs/methods.md anew, from counts and the records of experiments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from interim.training.commands.experiment import RECORDS
from interim.training.data.errors import DataError
from interim.training.method_tables import TABLES
from interim.training.page import filled

if TYPE_CHECKING:
    import argparse

PAGE = Path("docs/methods.md")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--page", metavar="FILE", type=Path, default=PAGE, help=f"the page (default: {PAGE})")
    parser.add_argument(
        "--records",
        metavar="DIR",
        type=Path,
        default=RECORDS,
        help=f"what experiments found (default: {RECORDS})",
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail where the page is not what the records say"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the page, or compare it."""
    if not arguments.records.is_dir():
        raise DataError(
            f"There is no folder {arguments.records} of records: name one of `interim-zoo experiment`."
        )
    before = arguments.page.read_text(encoding="utf-8")
    page = filled(before, {name: make(arguments.records) for name, make in TABLES.items()})
    if arguments.check and page != before:
        print(f"interim-zoo: {arguments.page} is stale: run interim-zoo methods.", file=sys.stderr)
        return 1
    arguments.page.write_text(page, encoding="utf-8")
    print(f"{arguments.page} is what the records say.")
    return 0
