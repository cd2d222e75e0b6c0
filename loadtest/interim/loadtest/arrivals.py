"""When requests are sent: arrival processes, seeded, drawn before the run and never by what it answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random


class Arrivals(Protocol):
    """An open-loop arrival process: its instants depend on the seed alone."""

    @property
    def rate_hz(self) -> float:
        """Requests per second in the long run."""
        ...

    def instants(self, random: Random) -> Iterator[float]:
        """When requests are sent, in seconds from the start of the run: rising; only a recording ends by itself."""
        ...

    def at_rate(self, rate_hz: float) -> Arrivals:
        """The same process, faster or slower."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson:
    """Independent arrivals: the gaps are exponential with mean 1 / `rate_hz` seconds."""

    rate_hz: float

    def instants(self, random: Random) -> Iterator[float]:
        """When requests are sent, in seconds from the start of the run."""
        now_s = 0.0
        while True:
            now_s += random.expovariate(self.rate_hz)
            yield now_s

    def at_rate(self, rate_hz: float) -> Poisson:
        """The same process, faster or slower."""
        return Poisson(rate_hz=rate_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regular:
    """A clockwork source, such as a camera: one arrival every 1 / `rate_hz` seconds, the first at 0."""

    rate_hz: float

    def instants(self, random: Random) -> Iterator[float]:  # noqa: ARG002  nothing is drawn
        """When requests are sent, in seconds from the start of the run."""
        index = 0
        while True:
            yield index / self.rate_hz
            index += 1

    def at_rate(self, rate_hz: float) -> Regular:
        """The same process, faster or slower."""
        return Regular(rate_hz=rate_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamma:
    """Renewals with gamma distributed gaps: `variation` is their deviation over their mean (Poisson: 1)."""

    rate_hz: float
    variation: float

    def instants(self, random: Random) -> Iterator[float]:
        """When requests are sent, in seconds from the start of the run."""
        shape = self.variation**-2
        now_s = 0.0
        while True:
            now_s += random.gammavariate(shape, 1.0 / (self.rate_hz * shape))
            yield now_s

    def at_rate(self, rate_hz: float) -> Gamma:
        """The same process, faster or slower."""
        return Gamma(rate_hz=rate_hz, variation=self.variation)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoState:
    """Bursts: Poisson arrivals whose rate alternates between `calm` and `burst` times `rate_hz`.

    A Markov modulated Poisson process; it begins calm. Its states last `calm_s` and `burst_s` on average,
    whatever the rate, so that (calm · calm_s + burst · burst_s) / (calm_s + burst_s) should be 1.
    """

    rate_hz: float
    calm: float = 0.4
    burst: float = 3.4
    calm_s: float
    burst_s: float

    def instants(self, random: Random) -> Iterator[float]:
        """When requests are sent, in seconds from the start of the run."""
        begun_s = 0.0
        while True:
            for factor, mean_s in ((self.calm, self.calm_s), (self.burst, self.burst_s)):
                end_s = begun_s + random.expovariate(1.0 / mean_s)
                now_s = begun_s + random.expovariate(self.rate_hz * factor)
                while now_s < end_s:
                    yield now_s
                    now_s += random.expovariate(self.rate_hz * factor)
                begun_s = end_s

    def at_rate(self, rate_hz: float) -> TwoState:
        """The same states, with more or fewer arrivals in them."""
        return replace(self, rate_hz=rate_hz)
