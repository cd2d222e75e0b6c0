"""Log lines about what may happen a thousand times a second: one a minute for each matter."""

import logging
from collections.abc import Callable

from interim.server.telemetry.log import note

MINUTE_S = 60.0


class Seldom:
    """Lets one line a minute through for each matter; it says how often the matter came up since the last."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._times: dict[str, int] = {}
        self._said_s: dict[str, float] = {}

    def note(self, matter: str, message: str, *, level: int = logging.INFO, **facts: object) -> None:
        """Something happened; `facts` are those of this time."""
        now_s = self._clock()
        self._times[matter] = self._times.get(matter, 0) + 1
        if now_s - self._said_s.get(matter, float("-inf")) < MINUTE_S:
            return
        self._said_s[matter] = now_s
        note(self._log, message, level=level, times=self._times.pop(matter), **facts)
