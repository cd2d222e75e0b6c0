"""Budgets by a user's own function, which runs elsewhere: here is only what it said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.scheduling.budgets.budget import from_arrival

if TYPE_CHECKING:
    from interim.scheduling.budgets.budget import Budget, BudgetRequest, Instant

LIMIT_S = 0.005
"""A function that has not answered by then is killed."""

LONGEST_MS = 3_600_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRule:
    """A user's function: `call` is "module:name", `limit_s` what one call may take."""

    call: str
    limit_s: float = LIMIT_S
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class FunctionBudget:
    """What the user's function said of the request, if it said anything."""

    def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:  # noqa: ARG002 (the interface)
        """The function's limit."""
        return None if request.function_s is None else from_arrival(request, request.function_s, "function")


def answer_s(answer: object) -> float | None:
    """A function's answer in seconds, from its milliseconds; None: it has no say.

    Raises:
        ValueError: Nonsense: not a number of milliseconds above 0 and at most an hour.
    """
    if answer is None:
        return None
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise ValueError(f"it returned {answer!r}: a budget is a number of milliseconds, or None")  # noqa: TRY004 (one error for all nonsense)
    if not 0 < answer <= LONGEST_MS:  # false for nan as well
        raise ValueError(f"it returned {answer!r}: a budget is above 0 and at most {LONGEST_MS:.0f} ms")
    return answer / 1e3
