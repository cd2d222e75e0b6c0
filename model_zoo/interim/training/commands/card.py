"""`interim-zoo card CHECKPOINT`: measure a checkpoint, masking on and off, and write its card."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from interim.model_zoo.checkpoint import load, read, write
from interim.training.card_page import card_page
from interim.training.measuring import measure

if TYPE_CHECKING:
    import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a shipped model, or a checkpoint's folder")
    parser.add_argument(
        "--data", metavar="DIR", type=Path, required=True, help="the data folder to measure on"
    )
    parser.add_argument("--split", metavar="NAME", default="val", help="which list of images (default: val)")
    parser.add_argument("--note", metavar="TEXT", help="a sentence for the card")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="the folder to write weights and cards to"
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, then write the checkpoint with its card, as JSON and as a page."""
    checkpoint = read(arguments.model)
    dense = measure(load(arguments.model, masking=False), arguments.data, arguments.split)
    model = load(arguments.model)
    adaptive = measure(model, arguments.data, arguments.split).measured if model.masking else None
    note = checkpoint.card.note if arguments.note is None else arguments.note
    card = dataclasses.replace(checkpoint.card, dense=dense.measured, adaptive=adaptive, note=note)
    write(arguments.out, checkpoint.weights, card)
    (arguments.out / "card.md").write_text(card_page(card), encoding="utf-8")
    print(card_page(card), end="")
    return 0
