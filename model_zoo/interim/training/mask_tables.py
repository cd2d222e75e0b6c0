"""Masking rules side by side: every setting, all rules at equal work, and the curves."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from interim.training.experiments.masks import DENSE, INTERPOLATED, SETTINGS, WEIGHTS_PART
from interim.training.plot import Plot, Series
from interim.training.record_file import facts_of, parts_of
from interim.training.tables import MISSING, markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

RECORD = "masks.json"
PLACES = 4
"""Rules are compared at so many amounts of work, from the least that all but the cascade reach to the most."""


def mask_table(records: Path) -> str:
    """Every setting: what is refined, mIoU by exit and on average, and counted work."""
    parts, facts = parts_of(records / RECORD), facts_of(records / RECORD)
    head = [
        "rule",
        "value",
        "refined by stages 2 to 4, %",
        "mIoU % by exit",
        "mean",
        "mean GMAC",
        "GMAC to the last",
    ]
    rows = [[DENSE, "", *_cells(parts[DENSE])]] if DENSE in parts else []
    for rule, values in SETTINGS.items():
        rows += [
            [rule, value, *_cells(parts[key])] for value in values if (key := f"{rule}={value}") in parts
        ]
    if not rows:
        return "Nothing was measured yet."
    images = parts[DENSE]["images"] if DENSE in parts else 0
    made = f"weights {parts.get(WEIGHTS_PART, MISSING)}; {facts['hardware']}; commit {facts['commit']}"
    return f"{markdown(head, rows)}\n\n{images} images; {made}."


def equal_work_table(records: Path) -> str:
    """Each rule's mean mIoU at the same mean work, between its settings on straight lines."""
    curves = _curves(parts_of(records / RECORD))
    spans = [(x[0], x[-1]) for rule, (x, _) in curves.items() if len(x) > 1 and rule != "cascade"]
    if not spans:
        return "Nothing was measured yet."
    places = np.linspace(max(low for low, _ in spans), min(high for _, high in spans), PLACES)
    head = ["rule", *(f"mean mIoU % at {place:.2f} GMAC" for place in places)]
    return markdown(
        head,
        [
            [rule, *(_at(place, x, y) for place in places)]
            for rule, (x, y) in curves.items()
            if len(x) > 1 and rule != "cascade"
        ],
    )


def mask_plot(records: Path) -> Plot | None:
    """Mean mIoU against mean work, a line a rule; None without a record."""
    parts = parts_of(records / RECORD)
    series = [
        Series(name=rule, points=list(zip(x, y, strict=True)), dashed=rule == INTERPOLATED)
        for rule, (x, y) in _curves(parts).items()
        if x
    ]
    if DENSE not in parts:
        return None
    whole = Series(name=DENSE, points=[_point(parts[DENSE])], dashed=True)
    return Plot(
        title="Masking rules: quality against counted work, means of all exits",
        x="GMAC, mean of exits",
        y="mIoU, mean of exits, %",
        series=[*series, whole],
    )


TABLES: dict[str, Callable[[Path], str]] = {"masks": mask_table, "masks-equal-work": equal_work_table}


def _cells(part: Mapping[str, Any]) -> list[str]:
    work, quality = _point(part)
    shares = " / ".join(f"{100 * value:.0f}" for value in part["active_share"][1:])
    scores = " / ".join(f"{100 * value:.1f}" for value in part["miou"])
    return [shares, scores, f"{quality:.2f}", f"{work:.2f}", f"{part['gmacs'][-1]:.2f}"]


def _curves(parts: Mapping[str, Any]) -> dict[str, tuple[list[float], list[float]]]:
    """By rule: mean work, rising, and mean mIoU in %."""
    found = {}
    for rule, values in SETTINGS.items():
        points = sorted(_point(parts[key]) for value in values if (key := f"{rule}={value}") in parts)
        found[rule] = ([x for x, _ in points], [y for _, y in points])
    return found


def _point(part: Mapping[str, Any]) -> tuple[float, float]:
    return fmean(part["gmacs"]), 100 * fmean(part["miou"])


def _at(place: float, x: list[float], y: list[float]) -> str:
    inside = x[0] - 1e-9 <= place <= x[-1] + 1e-9
    return f"{np.interp(place, x, y):.1f}" if inside else MISSING
