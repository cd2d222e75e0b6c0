"""What a budget is, what it may depend on, and what a policy is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from interim.scheduling.job import Size


@dataclass(frozen=True, slots=True)
class Instant:
    """One instant on both clocks: `now_s` is monotonic, `wall_s` is POSIX time (for people's calendars)."""

    now_s: float
    wall_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRequest:
    """What a budget may depend on.

    Attributes:
        arrival_s: When the request was complete in the server's memory.
        own_s: The client's own budget, from arrival, as last revised; None if it gave none.
        grpc_deadline_s: The instant of its gRPC deadline; None if there is none.
        request_class: Its class.
        size: Its working size in pixels; None while unknown.
        function_s: What the user's function said of it, from arrival; None: nothing (yet).
    """

    arrival_s: float
    own_s: float | None = None
    grpc_deadline_s: float | None = None
    request_class: str = ""
    size: Size | None = None
    function_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget in force: `deadline_s` is arrival + `budget_s`; `policy` names who bound it."""

    deadline_s: float
    budget_s: float
    policy: str


class BudgetPolicy(Protocol):
    """Something that has a say in how long a request may take."""

    def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:
        """The budget of `request` as of `at`; None: no say."""


def from_arrival(request: BudgetRequest, budget_s: float, policy: str) -> Budget:
    """The budget that ends `budget_s` after the arrival."""
    return Budget(deadline_s=request.arrival_s + budget_s, budget_s=budget_s, policy=policy)


def concerns(classes: tuple[str, ...], request: BudgetRequest) -> bool:
    """Whether a rule for these classes (none: all) is about this request."""
    return not classes or request.request_class in classes
