"""The latest values, and where in their order they lie."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Window:
    """The last `most` values: as they came, and in order."""

    __slots__ = ("_recent", "_sorted")

    def __init__(self, most: int, values: Iterable[float] = ()) -> None:
        self._recent: deque[float] = deque(values, maxlen=most)
        self._sorted: list[float] = sorted(self._recent)

    def add(self, value: float) -> None:
        """Remember one more; the oldest is forgotten when the window is full."""
        if len(self._recent) == self._recent.maxlen:
            del self._sorted[bisect_left(self._sorted, self._recent[0])]
        self._recent.append(value)
        insort(self._sorted, value)

    def forget_largest(self, count: int) -> None:
        """Forget this many, the largest first; all of them where there are no more."""
        for _ in range(min(count, len(self._sorted))):
            self._recent.remove(self._sorted.pop())

    def __len__(self) -> int:
        """How many values are remembered."""
        return len(self._sorted)

    def between(self, quantile: float) -> float:
        """The quantile, linear between its neighbours.

        Raises:
            IndexError: No value is remembered.
        """
        place = quantile * (len(self._sorted) - 1)
        low = int(place)
        high = min(low + 1, len(self._sorted) - 1)
        return self._sorted[low] + (place - low) * (self._sorted[high] - self._sorted[low])

    def above(self, quantile: float) -> float:
        """The quantile as a value that was seen: the nearest rank, never below it.

        Raises:
            IndexError: No value is remembered.
        """
        return self._sorted[min(int(quantile * len(self._sorted)), len(self._sorted) - 1)]

    def to_list(self) -> list[float]:
        """The values, oldest first."""
        return list(self._recent)
