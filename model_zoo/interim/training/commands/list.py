"""`interim-zoo list`: the networks and the shipped models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.checkpoint import read, shipped
from interim.model_zoo.equilibrium import WIDTHS
from interim.model_zoo.registry import names
from interim.training.output import add_json, table, write_json

if TYPE_CHECKING:
    import argparse

    from interim.model_zoo.card import Card


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what there is."""
    cards = [read(name).card for name in shipped()]
    if arguments.json:
        models = [
            {"name": card.name, "network": card.network, "classes": len(card.classes)} for card in cards
        ]
        write_json(arguments.json, {"models": models, "networks": [*names(), *WIDTHS]})
    if arguments.json != "-":
        print("Shipped models (trained):")
        print(table(["name", "network", "classes", "mIoU % by exit"], [_row(card) for card in cards]))
        print("\nNetworks (random weights; for profile and train):")
        print("\n".join(names()))
        print(f"\nEquilibrium networks (for profile, serving and `experiment mdeq`): {', '.join(WIDTHS)}")
    return 0


def _row(card: Card) -> list[str]:
    measured = card.adaptive or card.dense
    scores = " ".join(f"{100 * value:.1f}" for value in measured.miou) if measured else "not measured"
    return [card.name, card.network, str(len(card.classes)), scores]
