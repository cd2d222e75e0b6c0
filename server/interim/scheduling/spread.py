"""How far observed times lie from predicted ones: quantiles of the recent ratios."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOW = 1024  # a promise is one in a thousand: fewer could not tell such a tail
UNTOLD = 0.4
"""What a sudden crowd adds to stages that were calm so far: the first of eight clients at once saw 1.3 to 1.7
times the usual on two cores. It fades while the window fills."""

_FEWEST = 8


class Spread:
    """Ratios observed / predicted of the last `WINDOW` observations, and their quantiles."""

    __slots__ = ("_recent", "_sorted")

    def __init__(self, ratios: Iterable[float] = ()) -> None:
        self._recent: deque[float] = deque(ratios, maxlen=WINDOW)
        self._sorted: list[float] = sorted(self._recent)

    def add(self, ratio: float) -> None:
        """Remember one more ratio; the oldest is forgotten when the window is full."""
        if len(self._recent) == WINDOW:
            del self._sorted[bisect_left(self._sorted, self._recent[0])]
        self._recent.append(ratio)
        insort(self._sorted, ratio)

    def quantile(self, q: float) -> float:
        """The q-quantile of the ratios (linear between neighbours), never below 1 for q >= 0.5.

        Few observations say little about the tail: the excess of the margin is 1 / n, and the least that is
        charged is `UNTOLD` above the mean for a tail that none of them can have shown.
        """
        n = len(self._sorted)
        if n == 0:
            return 2.0
        place = q * (n - 1)
        low = int(place)
        high = min(low + 1, n - 1)
        value = self._sorted[low] + (place - low) * (self._sorted[high] - self._sorted[low])
        if q < 0.5:
            return value
        untold = max(1.0 - n * (1.0 - q), 0.0)
        return max(max(value, 1.0) * (1.0 + 1.0 / n), 1.0 + UNTOLD * untold)

    def doubt(self) -> None:
        """Forget the largest quarter of the ratios, at least one: a bad minute of the machine, perhaps.

        A few always stay.
        """
        spare = max(len(self._sorted) - _FEWEST, 0)
        for _ in range(min(max(len(self._sorted) // 4, 1), spare)):
            self._recent.remove(self._sorted.pop())

    def to_list(self) -> list[float]:
        """The ratios, oldest first."""
        return list(self._recent)

    @classmethod
    def from_list(cls, ratios: Iterable[float]) -> Self:
        """The inverse of `to_list`."""
        return cls(ratios)
