"""ADP-C's exits as trained here, beside the paper's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interim.training.experiments.heads import CONTESTANTS, EXITS
from interim.training.record_file import facts_of, parts_of
from interim.training.tables import MISSING, markdown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECORD = "heads.json"
PAPER = {
    "plain": "34.3 / 59.0 / 76.9 / 80.4",
    "3/2/1": "44.6 / 60.2 / 76.6 / 79.9",
    "3/2/1, skipping": "44.3 / 60.1 / 76.8 / 81.3",
}
"""W48 on Cityscapes: EE, EE + RH, EE + RH + CA (adpc.md's table; Wang et al. 2022)."""


def heads_table(records: Path) -> str:
    """Each exit's mIoU and work by the heads of the early exits, and by what is skipped."""
    parts = parts_of(records / RECORD)
    head = ["heads", "above", *(f"exit {exit_}" for exit_ in EXITS), "GMAC to each", "the paper's mIoU %"]
    rows = []
    for each in CONTESTANTS:
        if each.name not in parts:
            rows.append([each.name, "", *[MISSING] * (len(EXITS) + 1), PAPER.get(each.name, MISSING)])
            continue
        rows += [
            [
                each.name,
                "computes all" if above == "off" else above,
                *_figures(found),
                _paper(each.name, above),
            ]
            for above, found in parts[each.name]["found"].items()
        ]
    facts = facts_of(records / RECORD)
    seconds = sum(part["seconds"] for part in parts.values())
    told = (
        f"{facts['hardware']}, {seconds / 60:.0f} minutes for all; commit {facts['commit']}." if parts else ""
    )
    return f"{markdown(head, rows)}\n\n{told}".rstrip()


def _figures(found: dict[str, Any]) -> list[str]:
    scores = [f"{100 * value:.1f}" for value in found["miou"]]
    return [*scores, " / ".join(f"{value:.2f}" for value in found["gmacs"])]


def _paper(name: str, above: str) -> str:
    shown = above == ("off" if "skipping" not in name else "0.9")
    return PAPER.get(name, MISSING) if shown else ""


TABLES: dict[str, Callable[[Path], str]] = {"heads": heads_table}
"""By the name that the page calls it."""
