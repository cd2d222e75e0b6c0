"""The step on the device: its jobs as they were when it began, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from interim.scheduling.charge import Charge, together_s
from interim.scheduling.mandatory import batch_charge

if TYPE_CHECKING:
    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A step on the device.

    Attributes:
        step: Which.
        jobs: Its jobs, as they were when it began.
        expected_s: When it is expected to end.
        until_s: When it ends at the latest, as far as promises count on that.
        stall_s: How much of what lies between the two is a stall.
    """

    step: Step
    jobs: tuple[Job, ...]
    expected_s: float
    until_s: float
    stall_s: float

    @classmethod
    def begun(cls, now_s: float, step: Step, jobs: tuple[Job, ...], costs: CostModel) -> Self:
        """A step that begins now."""
        charge = batch_charge(jobs, costs)
        return cls(
            step=step,
            jobs=jobs,
            expected_s=now_s + charge.mean_s,
            until_s=now_s + charge.seconds,
            stall_s=together_s(charge.stalls),
        )

    def given_up(self, by_s: float) -> Running:
        """The same, but over by `by_s`, as nobody waits for it any more, and may well take until then."""
        if by_s >= self.until_s:
            return self
        return replace(self, expected_s=min(self.expected_s, by_s), until_s=by_s, stall_s=0.0)

    def free_s(self, now_s: float) -> tuple[float, Charge]:
        """When the device is expected to come free, and what it may take longer.

        What it has taken longer already was its tail: what is left to come is the stall, which work that
        follows is charged in full as long as it does not come.
        """
        free_s = max(now_s, self.expected_s)
        later_s = max(self.until_s - free_s, 0.0)
        stall_s = min(self.stall_s, later_s)
        return free_s, Charge.of(0.0, later_s - stall_s, stall_s)
