"""`interim-zoo table`: make the tables of docs/accuracy.md anew from the records of measured models."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import read, shipped
from interim.training.data.errors import DataError
from interim.training.page import filled
from interim.training.tables import TABLES, curves

if TYPE_CHECKING:
    import argparse

PAGE, RECORDS, CURVES = Path("docs/accuracy.md"), Path("docs/records"), Path("docs/images/anytime.svg")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--page", metavar="FILE", type=Path, default=PAGE, help=f"the page (default: {PAGE})")
    parser.add_argument(
        "--records", metavar="DIR", type=Path, default=RECORDS, help=f"a card per model (default: {RECORDS})"
    )
    parser.add_argument(
        "--curves", metavar="FILE", type=Path, default=CURVES, help=f"the plot (default: {CURVES})"
    )
    parser.add_argument(
        "--add", action="append", default=[], metavar="[NAME=]FOLDER",
        help="first keep a checkpoint's card among the records, maybe under another name",
    )  # fmt: skip
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail where the page is not what the records say"
    )


def run(arguments: argparse.Namespace) -> int:
    """Keep new records, then write the page and the plot, or compare them."""
    for each in arguments.add:
        _keep(arguments.records, each)
    if not arguments.records.is_dir():
        raise DataError(
            f"There is no folder {arguments.records} of records: name one, or keep a card with --add."
        )
    cards = _cards(arguments.records)
    new = {
        arguments.page: filled(
            arguments.page.read_text(encoding="utf-8"), {name: make(cards) for name, make in TABLES.items()}
        ),
        arguments.curves: curves(cards).svg(),
    }
    if arguments.check:
        stale = [
            path
            for path, text in new.items()
            if not path.is_file() or path.read_text(encoding="utf-8") != text
        ]
        for path in stale:
            print(f"interim-zoo: {path} is not what the records say: run interim-zoo table.", file=sys.stderr)
        return int(bool(stale))
    for path, text in new.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"Wrote {arguments.page} and {arguments.curves} from {len(cards)} records.")
    return 0


def _keep(records: Path, word: str) -> None:
    name, _, folder = word.rpartition("=")
    card = read(folder).card
    if card.dense is None and card.adaptive is None:
        raise ValueError(f"{folder} was never measured: run interim-zoo card or calibrate on it first.")
    card = dataclasses.replace(card, name=name or card.name)
    records.mkdir(parents=True, exist_ok=True)
    (records / f"{card.name}.json").write_text(card.to_json(), encoding="utf-8")


def _cards(records: Path) -> list[Card]:
    """The shipped models' cards, then the records', by name; a record of a shipped name is not needed."""
    found = {name: read(name).card for name in shipped()}
    for path in sorted(records.glob("*.json")):
        try:
            card = Card.from_json(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        found.setdefault(card.name, card)
    return list(found.values())
