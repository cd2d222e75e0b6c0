"""A checkpoint's card as a page for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.card import PCK

if TYPE_CHECKING:
    from interim.model_zoo.card import Card, Measured


def card_page(card: Card) -> str:
    """The card in Markdown, generated from what it says and nothing else."""
    parts = [f"# {card.name}", _about(card)]
    if card.note:
        parts.append(card.note)
    for title, measured in (
        ("Confidence adaptivity on", card.adaptive),
        ("Confidence adaptivity off (the same weights, every position computed)", card.dense),
    ):
        if measured is not None:
            parts.append(_measured(title, measured))
    if card.adaptive is not None and card.dense is not None:
        parts.append(_difference(card.adaptive, card.dense))
    return "\n\n".join(parts) + "\n"


def _about(card: Card) -> str:
    classes = ", ".join(each.name for each in card.classes)
    heat = ", ".join(f"{value:.3f}" for value in card.temperatures)
    rows = {
        "Network": f"`{card.network}`, {len(card.classes)} classes: {classes}",
        "Threshold": f"{card.threshold}: a position whose confidence is {_side(card)} it is not refined further",
        "Temperatures": f"{heat}: what divides each exit's logits" if heat else "none",
        "Data": card.data,
        "Licence": card.licence,
        "Recipe": f"`{card.recipe}`, seed {card.seed}, {card.epochs} epochs",
        "Training": f"{card.wall_s / 60:.0f} minutes on {card.hardware}, commit {card.commit or 'unknown'}",
    }
    return "\n".join(f"- **{name}**: {text}" for name, text in rows.items())


def _side(card: Card) -> str:
    """On which side of the threshold confidence ends refinement: heat that is low is background."""
    measured = card.adaptive or card.dense
    return "below" if measured is not None and measured.metric == PCK else "above"


def _measured(title: str, measured: Measured) -> str:
    rows = {
        f"{measured.metric} %": [f"{100 * value:.2f}" for value in measured.miou],
        f"mean of the images' own {measured.metric} %": [f"{100 * value:.2f}" for value in measured.quality],
        "expected calibration error %": [f"{100 * value:.2f}" for value in measured.ece],
        "active share of the stage %": [f"{100 * value:.1f}" for value in measured.active_share],
        "work to the exit, GMAC": [f"{value:.3f}" for value in measured.gmacs],
    }
    lines = [
        f"## {title}",
        "",
        f"{measured.images} images of `{measured.split}`, whole, single scale, no flip; 1 GMAC = 2^30.",
        "",
        "| | " + " | ".join(f"exit {index}" for index in range(1, len(measured.miou) + 1)) + " |",
        "|---" * (len(measured.miou) + 1) + "|",
    ]
    return "\n".join(
        lines + [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items() if cells]
    )


def _difference(adaptive: Measured, dense: Measured) -> str:
    gained = [100 * (on - off) for on, off in zip(adaptive.miou, dense.miou, strict=True)]
    saved = [100 * (1 - on / off) for on, off in zip(adaptive.gmacs, dense.gmacs, strict=True)]
    return (
        "## On against off\n\n"
        f"{adaptive.metric} by exit, in points: {', '.join(f'{value:+.2f}' for value in gained)}. "
        f"Counted work saved: {', '.join(f'{value:.1f} %' for value in saved)}. "
        "Saved work is counted, not timed: native kernels skip held positions, while the torch reference "
        "computes every position and then masks."
    )
