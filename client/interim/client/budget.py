"""The budget policies of a server: what is configured, what holds now, what an operator capped."""

from dataclasses import dataclass

from interim.client.request import carried
from interim.v1 import control_pb2 as pb


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetPolicy:
    """One configured policy.

    Attributes:
        name: as answers and metrics call it: "class:batch", "clock:rush hour", "load", "function".
        says: in words.
        active: whether it has a say now.
        dry_run: whether it only reports.
    """

    name: str
    says: str
    active: bool
    dry_run: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetCap:
    """An operator's cap.

    Attributes:
        request_class: whom it is about; "": every request.
        at_most_ms: no budget is longer, from arrival.
        remaining_s: until it ends by itself.
        why: in the operator's words.
        set_by: the address it was set from.
        dry_run: whether it only reports.
    """

    request_class: str
    at_most_ms: float
    remaining_s: float
    why: str
    set_by: str
    dry_run: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetState:
    """What governs budgets, now.

    Attributes:
        default_ms: of a request that names no budget.
        dry_run: whether every policy only reports.
        policies: as configured.
        caps: by class.
        load_share: what the load leaves requests of their budgets; None: there is no such policy.
        queue_ms: what all in flight would still take the device, to their last exits.
        in_flight: requests admitted and not ended.
        moved: requests whose deadline this call has moved, or asked to extend.
        cleared: caps that this call took away.
    """

    default_ms: float
    dry_run: bool
    policies: tuple[BudgetPolicy, ...]
    caps: tuple[BudgetCap, ...]
    load_share: float | None
    queue_ms: float
    in_flight: int
    moved: int
    cleared: int


def cap_request(
    at_most_ms: float, *, ttl_s: float, request_class: str, why: str, dry_run: bool
) -> pb.SetBudgetCapRequest:
    """The message that sets a cap; the server checks its values."""
    with carried():
        return pb.SetBudgetCapRequest(
            at_most_ms=at_most_ms, ttl_s=ttl_s, request_class=request_class, why=why, dry_run=dry_run
        )


def budget_of(message: pb.BudgetState) -> BudgetState:
    """Reads a state as it came."""
    return BudgetState(
        default_ms=message.default_ms,
        dry_run=message.dry_run,
        policies=tuple(
            BudgetPolicy(name=each.name, says=each.says, active=each.active, dry_run=each.dry_run)
            for each in message.policies
        ),
        caps=tuple(_cap(each) for each in message.caps),
        load_share=message.load_share if message.HasField("load_share") else None,
        queue_ms=message.queue_ms,
        in_flight=message.in_flight,
        moved=message.moved,
        cleared=message.cleared,
    )


def _cap(message: pb.BudgetCap) -> BudgetCap:
    return BudgetCap(
        request_class=message.request_class,
        at_most_ms=message.at_most_ms,
        remaining_s=message.remaining_s,
        why=message.why,
        set_by=message.set_by,
        dry_run=message.dry_run,
    )
