"""`interim-zoo sequence MODEL MODEL…`: trained networks of growing size, one after the other, as one model (EANN)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from interim.model_zoo.checkpoint import read, write
from interim.model_zoo.sequence import Place, write_order
from interim.training.deployment.sequence import (
    Member,
    answers,
    base_of,
    bound,
    ideal_inflation,
    served,
    useful,
)
from interim.training.output import add_json, table, write_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from interim.model_zoo.card import Measured
    from interim.model_zoo.checkpoint import Checkpoint
    from interim.training.deployment.sequence import Answer


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="checkpoints, smallest first, each with a card (interim-zoo card)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="write the sequence there: interim-server --model serves it",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Choose the useful exits by the cards' scores, print them and what the order costs, and write the sequence."""
    found = [read(each) for each in arguments.models]
    members = _members(found, arguments.models)
    kept = served(members, useful(answers(members)))
    _write(found, kept, arguments.out)
    if arguments.json:
        write_json(arguments.json, _plain(members, kept))
    if arguments.json != "-":
        print(_page(found, members, kept))
    return 0


def _members(found: Sequence[Checkpoint], names: Sequence[str]) -> list[Member]:
    """Costs and errors of every exit as the cards tell them.

    Raises:
        ValueError: there are fewer than two, a card tells nothing, cards tell of different images, or a
            network is no larger than the one before.
    """
    if len(found) < 2:
        raise ValueError("One network is no sequence: name at least two.")
    measured = []
    for each, name in zip(found, names, strict=True):
        scores = each.card.adaptive or each.card.dense
        if scores is None or not scores.gmacs:
            way = f"run `interim-zoo card {name} --data DIR --out {name}` first"
            raise ValueError(f"The card of {name} has no scores: {way}.")
        measured.append(scores)
    splits = {(each.split, each.images, each.metric) for each in measured}
    if len(splits) > 1:
        raise ValueError(
            f"The cards tell of different images ({splits}): measure all models on one split first."
        )
    members = [_member(each) for each in measured]
    if base_of(members) <= 1:
        raise ValueError("The networks do not grow: name them by cost, the smallest first.")
    return members


def _member(scores: Measured) -> Member:
    return Member(costs=scores.gmacs, errors=tuple(1 - value for value in scores.miou))


def _write(found: Sequence[Checkpoint], kept: Sequence[Answer], folder: Path) -> None:
    """Copies of the checkpoints that have useful exits, and their order."""
    used = sorted({answer.member for answer in kept})
    names = [f"{index + 1}" for index, _ in enumerate(used)]
    for name, member in zip(names, used, strict=True):
        write(folder / name, found[member].weights, found[member].card)
    write_order(folder, names, [Place(used.index(answer.member), answer.exit_ + 1) for answer in kept])


def _plain(members: Sequence[Member], kept: Sequence[Answer]) -> dict[str, object]:
    base = base_of(members)
    limit, real = bound(base), ideal_inflation(members)
    return {
        "useful": [
            {"member": each.member + 1, "exit": each.exit_ + 1, "gmacs": each.cost, "miou": 1 - each.error}
            for each in kept
        ],
        "base": base,
        "inflation": {"most": real.most, "mean": real.mean},
        "bound": {"most": limit.most, "mean": limit.mean},
    }


def _page(found: Sequence[Checkpoint], members: Sequence[Member], kept: Sequence[Answer]) -> str:
    rows = [
        [
            found[each.member].card.name,
            str(each.exit_ + 1),
            f"{each.cost:.2f}",
            f"{100 * (1 - each.error):.2f}",
        ]
        for each in kept
    ]
    left_out = sum(len(each.costs) for each in members) - len(kept)
    base = base_of(members)
    limit, real = bound(base), ideal_inflation(members)
    end = (
        f"{left_out} exits are no better than one before them and are left out. Each network is at least {base:.2f} times as large as the one before. An answer costs up to "
        f"{real.most:.2f} times ({real.mean:.2f} on average) what a network that is best in its later part "
        f"would take for it; the bound is {limit.most:.2f} ({limit.mean:.2f}) with exits everywhere."
    )
    return f"{table(['network', 'exit', 'GMAC to here', 'mIoU %'], rows)}\n\n{end}"
