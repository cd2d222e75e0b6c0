"""Budgets by event: the caps an operator has set, each for one class or for all, and only for a while."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from interim.scheduling.budgets.budget import from_arrival

if TYPE_CHECKING:
    from interim.scheduling.budgets.budget import Budget, BudgetRequest, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """No budget is longer than `at_most_s`, until the (monotonic) instant `until_s`.

    Attributes:
        at_most_s: The longest budget, from arrival.
        until_s: When the cap ends.
        request_class: Whom it is about; empty: everybody.
        why: In the operator's words.
        set_by: Where it came from.
        dry_run: Only report what it would have done.
    """

    at_most_s: float
    until_s: float
    request_class: str = ""
    why: str = ""
    set_by: str = ""
    dry_run: bool = False


class Caps:
    """The caps that were set: one a class and one for all, the newest wins; those that are over are not there."""

    def __init__(self) -> None:
        self._caps: dict[str, Cap] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._caps)

    def __contains__(self, request_class: object) -> bool:
        """Whether there is one for a class ("": for all)."""
        return request_class in self._caps

    def set(self, cap: Cap) -> Cap | None:
        """Put a cap in force; the one it replaces."""
        replaced = self._caps.get(cap.request_class)
        self._caps[cap.request_class] = cap
        return replaced

    def clear(self, request_class: str | None = None) -> tuple[Cap, ...]:
        """Take a class's cap away (`""`: the one for all; None: every cap); what is gone."""
        names = list(self._caps) if request_class is None else [request_class]
        return tuple(cap for name in names if (cap := self._caps.pop(name, None)) is not None)

    def expire(self, now_s: float) -> tuple[Cap, ...]:
        """Take away those whose time is over; what is gone."""
        over = [cap for cap in self._caps.values() if cap.until_s <= now_s]
        for cap in over:
            del self._caps[cap.request_class]
        return tuple(over)

    def at(self, now_s: float) -> tuple[Cap, ...]:
        """The caps that hold at an instant, by class."""
        return tuple(cap for _, cap in sorted(self._caps.items()) if now_s < cap.until_s)

    def next_end_s(self) -> float:
        """When the first of them ends; infinity where there is none."""
        return min((cap.until_s for cap in self._caps.values()), default=inf)

    def of(self, request_class: str) -> tuple[Cap, ...]:
        """Those that are about a class, whether they hold still or not."""
        return tuple(cap for name in {"", request_class} if (cap := self._caps.get(name)) is not None)


@dataclass(frozen=True, slots=True)
class CapBudget:
    """The smallest cap about the request; `rehearsing`: those that only report count as well."""

    caps: Caps
    rehearsing: bool = False

    def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:
        """The operator's limit, where there is one."""
        held = [
            cap.at_most_s
            for cap in self.caps.of(request.request_class)
            if at.now_s < cap.until_s and (self.rehearsing or not cap.dry_run)
        ]
        return from_arrival(request, min(held), "operator") if held else None
