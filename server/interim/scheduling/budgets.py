"""Budget policies: how long a request may take, as pure values of the request and of now.

A policy gives a budget or None (it has nothing to say). Policies compose: `Smallest` of several binds, and
`FirstOf` several speaks. Later ones (by class, clock, load or event) are further values of the same kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from interim.scheduling.job import Size

GUARD_S = 0.010
"""A gRPC deadline counts less this: the answer has to travel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRequest:
    """What a budget may depend on.

    Attributes:
        arrival_s: When the request was complete in the server's memory.
        own_s: The client's own budget, from arrival, as last revised; None if it gave none.
        grpc_deadline_s: The instant of its gRPC deadline; None if there is none.
        request_class: Its class.
        size: Its working size in pixels; None while unknown.
    """

    arrival_s: float
    own_s: float | None = None
    grpc_deadline_s: float | None = None
    request_class: str = ""
    size: Size | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget in force: `deadline_s` is arrival + `budget_s`; `policy` names who bound it."""

    deadline_s: float
    budget_s: float
    policy: str


class BudgetPolicy(Protocol):
    """Something that has a say in how long a request may take."""

    def budget(self, request: BudgetRequest, now_s: float) -> Budget | None:
        """The budget of `request` as of `now_s`; None: no say."""


@dataclass(frozen=True, slots=True)
class OwnBudget:
    """The budget the client gave."""

    name: str = "request"

    def budget(self, request: BudgetRequest, now_s: float) -> Budget | None:  # noqa: ARG002 (the interface)
        """The client's own budget."""
        return None if request.own_s is None else _from_arrival(request, request.own_s, self.name)


@dataclass(frozen=True, slots=True)
class GrpcDeadline:
    """The gRPC deadline less a guard band."""

    guard_s: float = GUARD_S
    name: str = "grpc"

    def budget(self, request: BudgetRequest, now_s: float) -> Budget | None:  # noqa: ARG002 (the interface)
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

    def budget(self, request: BudgetRequest, now_s: float) -> Budget | None:  # noqa: ARG002 (the interface)
        """The default, from arrival."""
        return _from_arrival(request, self.budget_s, self.name)


@dataclass(frozen=True, slots=True)
class Smallest:
    """Of those that speak, the earliest deadline binds; of equals, the first."""

    policies: tuple[BudgetPolicy, ...]

    def budget(self, request: BudgetRequest, now_s: float) -> Budget | None:
        """The earliest."""
        spoken = [b for policy in self.policies if (b := policy.budget(request, now_s)) is not None]
        return min(spoken, key=lambda budget: budget.deadline_s, default=None)


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The first that speaks."""

    policies: tuple[BudgetPolicy, ...]

    def budget(self, request: BudgetRequest, now_s: float) -> Budget | None:
        """The first budget there is."""
        return next((b for policy in self.policies if (b := policy.budget(request, now_s)) is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardBudget:
    """The smaller of the request's own budget and its gRPC deadline; with neither, the default.

    Unlike its parts it always speaks.
    """

    default_s: float
    guard_s: float = GUARD_S

    def budget(self, request: BudgetRequest, now_s: float) -> Budget:
        """The budget that binds."""
        asked = Smallest((OwnBudget(), GrpcDeadline(self.guard_s))).budget(request, now_s)
        return asked or _from_arrival(request, self.default_s, "default")


def _from_arrival(request: BudgetRequest, budget_s: float, policy: str) -> Budget:
    return Budget(deadline_s=request.arrival_s + budget_s, budget_s=budget_s, policy=policy)
