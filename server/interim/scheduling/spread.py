"""How far observed times lie from predicted ones: quantiles of the recent ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from interim.scheduling.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOW = 1024  # a promise is one in a thousand: fewer could not tell such a tail
UNTOLD = 0.4
"""What a sudden crowd adds to stages that were calm so far: the first of eight clients at once saw 1.3 to 1.7
times the usual on two cores. It fades while the window fills."""

_FEWEST = 8


class Spread:
    """Ratios observed / predicted of the last `WINDOW` observations, and their quantiles."""

    __slots__ = ("_ratios",)

    def __init__(self, ratios: Iterable[float] = ()) -> None:
        self._ratios = Window(WINDOW, ratios)

    def add(self, ratio: float) -> None:
        """Remember one more ratio; the oldest is forgotten when the window is full."""
        self._ratios.add(ratio)

    def quantile(self, q: float) -> float:
        """The q-quantile of the ratios (linear between neighbours), never below 1 for q >= 0.5.

        Few observations say little about the tail: the excess of the margin is 1 / n, and the least that is
        charged is `UNTOLD` above the mean for a tail that none of them can have shown.
        """
        n = len(self._ratios)
        if n == 0:
            return 2.0
        value = self._ratios.between(q)
        if q < 0.5:
            return value
        untold = max(1.0 - n * (1.0 - q), 0.0)
        return max(max(value, 1.0) * (1.0 + 1.0 / n), 1.0 + UNTOLD * untold)

    def doubt(self) -> None:
        """Forget the largest quarter of the ratios, at least one: a bad minute of the machine, perhaps.

        A few always stay.
        """
        n = len(self._ratios)
        self._ratios.forget_largest(min(max(n // 4, 1), max(n - _FEWEST, 0)))

    def to_list(self) -> list[float]:
        """The ratios, oldest first."""
        return self._ratios.to_list()

    @classmethod
    def from_list(cls, ratios: Iterable[float]) -> Self:
        """The inverse of `to_list`."""
        return cls(ratios)
