"""What a stage will cost: fitted online from what stages did cost, for each stage and size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from interim.scheduling.charge import Charge
from interim.scheduling.errors import UnmeasuredError
from interim.scheduling.line import Line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from interim.scheduling.job import Size

UNSEEN_FACTOR = 3.0
"""What a size that was never measured is charged, relative to its share of pixels (docs/design.md)."""

OFTEN = 10.0
"""What is exceeded this many times as often as the quantile of a promise can happen to all stages of a row at once."""

MOST_LINES = 512  # (stage, size) pairs; the one longest unused is forgotten first

MOST_CHARGES = 256
"""Of one stage and size, until it is measured again."""


class CostModel:
    """Predicts and learns the seconds of a step: stage (its exit, from 1), size, active share, batch.

    Deterministic: the same observations in the same order give the same predictions.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[int, Size], Line] = {}
        self._guesses: dict[tuple[int, Size], float] = {}
        self._charges: dict[tuple[int, Size], dict[tuple[float, float, int], Charge]] = {}

    def observe(
        self, stage: int, size: Size, seconds: float, *, active_share: float = 1.0, batch: int = 1
    ) -> None:
        """Learn from one step.

        Args:
            stage: The exit it ends at, from 1.
            size: Height and width, padded, in pixels.
            seconds: What the step took, its exit and maps included.
            active_share: The mean share of positions it refined, over the batch.
            batch: How many jobs it ran.
        """
        key = (stage, size)
        line = self._lines.pop(key, None) or Line()
        self._lines[key] = line
        line.observe(active_share, batch, seconds)
        self._guesses.clear()
        self._charges.pop(key, None)
        if len(self._lines) > MOST_LINES:
            oldest = next(iter(self._lines))
            del self._lines[oldest]
            self._charges.pop(oldest, None)

    def mean(self, stage: int, size: Size, *, active_share: float = 1.0, batch: int = 1) -> float:
        """Expected seconds of a step.

        Raises:
            UnmeasuredError: Nothing was ever measured.
        """
        line = self._lines.get((stage, size))
        return line.mean(active_share, batch) if line else batch * self._guess(stage, size)

    def predict(
        self, stage: int, size: Size, quantile: float, *, active_share: float = 1.0, batch: int = 1
    ) -> float:
        """Seconds that a step stays within with probability `quantile`, by its recent spread.

        Raises:
            UnmeasuredError: Nothing was ever measured.
        """
        return self.charge(stage, size, quantile, active_share=active_share, batch=batch).seconds

    def charge(
        self, stage: int, size: Size, quantile: float, *, active_share: float = 1.0, batch: int = 1
    ) -> Charge:
        """What a step is charged among others, so that `predict` says what it takes alone.

        Raises:
            UnmeasuredError: Nothing was ever measured.
        """
        key = (stage, size)
        line = self._lines.get(key)
        if line is None:
            return Charge.of(batch * self._guess(stage, size))
        like = (quantile, active_share, batch)
        charges = self._charges.setdefault(key, {})
        charge = charges.get(like)  # asked for many jobs alike, and again when the step begins
        if charge is None:
            if len(charges) == MOST_CHARGES:
                charges.clear()
            charge = charges[like] = _charge(line, *like)
        return charge

    def measured(self, stage: int, size: Size) -> bool:
        """Whether this stage was measured at this size."""
        return (stage, size) in self._lines

    def doubt(self, stage: int, size: Size) -> None:
        """Let the next observations of a stage count for more than all there were (see `Line.doubt`)."""
        line = self._lines.get((stage, size))
        if line is not None:
            line.doubt()
            self._charges.pop((stage, size), None)

    def _guess(self, stage: int, size: Size) -> float:
        """Three times the nearest measured size, scaled by pixels; of the dearest stage if this never ran."""
        key = (stage, size)
        if key not in self._guesses:
            near = [known for known in self._lines if known[0] == stage] or list(self._lines)
            if not near:
                raise UnmeasuredError(
                    "No stage was measured yet: run each stage once before asking for costs."
                )
            gap = min(_gap(known[1], size) for known in near)
            self._guesses[key] = UNSEEN_FACTOR * max(
                self._lines[known].alone(1.0) * _pixels(size) / _pixels(known[1])
                for known in near
                if _gap(known[1], size) == gap
            )
        return self._guesses[key]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: what was learnt, to start from or to simulate with."""
        return {
            "lines": [
                {"exit": exit_, "height": size[0], "width": size[1], **line.to_dict()}
                for (exit_, size), line in self._lines.items()
            ]
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        model = cls()
        for entry in data["lines"]:
            size = (int(entry["height"]), int(entry["width"]))
            model._lines[int(entry["exit"]), size] = Line.from_dict(entry)
        return model


def _charge(line: Line, quantile: float, active_share: float, batch: int) -> Charge:
    """What a measured step is charged: its mean, what is often slow, and what rarely is."""
    mean_s = line.mean(active_share, batch)
    most = line.spread.quantile(quantile)
    often = min(line.spread.quantile(max(1.0 - OFTEN * (1.0 - quantile), 0.5)), most)
    least = min(often, 1.0)
    return Charge.of(mean_s * least, mean_s * (often - least), mean_s * (most - often))


def _pixels(size: Size) -> int:
    return size[0] * size[1]


def _gap(one: Size, other: Size) -> float:
    """How many times the larger of two sizes has the pixels of the smaller."""
    ratio = _pixels(one) / _pixels(other)
    return max(ratio, 1.0 / ratio)
