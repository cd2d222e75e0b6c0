"""The one interface of every policy, and the policies by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from interim.scheduling.errors import UnknownPolicyError
from interim.scheduling.policies.edf import EarliestDeadlineFirst
from interim.scheduling.policies.fifo import FirstInFirstOut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.step import Step


class Policy(Protocol):
    """Picks the next step. Pure: the same `now_s`, queue and costs give the same step."""

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """The step to begin at `now_s`, when the device is free; None to leave it idle.

        Args:
            now_s: When the step would begin.
            queue: The live jobs in order of arrival. Those WAITING may be chosen; those still ASKED (their
                image is on its way) are there so that a long stage is not begun right before them.
        """


_POLICIES: dict[str, Callable[[CostModel, int], Policy]] = {
    "edf": EarliestDeadlineFirst,
    "fifo": FirstInFirstOut,
}


def names() -> tuple[str, ...]:
    """The names that `named` knows."""
    return tuple(_POLICIES)


def named(name: str, *, costs: CostModel, max_batch: int = 1) -> Policy:
    """Build the policy of that name.

    Args:
        name: One of `names()`.
        costs: The cost model it plans with, shared with the scheduler.
        max_batch: The most jobs in one step. A batch size is only used once it was measured to pay.

    Raises:
        UnknownPolicyError: There is no such policy.
    """
    if name not in _POLICIES:
        raise UnknownPolicyError(f"There is no policy {name!r}: choose one of {', '.join(_POLICIES)}.")
    return _POLICIES[name](costs, max_batch)
