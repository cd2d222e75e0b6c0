"""Budgets by the class of a request ("interactive", "batch", ...)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.scheduling.budgets.budget import from_arrival

if TYPE_CHECKING:
    from interim.scheduling.budgets.budget import Budget, BudgetRequest, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRule:
    """What one class gets.

    Attributes:
        request_class: The class.
        default_s: The budget where the request names none; None: the server's default.
        at_most_s: No budget of the class is longer; None: no limit.
        dry_run: Only report what it would have done.
    """

    request_class: str
    default_s: float | None = None
    at_most_s: float | None = None
    dry_run: bool = False

    @property
    def name(self) -> str:
        """Its name in answers and metrics."""
        return f"class:{self.request_class}"


@dataclass(frozen=True, slots=True)
class ClassDefaults:
    """The default of the request's class."""

    rules: tuple[ClassRule, ...]

    def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:  # noqa: ARG002 (the interface)
        """The class's default, where there is one."""
        rule = _of(self.rules, request)
        if rule is None or rule.default_s is None:
            return None
        return from_arrival(request, rule.default_s, rule.name)


@dataclass(frozen=True, slots=True)
class ClassLimits:
    """The longest budget of the request's class."""

    rules: tuple[ClassRule, ...]

    def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:  # noqa: ARG002 (the interface)
        """The class's limit, where there is one."""
        rule = _of(self.rules, request)
        if rule is None or rule.at_most_s is None:
            return None
        return from_arrival(request, rule.at_most_s, rule.name)


def _of(rules: tuple[ClassRule, ...], request: BudgetRequest) -> ClassRule | None:
    return next((rule for rule in rules if rule.request_class == request.request_class), None)
