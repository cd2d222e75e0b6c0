"""MESS's training beside the paper's: how backbones are prepared for exits, and what exits learn from."""

from __future__ import annotations

from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

from interim.training.experiments.mess_field import PLAIN
from interim.training.experiments.mess_search import CEILINGS
from interim.training.record_file import facts_of, parts_of
from interim.training.tables import MISSING, markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LENGTH, SEEDS = "2000+800", (0, 1)
"""Steps of the backbone and of exits on a frozen one; what the tables tell of."""
PREPARED = {
    "end to end": ("e2e", None, (29.02, 40.67, 48.64, 51.69, 55.34, 58.33)),
    "exit-aware": ("exit-aware", None, (28.21, 39.61, 47.13, 50.81, 56.11, 59.90)),
    "frozen, vanilla backbone": ("frozen", "ce", (23.94, 31.50, 38.24, 44.73, 54.32, 59.02)),
    "frozen, exit-aware backbone": ("lessons", "ce", (32.40, 43.34, 50.81, 53.73, 57.9, 59.90)),
}
"""Kouris et al. 2022, table 5: DRN-50 on COCO, mIoU in % of six exits."""
TAUGHT = {
    "CE": ("ce", (49.96, 55.40, 58.96)),
    "KD": ("kd", (50.33, 55.67, 59.08)),
    "CE + KD": ("ce+kd", (50.66, 55.91, 58.84)),
    "PFD": ("pfd", (51.02, 56.21, 59.36)),
}
"""Table 6: DRN-50 with three exits."""
SEARCHED = {"": "mess-search.json", "-plain": "mess-plain-search.json"}
"""What was searched: all 20 forms of exits at five places, and five exits of one form. By a part of its tables' names."""
DEPLOYMENTS = {
    "final-only": ("no early exit", "138.63"),
    "budgeted": ("budgeted, 83 % of the last's mIoU", "28.34 (4.89x)"),
    "anytime": ("anytime, the same", "139.33 (0.995x)"),
    "input-dependent": ("input-dependent, the same", "23.02 (6.02x)"),
    "no drop": ("input-dependent, 0.1 points less", "41.17 (3.36x)"),
    "no drop, two early": ("the same with two early exits", "-"),
    "best": ("the best for no more than the whole", "113.65, +5.33 points"),
}
"""By the name of its part: what was asked, and tables 2 and 7's 10^9 operations, a mean over all images."""
JUDGED = {
    "edges": "share of sure cells, edges enhanced",
    "plain": "share of sure cells",
    "mean": "mean confidence",
}


def preparations_table(records: Path) -> str:
    """Each exit's mIoU by how the network was trained, ours before the paper's."""
    head = ["trained", *(f"exit {index}" for index in range(1, 7)), "the paper's"]
    rows = [
        [name, *_means(records, part, lesson), _printed(paper)]
        for name, (part, lesson, paper) in PREPARED.items()
    ]
    return f"{markdown(head, rows)}\n\n{_circumstances(records / 'mess.json')}"


def lessons_table(records: Path) -> str:
    """Each early exit's mIoU by what it was taught with, on the frozen exit-aware backbone."""
    head = ["taught with", *(f"exit {index}" for index in range(1, 6)), "the paper's three"]
    rows = [
        [name, *_means(records, "lessons", lesson)[:5], _printed(paper)]
        for name, (lesson, paper) in TAUGHT.items()
    ]
    return markdown(head, rows)


def deployments_table(records: Path, searched: str) -> str:
    """What searches chose on one half of the images, and what it is worth on the other."""
    parts = parts_of(records / searched)
    head = [
        "asked for",
        "exits",
        "10^9",
        "less by",
        "mIoU % here",
        "on the other half",
        "the paper's (DRN-50)",
    ]
    return markdown(head, [_deployment(parts, name, *words) for name, words in DEPLOYMENTS.items()])


def judges_table(records: Path, searched: str) -> str:
    """The best mIoU on the other half at four ceilings of cost, by how an image is judged."""
    parts = parts_of(records / searched).get("judges", {})
    head = ["judged by", *(f"within {100 * share:.0f} %" for share in CEILINGS)]
    rows = [
        [name, *(f"{100 * found[0]:.1f}" if found else MISSING for found in parts.get(judge, [None] * 4))]
        for judge, name in JUDGED.items()
    ]
    return markdown(head, rows)


def _deployment(parts: dict[str, Any], name: str, asked: str, paper: str) -> list[str]:
    if name not in parts:
        return [asked, *[MISSING] * 5, paper]
    part, whole = parts[name], parts["final-only"]["giga"]
    exits = [each.removesuffix(f" {PLAIN}") for each in part.get("exits", ())]
    shares = [f" ({100 * share:.0f} % leave)" for share in part.get("shares", ())] or [""] * len(exits)
    told = ", ".join(f"{exit_}{share}" for exit_, share in zip(exits, shares, strict=False))
    scores = [f"{100 * part[half]:.1f}" for half in ("miou", "miou_there")]
    return [asked, told or "the last", f"{part['giga']:.3f}", f"{whole / part['giga']:.2f}x", *scores, paper]


def _means(records: Path, part: str, lesson: str | None) -> list[str]:
    """The mean of all seeds, in %."""
    parts = parts_of(records / "mess.json")
    found: list[Any] = [parts.get(f"{LENGTH} {seed} {part}") for seed in SEEDS]
    if None in found:
        return [MISSING] * 6
    rows = [each["miou"][lesson] if lesson else each["miou"] for each in found]
    return [f"{100 * fmean(column):.1f}" for column in zip(*rows, strict=True)]


def _circumstances(path: Path) -> str:
    minutes = sum(part["seconds"] for part in parts_of(path).values()) / 60
    facts = facts_of(path)
    return (
        f"Seeds {', '.join(map(str, SEEDS))}; {facts.get('hardware', MISSING)}, {minutes:.0f} minutes for all of both "
        f"tables; commit {facts.get('commit', MISSING)}."
    )


def _printed(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.2f}" for value in values)


TABLES: dict[str, Callable[[Path], str]] = {
    "mess-preparations": preparations_table,
    "mess-lessons": lessons_table,
    **{
        f"mess{name}-deployments": partial(deployments_table, searched=file)
        for name, file in SEARCHED.items()
    },
    **{f"mess{name}-judges": partial(judges_table, searched=file) for name, file in SEARCHED.items()},
}
