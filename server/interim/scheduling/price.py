"""The price of device time, µ(t): the gain per second below which a stage is not worth its time under this load."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interim.scheduling.changes import Changes
    from interim.scheduling.hull import Segment
    from interim.scheduling.job import Job
    from interim.scheduling.outlook import Outlook, Outlooks

WINDOW = 24
"""Arrivals that the forecast looks back on: a burst is seen within a few of them."""

UP, DOWN = 1.35, 0.97
"""The correction grows by UP when worthwhile work expired, and shrinks by DOWN at a decision without need."""

MOST = 8.0
"""The correction stays between 1 / MOST and MOST."""

_FEWEST = 6


class Price:
    """A forecast from the recent arrivals, times a correction from what really became of their work.

    The forecast: had the device run the work of the last arrivals in order of density for as long as they
    took to come, the density it would have got to. 0 where it would have got through, so also when idle.

    Args:
        up: What the correction grows by; 1 for a policy that leaves out on purpose what does not fit.
    """

    def __init__(self, up: float = UP) -> None:
        self._up = up
        self._recent: deque[tuple[float, Outlook]] = deque()
        self._pieces: list[Segment] = []
        self._spent_s: list[float] = []
        self._correction = 1.0
        self._slack: Job | None = None  # chosen for want of better
        self.value = 0.0
        self._decision = _Decision(-inf, self._correction, self._slack, self.value)

    def update(self, now_s: float, changes: Changes, outlooks: Outlooks) -> None:
        """Take in who came and who left since the last decision."""
        if now_s != self._decision.now_s:
            self._decision = _Decision(now_s, self._correction, self._slack, self.value)
        self._slack = None
        # They may be told in any order, and the window looks back from the oldest.
        for job in sorted(changes.came, key=lambda job: (job.arrival_s, job.id)):
            self._meet(job.arrival_s, outlooks.of(job))
        if changes.came:
            self._spent_s = list(accumulate(piece.cost_s for piece in reversed(self._pieces)))
        self._correction = self._decision.correct(changes, outlooks, self._up)
        self.value = self._forecast(now_s) * self._correction

    def relax(self, job: Job) -> None:
        """Nothing that waits is worth the price, and `job` was chosen all the same: the price is too high.

        It counts once the job has run: a choice may be made again before.
        """
        self._slack = job

    def _meet(self, arrival_s: float, outlook: Outlook) -> None:
        """Count one more arrival; the oldest is forgotten when the window is full."""
        if len(self._recent) == WINDOW:
            _, old = self._recent.popleft()
            for piece in old.segments:
                del self._pieces[bisect_left(self._pieces, piece)]
        self._recent.append((arrival_s, outlook))
        for piece in outlook.segments:
            insort(self._pieces, piece)

    def _forecast(self, now_s: float) -> float:
        if len(self._recent) < _FEWEST:
            return 0.0
        place = bisect_right(self._spent_s, now_s - self._recent[0][0])
        return self._pieces[-1 - place].density if place < len(self._pieces) else 0.0


class _Decision:
    """What one decision learns from those before. It may be made several times, as jobs come and go: that is one.

    Args:
        now_s: The instant it is for.
        correction: The correction before it.
        slack: The job that was chosen before for want of better.
        value: The price that others were passed over for.
    """

    __slots__ = ("_correction", "_missed", "_slack", "_spare", "_value", "now_s")

    def __init__(self, now_s: float, correction: float, slack: Job | None, value: float) -> None:
        self.now_s = now_s
        self._correction, self._slack, self._value = correction, slack, value
        self._spare = self._missed = False

    def correct(self, changes: Changes, outlooks: Outlooks, up: float) -> float:
        """The correction, with what changed since it was asked last."""
        self._spare = self._spare or (self._slack is not None and _has_run(self._slack, changes))
        self._missed = self._missed or any(self._expired(job, outlooks) for job in changes.left)
        correction = self._correction
        if self._spare:
            correction = max(correction * DOWN, 1.0 / MOST)
        return min(correction * up, MOST) if self._missed else correction

    def _expired(self, job: Job, outlooks: Outlooks) -> bool:
        """Whether a job that is gone ran out of time with a stage left that was worth the price."""
        if job.answer_by_s > self.now_s:
            return False
        left = outlooks.last(job.id)
        return left is not None and left.density > self._value


def _has_run(job: Job, changes: Changes) -> bool:
    """Whether a job that was chosen stands further now, or is gone."""
    return any(other.id == job.id for other in changes.left) or any(
        other.id == job.id and other.exit > job.exit for other in changes.fresh
    )
