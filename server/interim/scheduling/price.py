"""The price of device time, µ(t): the gain per second below which a stage is not worth its time under this load."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from itertools import accumulate, chain
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
        self._slack: int | None = None  # the job chosen for want of better
        self.value = 0.0

    def update(self, now_s: float, changes: Changes, outlooks: Outlooks) -> None:
        """Take in who came and who left since the last decision."""
        if any(job.id == self._slack for job in chain(changes.fresh, changes.left)):
            self._correction = max(self._correction * DOWN, 1.0 / MOST)
        self._slack = None
        for job in changes.came:
            self._meet(job.arrival_s, outlooks.of(job))
        if changes.came:
            self._spent_s = list(accumulate(piece.cost_s for piece in reversed(self._pieces)))
        if any(self._expired(job, now_s, outlooks) for job in changes.left):
            self._correction = min(self._correction * self._up, MOST)
        self.value = self._forecast(now_s) * self._correction

    def relax(self, job_id: int) -> None:
        """Nothing that waits is worth the price, and this job was chosen all the same: the price is too high.

        It counts once the job has run: a choice may be made again before.
        """
        self._slack = job_id

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

    def _expired(self, job: Job, now_s: float, outlooks: Outlooks) -> bool:
        """Whether a job that is gone ran out of time with a stage left that was worth the price."""
        if job.answer_by_s > now_s:
            return False
        left = outlooks.last(job.id)
        return left is not None and left.density > self.value
