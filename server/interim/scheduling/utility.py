"""What stopping at each exit is worth: validated quality, refined by what a job showed, weighted by class."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from interim.scheduling.job import Job


class Utility(Protocol):
    """What a policy knows of the worth, and of the size, of the stages a job has still before it."""

    def gains(self, job: Job) -> Sequence[float]:
        """What exits `job.exit + 1` to `job.max_exit` are expected to add, each to the one before; weighted."""

    def shares(self, job: Job) -> Sequence[float]:
        """The expected active shares of the same stages; the first, if there is one, is `job.active_share`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedUtility:
    """Utility from a validation set: exit k is worth `quality[k - 1]`, no exit at all is worth 0.

    A job whose next stage has more to do than the mean job has more to gain: both the gains and the later
    active shares are scaled by its active share against the mean one of that stage. (That the gain grows
    with the mask is an assumption, so the ratio is kept within `MOST_RATIO`; measure it per model.)

    Attributes:
        quality: Mean score per image of each exit, from exit 1 on.
        active_share: Mean share of positions that each stage refines, from stage 1 on; 1 for those missing.
        class_weights: What a request of a class counts, on top of `Job.weight`; 1 for those missing.
    """

    quality: tuple[float, ...]
    active_share: tuple[float, ...] = ()
    class_weights: Mapping[str, float] = field(default_factory=dict)
    _added: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the numbers, and work out what each exit adds to the one before.

        Raises:
            ValueError: A share is not in (0, 1], or a weight is negative.
        """
        for share in self.active_share:
            if not 0.0 < share <= 1.0:
                raise ValueError(f"An active share of {share} is not in (0, 1].")
        for name, weight in self.class_weights.items():
            if weight < 0.0:
                raise ValueError(f"Class {name!r} has weight {weight}: give 0 or more.")
        added = tuple(after - before for before, after in pairwise((0.0, *self.quality)))
        object.__setattr__(self, "_added", added)  # frozen

    def gains(self, job: Job) -> Sequence[float]:
        """See `Utility`. Exits past the validated ones add nothing."""
        scale = self._ratio(job) * job.weight * self.class_weights.get(job.request_class, 1.0)
        known = [scale * added for added in self._added[job.exit : job.max_exit]]
        return known + [0.0] * (job.max_exit - job.exit - len(known))

    def shares(self, job: Job) -> Sequence[float]:
        """See `Utility`."""
        if job.exit >= job.max_exit:
            return []
        ratio = self._ratio(job)
        known = [min(ratio * share, 1.0) for share in self.active_share[job.exit + 1 : job.max_exit]]
        others = [min(ratio, 1.0)] * (job.max_exit - job.exit - 1 - len(known))
        return [job.active_share, *known, *others]

    def _ratio(self, job: Job) -> float:
        """The job's active share against the mean one; 1 while nothing was observed."""
        ratio = job.active_share / self._share(job.exit + 1) if job.exit else 1.0
        return min(ratio, MOST_RATIO)

    def _share(self, stage: int) -> float:
        return self.active_share[stage - 1] if stage <= len(self.active_share) else 1.0


MOST_RATIO = 4.0
"""No job is believed to gain more than this many times the mean."""

HALVING = ValidatedUtility(quality=tuple(1.0 - 0.5**exit_ for exit_ in range(1, 9)))
"""For a model without validated quality: each exit adds half of what the one before added."""
