"""`interim-zoo search FOLDER`: which trained exits to deploy, after MESS: the best there is under a requirement."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interim.training.deployment.field import FILE, load_field
from interim.training.deployment.making import deploy
from interim.training.deployment.search import Chosen, Setting, best_under, cheapest
from interim.training.output import add_json, table, write_json

if TYPE_CHECKING:
    from interim.training.deployment.field import Field

MIOU, GIGA = "miou", "giga"


@dataclass(frozen=True, slots=True)
class Requirement:
    """An mIoU (0 to 1) to reach at the least cost, or 10^9 operations in which to have the best mIoU."""

    kind: str
    value: float


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        help="all the exits that were trained: `interim-zoo experiment mess-search` makes one",
    )
    parser.add_argument("--setting", choices=[each.value for each in Setting], required=True)
    parser.add_argument(
        "--require",
        type=parse_requirement,
        required=True,
        metavar="miou=X|giga=X",
        help="the least cost at an mIoU of X (0 to 1), or the best mIoU within X times 10^9 operations",
    )
    parser.add_argument(
        "--early", type=int, default=1, metavar="N", help="exits before the last (default: 1)"
    )
    parser.add_argument(
        "--out", type=Path, help="write the deployment there: interim-server --model serves it"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the deployment and write it; 1 where none meets the requirement."""
    field = load_field(arguments.folder / FILE)
    chosen = _search(field, Setting(arguments.setting), arguments.require, arguments.early)
    if arguments.json:
        write_json(arguments.json, _plain(chosen, field))
    if arguments.json != "-":
        print(_page(chosen, field))
    if arguments.out:
        deploy(chosen, field, arguments.folder, arguments.out)
    return 0


def parse_requirement(text: str) -> Requirement:
    """What `--require` says.

    Raises:
        argparse.ArgumentTypeError: it is no such text.
    """
    kind, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    if kind not in {MIOU, GIGA} or not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no requirement: write miou=0.5, say, or giga=1.5")
    return Requirement(kind, value)


def _search(field: Field, setting: Setting, require: Requirement, early: int) -> Chosen:
    if require.kind == MIOU:
        chosen = cheapest(field, setting, least=require.value, early=early)
        best = max(each.miou for each in (*field.exits, field.last))
        refusal = f"an mIoU of {require.value:g}: the best exit has {best:.3f}. Ask for less."
    else:
        chosen = best_under(field, setting, most=require.value, early=early)
        refusal = f"{require.value:g} x 10^9 operations: ask for more, or for fewer early exits."
    if chosen is None:
        raise ValueError(f"No deployment meets {refusal}")
    return chosen


def _plain(chosen: Chosen, field: Field) -> dict[str, Any]:
    rules = [{"measure": rule.measure, "least": rule.least} for rule in chosen.rules]
    exits = [
        {"name": each.name, "place": each.point + 1, "giga": each.giga, "miou": each.miou}
        for each in chosen.exits
    ]
    return {
        "setting": chosen.setting.value,
        "exits": exits,
        "rules": rules,
        "giga": chosen.giga,
        "miou": chosen.miou,
        "shares": list(chosen.shares),
        "whole_giga": field.whole,
        "whole_miou": field.last.miou,
    }


def _page(chosen: Chosen, field: Field) -> str:
    rows = []
    for index, each in enumerate(chosen.exits):
        rule = f"{chosen.rules[index].measure} >= {chosen.rules[index].least:.4g}" if chosen.rules else "-"
        left = f"{100 * chosen.shares[index]:.0f} %" if chosen.shares else "-"
        to = field.ways[each.point] + each.giga
        rows.append([each.name, f"{to:.4g}", f"{each.giga:.3g}", f"{100 * each.miou:.2f}", rule, left])
    head = ["exit", "10^9 to it", "its head", "mIoU %", "leaves when", "images that leave"]
    end = (
        f"{chosen.setting.value}: {chosen.giga:.4g} x 10^9 operations, mIoU {100 * chosen.miou:.2f} % "
        f"(without early exits: {field.whole:.4g}, {100 * field.last.miou:.2f} %)"
    )
    return f"{table(head, rows)}\n\n{end}"
