"""The one interface of every policy, and the policies by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from interim.scheduling.errors import UnknownPolicyError
from interim.scheduling.guard import by_deadline
from interim.scheduling.policies.clockwork import ClockworkStyle
from interim.scheduling.policies.edf import EarliestDeadlineFirst
from interim.scheduling.policies.edgeserving import EdgeServingStyle
from interim.scheduling.policies.fifo import FirstInFirstOut
from interim.scheduling.policies.plan import DensityPlan
from interim.scheduling.policies.price import PricedDeadlines
from interim.scheduling.policies.rtdeepiot import RtDeepIotStyle
from interim.scheduling.policies.slackfit import SlackFitStyle
from interim.scheduling.policies.stage_order import StageOrder, fewest_exits, least_confident
from interim.scheduling.policies.whole import EdfWhole, EdfWholeNoDrop, FifoWhole, FifoWholeNoDrop
from interim.scheduling.policies.zeta import ZetaStyle
from interim.scheduling.utility import HALVING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.step import Step
    from interim.scheduling.utility import Utility


class Policy(Protocol):
    """Picks the next step from `now_s`, the queue, the costs and what it remembers of earlier decisions.

    No policy reads a clock or anything at random: the same history gives the same steps.
    """

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """The step to begin at `now_s`, when the device is free; None to leave it idle.

        Args:
            now_s: When the step would begin.
            queue: The live jobs in order of arrival. Those WAITING may be chosen; those still ASKED (their
                image is on its way) are there so that a long stage is not begun right before them.
        """


DEFAULT_POLICY = "plan"
"""The best measured (docs/scheduling.md)."""

_SERVING: dict[str, Callable[[CostModel, int, Utility], Policy]] = {
    "edf": lambda costs, max_batch, _: EarliestDeadlineFirst(costs, max_batch),
    "price": PricedDeadlines,
    "plan": DensityPlan,
}

_BASELINES: dict[str, Callable[[CostModel, int, Utility], Policy]] = {
    "fifo": lambda costs, max_batch, _: FirstInFirstOut(costs, max_batch),
    "edf-stages": lambda costs, max_batch, _: StageOrder(costs, max_batch, by_deadline),
    "round-robin": lambda costs, max_batch, _: StageOrder(costs, max_batch, fewest_exits),
    "least-confident": lambda costs, max_batch, _: StageOrder(costs, max_batch, least_confident),
    "zeta-style": lambda costs, max_batch, _: ZetaStyle(costs, max_batch),
    "rtdeepiot-style": RtDeepIotStyle,
    "fifo-whole": FifoWhole,
    "fifo-whole-nodrop": FifoWholeNoDrop,
    "edf-whole": EdfWhole,
    "edf-whole-nodrop": EdfWholeNoDrop,
    "clockwork-style": ClockworkStyle,
    "slackfit-style": SlackFitStyle,
    "edgeserving-style": EdgeServingStyle,
}

_POLICIES = {**_SERVING, **_BASELINES}


def serving_names() -> tuple[str, ...]:
    """Those that keep what admission promised; the others are there to compare with."""
    return tuple(_SERVING)


def names() -> tuple[str, ...]:
    """The names that `named` knows."""
    return tuple(_POLICIES)


def named(name: str, *, costs: CostModel, max_batch: int = 1, utility: Utility = HALVING) -> Policy:
    """Build the policy of that name.

    Args:
        name: One of `names()`.
        costs: The cost model it plans with, shared with the scheduler.
        max_batch: The most jobs in one step. A batch size is only used once it was measured to pay.
        utility: What exits are worth, for the policies that weigh.

    Raises:
        UnknownPolicyError: There is no such policy.
    """
    if name not in _POLICIES:
        raise UnknownPolicyError(f"There is no policy {name!r}: choose one of {', '.join(_POLICIES)}.")
    return _POLICIES[name](costs, max_batch, utility)
