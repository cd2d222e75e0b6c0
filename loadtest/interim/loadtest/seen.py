"""What stages took, as a run shows it from outside: how long the device was busy, and with how many stages.

Likewise the margin before deadlines, and the budgets that were hopeless.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from interim.loadtest.outcome import Ending
from interim.loadtest.quantiles import quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from interim.loadtest.costs import Costs
    from interim.loadtest.outcome import Outcome

ENOUGH = 20
"""Requests, or answers at deadlines, before a run says anything of stages, or of the margin."""

_MARGIN_SHARE = 0.9  # margins move with the load; the time that is left at deadlines is them less a moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The work for one request, in seconds of one clock: from when its image was there to its last exit.

    Attributes:
        ready_s: When its image was there, about.
        done_s: When its last exit was complete, about.
        exits: How many stages were run for it.
    """

    ready_s: float
    done_s: float
    exits: int


def factor(passages: Iterable[Passage], stage_s: Sequence[float]) -> float | None:
    """By how much stages took longer than `stage_s`; None where there are too few to tell.

    While a request waits for its last exit the device is never idle, with this request or another. So the time
    in which anybody waited is what all their stages took.
    """
    kept = sorted(passages, key=lambda each: each.ready_s)
    if len(kept) < ENOUGH:
        return None
    busy_s, until_s = 0.0, float("-inf")
    for each in kept:
        busy_s += max(each.done_s - max(each.ready_s, until_s), 0.0)
        until_s = max(until_s, each.done_s)
    exits = Counter(each.exits for each in kept)
    work_s = sum(count * sum(stage_s[:exit_]) for exit_, count in exits.items())
    return busy_s / work_s if work_s else None


def as_seen(costs: Costs, passages: Iterable[Passage], left_ms: Sequence[float]) -> Costs:
    """The costs with stages that take, in their proportions, what they took here, and the margin kept here.

    Args:
        costs: As measured before.
        passages: Of all requests that reached an exit.
        left_ms: What was left at deadlines when answers were handed over.
    """
    longer = factor(passages, [ms / 1e3 for ms in costs.stage_ms]) or 1.0
    margin_ms = quantile(left_ms, _MARGIN_SHARE) if len(left_ms) >= ENOUGH else None
    return replace(
        costs,
        pictures=tuple(tuple(ms * longer for ms in each) for each in costs.pictures),
        margin_ms=costs.margin_ms if margin_ms is None else max(margin_ms, costs.after_ms),
    )


def seen_in(costs: Costs, outcomes: Sequence[Outcome]) -> Costs:
    """The costs as a run of the same pictures shows them."""
    ready_ms = quantile(costs.ready_ms, 0.5) or 0.0
    passages = [
        Passage(
            ready_s=one.send_s + (one.lag_ms + ready_ms) / 1e3,
            done_s=one.send_s + (one.lag_ms + one.exits_ms[-1] - costs.after_ms) / 1e3,
            exits=one.exits_seen[-1],
        )
        for one in outcomes
        if one.ending is Ending.ANSWERED and one.exits_ms
    ]
    left_ms = [one.server_slack_ms for one in outcomes if one.in_time and one.reason == "DEADLINE"]
    return replace(as_seen(costs, passages, left_ms), least_ms=_least_ms(costs, outcomes))


def _least_ms(costs: Costs, outcomes: Sequence[Outcome]) -> float:
    """The least budget with hope that lets as many be hopeless as were, told that trying again will not help."""
    budgets_ms = sorted(one.budget_ms for one in outcomes)
    hopeless = sum(one.cause == "deadline" and one.retry_ms == 0.0 for one in outcomes)
    if len(budgets_ms) < ENOUGH or hopeless == len(budgets_ms):
        return costs.least_ms
    return budgets_ms[hopeless] if hopeless else min(costs.least_ms, budgets_ms[0])
