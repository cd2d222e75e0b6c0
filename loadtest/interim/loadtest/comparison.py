"""Several runs side by side, and whether two of them agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interim.loadtest.promises import Check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from interim.loadtest.outcome import Outcome
    from interim.loadtest.run_file import Run
    from interim.loadtest.summary import Summary

UTILITY_POINTS = 2.0
ATTAINMENT_POINTS = 0.5
"""How far simulator and server may lie apart on the same requests, in points."""


_SAME = 1e-3  # seconds or milliseconds: files round


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Runs by the names they are shown under; the first is what others are compared with."""

    runs: Mapping[str, Run]

    def rows(self) -> list[tuple[str, ...]]:
        """One row a figure, one column a run: for tables. A figure that no run has is left out."""
        columns = [dict(run.summary.rows()) for run in self.runs.values()]
        names = list(dict.fromkeys(name for column in columns for name in column))
        return [(name, *(column.get(name, "") for column in columns)) for name in names]

    def as_table(self) -> str:
        """Lines for people."""
        rows = [("", *self.runs), *self.rows()]
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        lines = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)

    def as_json(self) -> dict[str, Any]:
        """Plain data: each run's figures, and how far it lies from the first, in points."""
        first = next(iter(self.runs.values())).summary
        return {
            name: {
                **run.summary.as_json(),
                "points_to_first": {
                    "utility": _points(run.summary.utility, first.utility),
                    "attainment": _points(run.summary.attainment, first.attainment),
                    "admitted": _points(_admitted(run.summary), _admitted(first)),
                },
            }
            for name, run in self.runs.items()
        }

    def agreement(self) -> tuple[Check, ...]:
        """Whether every run delivers what the first one does, on the same requests."""
        first = next(iter(self.runs.values())).summary
        void = sum(bool(run.summary.void) for run in self.runs.values())
        checks = [Check(promise="runs that do not count", measured=void, limit=0)]
        asked = next(iter(self.runs.values())).outcomes
        for name, run in list(self.runs.items())[1:]:
            other = _differing(asked, run.outcomes)
            checks.append(Check(promise=f"{name}: requests unlike the first run's", measured=other, limit=0))
            for what, limit in (("utility", UTILITY_POINTS), ("attainment", ATTAINMENT_POINTS)):
                points = _points(getattr(run.summary, what), getattr(first, what))
                measured = None if points is None else abs(points)
                checks.append(
                    Check(
                        promise=f"{name}: {what}, points from the first run", measured=measured, limit=limit
                    )
                )
        return tuple(checks)


def _differing(asked: Sequence[Outcome], others: Sequence[Outcome]) -> int:
    """How many requests are not the same in both: another instant, another budget, or in one run alone."""
    same = sum(
        abs(one.send_s - other.send_s) < _SAME and abs(one.budget_ms - other.budget_ms) < _SAME
        for one, other in zip(asked, others, strict=False)
    )
    return max(len(asked), len(others)) - same


def _points(share: float | None, other: float | None) -> float | None:
    return None if share is None or other is None else 100.0 * (share - other)


def _admitted(summary: Summary) -> float | None:
    return summary.admitted / summary.sent if summary.sent else None
