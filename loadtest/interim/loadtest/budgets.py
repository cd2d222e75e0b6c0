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


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Every request has the same budget."""

    ms: float

    def draw(self, random: Random) -> float:  # noqa: ARG002  nothing is drawn
        """The budget of the next request, in milliseconds."""
        return self.ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Any budget from `low_ms` to `high_ms` is as likely as any other."""

    low_ms: float
    high_ms: float

    def draw(self, random: Random) -> float:
        """The budget of the next request, in milliseconds."""
        return random.uniform(self.low_ms, self.high_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a list of budgets, each as likely as its weight says (no weights: all alike)."""

    values_ms: tuple[float, ...]
    weights: tuple[float, ...] = ()

    def draw(self, random: Random) -> float:
        """The budget of the next request, in milliseconds."""
        return random.choices(self.values_ms, weights=self.weights or None)[0]
