"""Costs in doubt: a prediction that refused a job on an idle device has to be measured again.

Refusing teaches nothing: a size that was never run, or one whose last runs fell into a bad minute of the
machine, could otherwise refuse every tight request for ever, on a device that has nothing else to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interim.scheduling.job import Size

AGAIN_S = 1.0
"""A size is not measured again sooner than this: a budget that is hopeless must not keep the device busy."""

MEASURED_AFTER = 4.0
"""How long measuring takes at most, in times of what the stages are charged: they run three times, the first of
these slower."""

MOST_SIZES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Measure the stages that end at exits 1 to `exits`, at `size` (height, width, padded pixels)."""

    size: Size
    exits: int


class Doubts:
    """The open doubts of one device, oldest first."""

    def __init__(self) -> None:
        self._open: dict[Size, int] = {}
        self._settled_s: dict[Size, float] = {}

    def add(self, now_s: float, size: Size, exits: int) -> bool:
        """The costs up to exit `exits` refused a job of this size though nothing else was to be done.

        Returns:
            Whether they will be measured; they are not where that was done just now.
        """
        if now_s - self._settled_s.get(size, -AGAIN_S) < AGAIN_S or len(self._open) == MOST_SIZES:
            return False
        self._open[size] = max(exits, self._open.get(size, 0))
        return True

    def take(self, now_s: float) -> Doubt | None:
        """The oldest doubt, to be measured now; None when there is none."""
        if not self._open:
            return None
        size = next(iter(self._open))
        self._settled_s.pop(size, None)
        self._settled_s[size] = now_s
        if len(self._settled_s) > MOST_SIZES:
            del self._settled_s[next(iter(self._settled_s))]
        return Doubt(size=size, exits=self._open.pop(size))
