"""Budgets by load: shorter while much work waits, restored when it has gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.scheduling.budgets.budget import concerns, from_arrival

if TYPE_CHECKING:
    from interim.scheduling.budgets.budget import Budget, BudgetPolicy, BudgetRequest, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRule:
    """How budgets follow the work that waits.

    Attributes:
        above_s: With more work than this in flight, budgets shrink.
        below_s: With less than this they grow again; between the two nothing changes.
        least_share: They shrink to no less than this share of themselves.
        at_least_s: Nor below this (a budget that is shorter by itself stays as it is).
        every_s: How often it looks.
        shrink: The share is multiplied by this at a look that finds too much work.
        grow: And by this at a look that finds little.
        classes: Whom it is about; none: everybody.
        dry_run: Only report what it would have done.
    """

    above_s: float
    below_s: float
    least_share: float = 0.3
    at_least_s: float = 0.0
    every_s: float = 0.1
    shrink: float = 0.8
    grow: float = 1.1
    classes: tuple[str, ...] = ()
    dry_run: bool = False


class LoadShare:
    """The share of their budgets that requests keep, as a feedback with hysteresis and limits.

    Down fast, up slowly; one step a look, so that what a step did can be seen before the next.
    """

    def __init__(self, rule: LoadRule) -> None:
        self.rule = rule
        self.share = 1.0
        self._looked_s = float("-inf")

    def observe(self, now_s: float, queue_s: float) -> bool:
        """Look at the work in flight, in seconds of the device; whether the share has changed.

        A look sooner than nine tenths of `every_s` after the one before does nothing (timers fire early, too).
        """
        if now_s < self._looked_s + 0.9 * self.rule.every_s:
            return False
        self._looked_s = now_s
        before = self.share
        if queue_s > self.rule.above_s:
            self.share = max(self.share * self.rule.shrink, self.rule.least_share)
        elif queue_s < self.rule.below_s:
            self.share = min(self.share * self.rule.grow, 1.0)
        return self.share != before


@dataclass(frozen=True, slots=True)
class LoadBudget:
    """What `inner` says, times the share that the load leaves."""

    inner: BudgetPolicy
    load: LoadShare

    def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:
        """The shortened budget; None where nothing is shortened."""
        rule, share = self.load.rule, self.load.share
        inner = self.inner.budget(request, at)
        if inner is None or share >= 1.0 or not concerns(rule.classes, request):
            return None
        shortened_s = max(inner.budget_s * share, rule.at_least_s)
        return from_arrival(request, shortened_s, "load") if shortened_s < inner.budget_s else None
