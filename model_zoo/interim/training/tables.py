"""The tables of docs/accuracy.md, made of the cards of measured checkpoints and of nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.card import MIOU
from interim.training.plot import Plot, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.model_zoo.card import Card, Measured

MISSING = "-"


def accuracy_table(cards: Sequence[Card]) -> str:
    """The score of each exit, adaptivity on and off, with what it saves; grouped by what was measured."""
    parts = []
    groups = dict.fromkeys((each.metric, each.split, each.images) for card in cards for each in _all(card))
    for group in sorted(groups, key=lambda group: group[0] != MIOU):
        rows = [row for card in cards for row in _accuracy_rows(card, group)]
        exits = max(len(each.miou) for card in cards for each in _all(card))
        head = ["model", "adaptivity", *(f"exit {index}" for index in range(1, exits + 1))]
        head += ["GMAC to the last", "of the work of stages 3 and 4"]
        filled = [[*row[:2], *_padded(row[2:-2], exits), *row[-2:]] for row in rows]
        parts.append(f"{group[0]} % on {group[2]} images of `{group[1]}`\n\n{markdown(head, filled)}")
    return "\n\n".join(parts) or "Nothing was measured yet."


def _accuracy_rows(card: Card, group: tuple[str, str, int]) -> list[list[str]]:
    rows = []
    for name, measured in (("off", card.dense), ("on", card.adaptive)):
        if measured is None or (measured.metric, measured.split, measured.images) != group:
            continue
        side = "above" if measured.metric == MIOU else "below"
        switch = f"on, {side} {card.threshold:g} ({card.fill})" if name == "on" else name
        work = MISSING
        if name == "on" and card.dense is not None and len(measured.gmacs) == len(card.dense.gmacs) == 4:
            work = f"{100 * _late(measured) / _late(card.dense):.0f} %"
        last = f"{measured.gmacs[-1]:.2f}" if measured.gmacs else MISSING
        rows.append([card.name, switch, *(f"{100 * value:.2f}" for value in measured.miou), last, work])
    return rows


def calibration_table(cards: Sequence[Card]) -> str:
    """Expected calibration error by exit as served, and the temperatures."""
    rows = []
    for card in cards:
        measured = card.adaptive or card.dense
        if measured is None or not measured.ece:
            continue
        errors = " / ".join(f"{100 * value:.2f}" for value in measured.ece)
        heat = " / ".join(f"{value:.3f}" for value in card.temperatures) or "none"
        rows.append(
            [card.name, f"{measured.images} of `{measured.split}`", f"{card.threshold:g}", errors, heat]
        )
    head = ["model", "images", "threshold", "calibration error % by exit", "temperatures"]
    return markdown(head, rows)


def runs_table(cards: Sequence[Card]) -> str:
    """What every model was made from: recipe, seed, data, hardware, wall time, commit."""
    head = ["model", "network", "recipe", "seed", "epochs", "data", "hardware", "minutes", "commit"]
    rows = [
        [
            card.name, f"`{card.network}`", card.recipe or MISSING, str(card.seed), str(card.epochs),
            card.data, card.hardware, f"{card.wall_s / 60:.0f}", card.commit or MISSING,
        ]
        for card in cards
    ]  # fmt: skip
    return markdown(head, rows)


TABLES: dict[str, Callable[[Sequence[Card]], str]] = {
    "accuracy": accuracy_table,
    "calibration": calibration_table,
    "runs": runs_table,
}
"""Every table by the name that a page calls it."""


def curves(cards: Sequence[Card]) -> Plot:
    """The mIoU against counted work, one line per model, as it is served."""
    series = []
    for card in cards:
        measured = card.adaptive or card.dense
        if measured is not None and measured.gmacs and measured.metric == MIOU:
            points = list(zip(measured.gmacs, (100 * value for value in measured.miou), strict=True))
            name = f"{card.name} ({measured.split})"
            series.append(Series(name=name, points=points))
    return Plot(
        title="Exit by exit: quality against counted work",
        x="GMAC to the exit",
        y="mIoU, %",
        series=series,
        decades=True,  # a W48 takes ten times what a W18 does
    )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _all(card: Card) -> list[Measured]:
    return [each for each in (card.dense, card.adaptive) if each is not None]


def _late(measured: Measured) -> float:
    """The counted work of stages 3 and 4."""
    return measured.gmacs[3] - measured.gmacs[1]


def _padded(cells: Sequence[str], count: int) -> list[str]:
    return [*cells, *[MISSING] * (count - len(cells))]
