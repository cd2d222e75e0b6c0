"""How much of the device's time first exits ask for, and the room that promises to come need by that."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from interim.scheduling.job import Job
    from interim.scheduling.outlook import Outlooks

WINDOW = 128
"""Arrivals that are looked back on: several bursts, so that one of them does not pass for the load."""

MOST_ROOM = 6.0
"""The most room, in shares of what is owed: near its limit a device refuses some, whatever waits.

Of loads that step up to 0.8 of exit 1 the simulator refused a third fewer with 6 than with 3, and no more with 12.
"""

_FEWEST = 6


class Demand:
    """The load of first exits, from the recent arrivals of admitted jobs."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque()
        self._work_s = 0.0

    def meet(self, came: Iterable[Job], outlooks: Outlooks) -> None:
        """Count arrivals; the oldest are forgotten when the window is full."""
        for job in came:
            work_s = outlooks.of(job).stage_s
            self._recent.append((job.arrival_s, work_s))
            self._work_s += work_s
            if len(self._recent) > WINDOW:
                self._work_s -= self._recent.popleft()[1]

    @property
    def room(self) -> float:
        """How much more promised work is to be expected while what is owed is done, in shares of that.

        A device that first exits keep busy for a share a of its time has a / (1 - a) as much to do as comes
        before it is through with what waits: each second of work brings a seconds, these a² and so on.
        """
        if len(self._recent) < _FEWEST:
            return 0.0
        span_s = self._recent[-1][0] - self._recent[0][0]
        spare_s = span_s - self._work_s
        return min(self._work_s / spare_s, MOST_ROOM) if spare_s > 0.0 else MOST_ROOM
