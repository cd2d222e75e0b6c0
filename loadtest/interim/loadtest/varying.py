"""Arrival processes whose rate changes: steps, a daily cycle, a trace of real arrivals."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from random import Random
from typing import TYPE_CHECKING

from interim.loadtest.entries import ScenarioError, reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Poisson arrivals whose rate jumps: to `rates_hz[k]` at `at_s[k]` seconds; the first begins at 0."""

    rates_hz: tuple[float, ...]
    at_s: tuple[float, ...]

    @property
    def rate_hz(self) -> float:
        """Requests per second in the first step: the rate the others are told from."""
        return self.rates_hz[0]

    def instants(self, random: Random) -> Iterator[float]:
        """When requests are sent, in seconds from the start of the run."""
        for rate_hz, begin_s, end_s in zip(self.rates_hz, self.at_s, (*self.at_s[1:], math.inf), strict=True):
            now_s = begin_s + random.expovariate(rate_hz)  # no memory: each step may begin anew
            while now_s < end_s:
                yield now_s
                now_s += random.expovariate(rate_hz)

    def at_rate(self, rate_hz: float) -> Steps:
        """The same steps, all of them higher or lower by what the first one is."""
        factor = rate_hz / self.rate_hz
        return replace(self, rates_hz=tuple(each * factor for each in self.rates_hz))


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """Poisson arrivals whose rate swings about `rate_hz` like a sine, lowest at the start, once in `day_s`.

    `swing` is how far it goes up and down, as a share of the mean: 1 means that nights are silent.
    """

    rate_hz: float
    swing: float
    day_s: float

    def instants(self, random: Random) -> Iterator[float]:
        """When requests are sent: drawn at the highest rate and thinned (Lewis and Shedler, 1979)."""
        most_hz = self.rate_hz * (1.0 + self.swing)
        now_s = 0.0
        while True:
            now_s += random.expovariate(most_hz)
            if random.random() * most_hz < self.rate_at(now_s):
                yield now_s

    def rate_at(self, at_s: float) -> float:
        """Requests per second at an instant."""
        return self.rate_hz * (1.0 - self.swing * math.cos(2.0 * math.pi * at_s / self.day_s))

    def at_rate(self, rate_hz: float) -> Daily:
        """The same day with more or fewer requests in it."""
        return replace(self, rate_hz=rate_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Arrivals as they were recorded; `times_s` from the first, rising. It ends with the recording."""

    times_s: tuple[float, ...]

    @property
    def rate_hz(self) -> float:
        """Requests per second over the recording."""
        return len(self.times_s) / max(self.times_s[-1], 1e-9)

    def instants(self, random: Random) -> Iterator[float]:  # noqa: ARG002  nothing is drawn
        """When requests are sent, in seconds from the start of the run."""
        return iter(self.times_s)

    def at_rate(self, rate_hz: float) -> Replay:
        """The same recording played faster or slower."""
        factor = self.rate_hz / rate_hz
        return Replay(times_s=tuple(at_s * factor for at_s in self.times_s))


def read_trace(
    path: Path, *, column: str, counts: bool = False, from_s: float = 0.0, seed: int = 0
) -> Replay:
    """Arrivals from a CSV file with a header line.

    Args:
        path: The file.
        column: Which column: of instants in seconds or, with `counts`, of how many came in each second.
        counts: Whether the column counts; inside its second an arrival may lie anywhere.
        from_s: Where to begin, in seconds from the first row.
        seed: Places the arrivals inside their seconds.

    Raises:
        ScenarioError: The file cannot be read, or a row breaks a rule; the message names its line.
    """
    values = _column(path, column)
    if counts:
        random = Random(f"{seed} {path.name}")
        totals = map(int, accumulate(values, initial=0.0))  # parts of one add up to whole ones
        times_s = sorted(
            second + random.random()
            for second, (before, after) in enumerate(pairwise(totals))
            for _ in range(after - before)
        )
    else:
        _check_rising(path, values)
        times_s = [at_s - values[0] for at_s in values]
    kept = [at_s - from_s for at_s in times_s if at_s >= from_s]
    if not kept or kept[-1] <= 0.0:
        raise ScenarioError(f"{path} has no arrivals after {from_s:g} s: begin earlier.")
    return Replay(times_s=tuple(kept))


def _column(path: Path, column: str) -> list[float]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if column not in (rows.fieldnames or ()):
                there = ", ".join(rows.fieldnames or ["none"])
                raise ScenarioError(f"{path} has no column {column!r}; its columns are: {there}.")
            values = [_number(path, rows.line_num, row[column]) for row in rows]
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"The trace {path} cannot be read ({reason(error)}).") from error
    if len(values) < 2:
        raise ScenarioError(f"{path} holds fewer than two rows: a trace has a beginning and an end.")
    return values


def _number(path: Path, line: int, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0.0):
        raise ScenarioError(f"{path}, line {line}: {text!r} is no finite number of at least 0.")
    return value


def _check_rising(path: Path, values: Sequence[float]) -> None:
    for line, (before, after) in enumerate(pairwise(values), start=3):
        if after < before:
            raise ScenarioError(
                f"{path}, line {line}: the trace goes backwards, from {before:g} to {after:g} s: sort it."
            )
