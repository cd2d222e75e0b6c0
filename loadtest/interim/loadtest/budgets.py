"""How long requests may take: budget distributions, seeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from random import Random


class Budgets(Protocol):
    """A distribution of budgets in milliseconds."""

    def draw(self, random: Random) -> float:
        """The budget of the next request, in milliseconds."""
        ...

    def times(self, factor: float) -> Budgets:
        """The same distribution of budgets that are all `factor` times as long."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Every request has the same budget."""

    ms: float

    def draw(self, random: Random) -> float:  # noqa: ARG002  nothing is drawn
        """The budget of the next request, in milliseconds."""
        return self.ms

    def times(self, factor: float) -> Constant:
        """The same, longer or shorter."""
        return Constant(ms=self.ms * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Any budget from `low_ms` to `high_ms` is as likely as any other."""

    low_ms: float
    high_ms: float

    def draw(self, random: Random) -> float:
        """The budget of the next request, in milliseconds."""
        return random.uniform(self.low_ms, self.high_ms)

    def times(self, factor: float) -> Uniform:
        """The same, longer or shorter."""
        return Uniform(low_ms=self.low_ms * factor, high_ms=self.high_ms * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal:
    """Half are below `median_ms`, and a few are far above; `spread` is the deviation of the logarithm."""

    median_ms: float
    spread: float

    def draw(self, random: Random) -> float:
        """The budget of the next request, in milliseconds."""
        return self.median_ms * random.lognormvariate(0.0, self.spread)

    def times(self, factor: float) -> LogNormal:
        """The same, longer or shorter."""
        return LogNormal(median_ms=self.median_ms * factor, spread=self.spread)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a list of budgets, each as likely as its weight says (no weights: all alike)."""

    values_ms: tuple[float, ...]
    weights: tuple[float, ...] = ()

    def draw(self, random: Random) -> float:
        """The budget of the next request, in milliseconds."""
        return random.choices(self.values_ms, weights=self.weights or None)[0]

    def times(self, factor: float) -> Choice:
        """The same, longer or shorter."""
        return Choice(values_ms=tuple(ms * factor for ms in self.values_ms), weights=self.weights)
