"""Who says how long a request may take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.scheduling.budgets import (
    Budget,
    BudgetRequest,
    DefaultBudget,
    FirstOf,
    GrpcDeadline,
    OwnBudget,
    Smallest,
    StandardBudget,
)

ARRIVAL = st.floats(0.0, 1e6)
SECONDS = st.floats(1e-3, 100.0)
MAYBE = st.none() | SECONDS


@given(ARRIVAL, MAYBE, MAYBE, SECONDS)
def test_the_smaller_of_own_and_grpc_binds_and_the_default_only_without_both(
    arrival: float, own: float | None, grpc: float | None, default: float
) -> None:
    """The gRPC deadline counts less its guard; the binding policy is named."""
    request = BudgetRequest(
        arrival_s=arrival, own_s=own, grpc_deadline_s=None if grpc is None else arrival + grpc
    )
    budget = StandardBudget(default_s=default, guard_s=0.01).budget(request, arrival)
    choices = {"request": own, "grpc": None if grpc is None else grpc - 0.01}
    given_ = {name: seconds for name, seconds in choices.items() if seconds is not None} or {
        "default": default
    }
    assert budget.budget_s == pytest.approx(min(given_.values()), abs=1e-6)
    assert given_[budget.policy] == pytest.approx(min(given_.values()), abs=1e-6)
    assert budget.deadline_s == pytest.approx(arrival + budget.budget_s)


def test_policies_that_say_nothing_leave_no_budget() -> None:
    """A composition speaks only if one of its parts does."""
    silent = BudgetRequest(arrival_s=1.0)
    assert Smallest((OwnBudget(), GrpcDeadline())).budget(silent, 1.0) is None
    assert FirstOf((OwnBudget(), GrpcDeadline())).budget(silent, 1.0) is None
    assert Smallest(()).budget(silent, 1.0) is None


def test_a_policy_of_later_days_composes() -> None:
    """A budget that depends on class and on now takes part like the others, and again whenever asked."""

    class Evening:
        def budget(self, request: BudgetRequest, now_s: float) -> Budget | None:
            if request.request_class != "batch" or now_s < 20.0:
                return None
            return Budget(deadline_s=request.arrival_s + 0.1, budget_s=0.1, policy="evening")

    policy = Smallest((FirstOf((OwnBudget(), DefaultBudget(1.0))), Evening()))
    request = BudgetRequest(arrival_s=19.5, own_s=0.8, request_class="batch")
    early, late = policy.budget(request, 19.6), policy.budget(request, 20.0)
    assert early is not None
    assert early.policy == "request"
    assert early.deadline_s == pytest.approx(20.3)
    assert late is not None
    assert late.policy == "evening"
    assert late.deadline_s == pytest.approx(19.6)


def test_of_equal_budgets_the_first_binds() -> None:
    """Ties are settled by order, not by chance."""
    request = BudgetRequest(arrival_s=0.0, own_s=0.5, grpc_deadline_s=0.5)
    budget = Smallest((OwnBudget(), GrpcDeadline(0.0))).budget(request, 0.0)
    assert budget is not None
    assert budget.policy == "request"
