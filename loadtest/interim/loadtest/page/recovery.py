"""After the load has stepped down: how long budgets, and the depth of the answers, took to be back."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from interim.loadtest.outcome import Outcome

_BACK = 0.95  # of what it was before the load rose
_SETTLING = 0.2  # of the first step that is not looked at
PATIENCE = 2.0
"""Budgets are to be back within this many of the longest relative deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What happened after the last step of the load, downwards, at `at_s` seconds.

    Attributes:
        at_s: The step.
        longest_s: The longest budget anybody asked for.
        budgets_s: How long after it the last budget was cut, below 95 % of its share before the load rose.
        depth_s: When the first stretch (of `longest_s`) as good as those before the load rose had begun; None:
            none was, or there was nothing to compare with.
    """

    at_s: float
    longest_s: float
    budgets_s: float
    depth_s: float | None

    @property
    def allowed_s(self) -> float:
        """How long budgets may take."""
        return PATIENCE * self.longest_s

    @property
    def kept(self) -> bool:
        """Whether they were back by then."""
        return self.budgets_s <= self.allowed_s


def steps_of(facts: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    """When the load of a run changed, and to how many requests a second; nothing where it did not step."""
    arrivals = facts.get("scenario", {}).get("arrivals", {})
    if arrivals.get("process") != "steps":
        return ()
    return tuple(zip(arrivals["at_s"], arrivals["rates_hz"], strict=True))


def recovery(outcomes: Sequence[Outcome], steps: Sequence[tuple[float, float]]) -> Recovery | None:
    """How the server came back from the last step, where that one is downwards; else None."""
    if len(steps) < 3 or steps[-1][1] >= steps[-2][1]:
        return None
    begin_s, end_s, at_s = _SETTLING * steps[1][0], steps[1][0], steps[-1][0]
    if all(one.send_s < at_s for one in outcomes):
        return None  # the run had ended before
    longest_s = max(outcome.budget_ms for outcome in outcomes) / 1e3
    plain = [one for one in outcomes if one.admitted and one.revised_ms is None]
    before = [one for one in plain if begin_s <= one.send_s < end_s]
    after = [one for one in plain if one.send_s >= at_s]
    usual = _median([_kept_share(one) for one in before])
    cut = [one.send_s - at_s for one in after if _kept_share(one) < _BACK * usual]
    return Recovery(
        at_s=at_s,
        longest_s=longest_s,
        budgets_s=max(cut, default=0.0),
        depth_s=_depth_back_s(before, after, at_s, longest_s),
    )


def _kept_share(outcome: Outcome) -> float:
    """How much of the budget asked for was in force."""
    return outcome.budget_in_force_ms / outcome.budget_ms


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 1.0


def _depth_back_s(
    before: Sequence[Outcome], after: Sequence[Outcome], at_s: float, stretch_s: float
) -> float | None:
    """Stretches of `stretch_s`: the first after the step whose mean exit is not clearly below the usual one."""
    usual = list(_depths(before, before[0].send_s, stretch_s).values()) if before else []
    if len(usual) < 2:
        return None
    least = fmean(usual) - 2.0 * stdev(usual)
    depths = _depths(after, at_s, stretch_s)
    return next((index * stretch_s for index, depth in sorted(depths.items()) if depth >= least), None)


def _depths(outcomes: Sequence[Outcome], from_s: float, stretch_s: float) -> dict[int, float]:
    exits: dict[int, list[int]] = {}
    for one in outcomes:
        exits.setdefault(int((one.send_s - from_s) // stretch_s), []).append(one.exit)
    return {index: fmean(values) for index, values in exits.items()}
