"""What was asked for: the client's own budget, its gRPC deadline, a default; and how policies compose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.scheduling.budgets.budget import Budget, from_arrival

if TYPE_CHECKING:
    from interim.scheduling.budgets.budget import BudgetPolicy, BudgetRequest, Instant

GUARD_S = 0.010
"""A gRPC deadline counts less this: the answer has to travel."""


@dataclass(frozen=True, slots=True)
class OwnBudget:
    """The budget the client gave."""

    name: str = "request"

    def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:  # noqa: ARG002 (the interface)
        """The client's own budget."""
        return None if request.own_s is None else from_arrival(request, request.own_s, self.name)


@dataclass(frozen=True, slots=True)
class GrpcDeadline:
    """The gRPC deadline less a guard band."""

    guard_s: float = GUARD_S
    name: str = "grpc"

    def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:  # noqa: ARG002 (the interface)
        """What the gRPC deadline leaves."""
        if request.grpc_deadline_s is None:
            return None
        deadline_s = request.grpc_deadline_s - self.guard_s
        return Budget(deadline_s=deadline_s, budget_s=deadline_s - request.arrival_s, policy=self.name)


@dataclass(frozen=True, slots=True)
class DefaultBudget:
    """The same budget for every request that says nothing."""

    budget_s: float
    name: str = "default"

    def budget(self, request: BudgetRequest, at: Instant) -> Budget:  # noqa: ARG002 (the interface)
        """The default, from arrival."""
        return from_arrival(request, self.budget_s, self.name)


@dataclass(frozen=True, slots=True)
class Smallest:
    """Of those that speak, the earliest deadline binds; of equals, the first."""

    policies: tuple[BudgetPolicy, ...]

    def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:
        """The earliest."""
        spoken = [b for policy in self.policies if (b := policy.budget(request, at)) is not None]
        return min(spoken, key=lambda budget: budget.deadline_s, default=None)


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The first that speaks."""

    policies: tuple[BudgetPolicy, ...]

    def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:
        """The first budget there is."""
        return next((b for policy in self.policies if (b := policy.budget(request, at)) is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedBudget:
    """The smaller of the request's own budget and its gRPC deadline; with neither, the first default that speaks.

    Unlike its parts it always speaks.
    """

    default_s: float
    guard_s: float = GUARD_S
    defaults: tuple[BudgetPolicy, ...] = ()

    def budget(self, request: BudgetRequest, at: Instant) -> Budget:
        """The budget that the request comes with."""
        given = Smallest((OwnBudget(), GrpcDeadline(self.guard_s)))
        asked = FirstOf((given, *self.defaults)).budget(request, at)
        return asked or DefaultBudget(self.default_s).budget(request, at)
