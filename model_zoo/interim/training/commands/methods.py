"""`interim-zoo methods`: make the tables and curves of docs/methods.md anew, from counts and records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from interim.training.commands.experiment import RECORDS
from interim.training.data.errors import DataError
from interim.training.mask_tables import mask_plot
from interim.training.method_tables import TABLES
from interim.training.page import filled

if TYPE_CHECKING:
    import argparse

PAGE, CURVES = Path("docs/methods.md"), Path("docs/images/mask-rules.svg")


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
        "--curves",
        metavar="FILE",
        type=Path,
        default=CURVES,
        help=f"masking rules, once measured (default: {CURVES})",
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
    new = {arguments.page: page}
    plot = mask_plot(arguments.records)
    if plot is not None:
        new[arguments.curves] = plot.svg()
    stale = [path for path, text in new.items() if not path.is_file() or path.read_text("utf-8") != text]
    if arguments.check and stale:
        print(f"interim-zoo: {stale[0]} is stale: run interim-zoo methods.", file=sys.stderr)
        return 1
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(new[path], encoding="utf-8")
    print(f"{arguments.page} is what the records say.")
    return 0
