"""Every policy of one server in one place: what is in force, what a dry run would put in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.scheduling.budgets.by_class import ClassDefaults, ClassLimits
from interim.scheduling.budgets.caps import CapBudget, Caps
from interim.scheduling.budgets.clock import ClockBudget
from interim.scheduling.budgets.function import FunctionBudget
from interim.scheduling.budgets.load import LoadBudget, LoadShare
from interim.scheduling.budgets.standard import GUARD_S, AskedBudget, Smallest

if TYPE_CHECKING:
    from interim.scheduling.budgets.budget import Budget, BudgetPolicy, BudgetRequest, Instant
    from interim.scheduling.budgets.by_class import ClassRule
    from interim.scheduling.budgets.clock import Window
    from interim.scheduling.budgets.function import FunctionRule
    from interim.scheduling.budgets.load import LoadRule


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRules:
    """What is configured; `dry_run` puts every rule and every cap on trial.

    `default_s` is for requests that bring nothing, `guard_s` is taken off gRPC deadlines.
    """

    default_s: float = 1.0
    guard_s: float = GUARD_S
    classes: tuple[ClassRule, ...] = ()
    windows: tuple[Window, ...] = ()
    load: LoadRule | None = None
    function: FunctionRule | None = None
    dry_run: bool = False


class Book:
    """Answers which budget a request has. The caps and the load's share are its only state.

    Attributes:
        rules: What it was made of.
        caps: The operator's caps; change them here.
        load: The load's share of budgets; None: there is no such policy.
    """

    def __init__(self, rules: BudgetRules) -> None:
        self.rules = rules
        self.caps = Caps()
        self.load = None if rules.load is None else LoadShare(rules.load)
        self._clock = ClockBudget(rules.windows)
        self._asked = self._asking(rehearsing=False)
        self._in_force = self._composed(rehearsing=False)
        self._rehearsed = self._composed(rehearsing=True)

    def asked(self, request: BudgetRequest, at: Instant) -> Budget:
        """The budget that a request comes with and is admitted by, before any policy shortens it."""
        return self._asked.budget(request, at)

    def budget(self, request: BudgetRequest, at: Instant) -> Budget:
        """The budget in force: never longer than what was asked."""
        return self._in_force.budget(request, at) or self.asked(request, at)

    def rehearsed(self, request: BudgetRequest, at: Instant) -> Budget | None:
        """What would be in force if nothing were a dry run; None: it would be the same."""
        if not self._on_trial(at):
            return None
        in_force, would = self.budget(request, at), self._rehearsed.budget(request, at)
        return None if would is None or would.deadline_s == in_force.deadline_s else would

    def next_change_s(self, at: Instant) -> float:
        """The monotonic instant at which time alone changes a budget next (infinity: never)."""
        border_s = float("inf")
        if self.rules.windows:
            border_s = at.now_s + self._clock.spell(at.wall_s).until_s - at.wall_s
        return min(border_s, self.caps.next_end_s())

    def open_windows(self, at: Instant) -> tuple[Window, ...]:
        """The windows that are open now."""
        return self._clock.spell(at.wall_s).windows

    def _on_trial(self, at: Instant) -> bool:
        rules = self.rules
        parts = (*rules.classes, *rules.windows, rules.load, rules.function, *self.caps.at(at.now_s))
        return rules.dry_run or any(part.dry_run for part in parts if part is not None)

    def _asking(self, *, rehearsing: bool) -> AskedBudget:
        rules = self.rules
        defaults = ClassDefaults(tuple(rule for rule in rules.classes if self._counts(rule, rehearsing)))
        return AskedBudget(default_s=rules.default_s, guard_s=rules.guard_s, defaults=(defaults,))

    def _composed(self, *, rehearsing: bool) -> Smallest:
        rules = self.rules
        parts: list[BudgetPolicy] = [self._asking(rehearsing=rehearsing)]
        parts.append(ClassLimits(tuple(rule for rule in rules.classes if self._counts(rule, rehearsing))))
        parts.append(ClockBudget(tuple(rule for rule in rules.windows if self._counts(rule, rehearsing))))
        if rules.function is not None and self._counts(rules.function, rehearsing):
            parts.append(FunctionBudget())
        if self.load is not None and self._counts(self.load.rule, rehearsing):
            parts.append(LoadBudget(Smallest(tuple(parts)), self.load))
        if rehearsing or not rules.dry_run:
            parts.append(CapBudget(self.caps, rehearsing))
        return Smallest(tuple(parts))

    def _counts(self, rule: ClassRule | Window | FunctionRule | LoadRule, rehearsing: bool) -> bool:
        return rehearsing or not (rule.dry_run or self.rules.dry_run)
