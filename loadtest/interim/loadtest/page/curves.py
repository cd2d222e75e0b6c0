"""What the plots show, as numbers: counts over time and load, quantiles, what was in flight. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.loadtest.outcome import Ending
from interim.loadtest.quantiles import quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from interim.loadtest.outcome import Outcome

NO_EXIT, REFUSED, OTHER = "no exit in time", "refused", "cancelled or failed"
"""What becomes of requests that no exit answers in time; the others are called `exit 1`, `exit 2`, …."""

_MOST_BINS = 90
_ENOUGH = 10  # requests in a bin, about, that a quantile of them means something


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Stretches of equal length, from 0: of time in seconds, or of slack in ms from `start`."""

    start: float = 0.0
    width: float
    count: int

    def place(self, value: float) -> int:
        """The bin of a value; the first or last one for those outside."""
        return min(max(int((value - self.start) // self.width), 0), self.count - 1)

    @property
    def edges(self) -> tuple[float, ...]:
        """Where the bins begin, and where the last one ends."""
        return tuple(self.start + index * self.width for index in range(self.count + 1))


def nice(span: float, most: int) -> float:
    """The least 1, 2 or 5 times a power of ten of which at most `most` cover `span`."""
    least = max(span, 1e-9) / most
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def time_bins(outcomes: Sequence[Outcome]) -> Bins:
    """Bins of time over the whole sending, of some requests each."""
    last_s = max((outcome.send_s for outcome in outcomes), default=1.0)
    width = nice(max(last_s, 1e-3), min(max(len(outcomes) // _ENOUGH, 12), _MOST_BINS))
    return Bins(width=width, count=int(last_s // width) + 1)


def fate(outcome: Outcome) -> str:
    """What became of a request, in the words of the legends."""
    if outcome.ending is Ending.REFUSED:
        return REFUSED
    if not outcome.admitted:
        return OTHER
    return f"exit {outcome.exit_in_time}" if outcome.exit_in_time else NO_EXIT


def fates(exits: int) -> tuple[str, ...]:
    """All that may become of a request, the deepest exit first."""
    return (*(f"exit {exit_}" for exit_ in range(exits, 0, -1)), NO_EXIT, REFUSED, OTHER)


def fates_over_time(outcomes: Sequence[Outcome], exits: int, bins: Bins) -> dict[str, list[float]]:
    """Requests a second in each bin, by what became of them."""
    counts = {name: [0.0] * bins.count for name in fates(exits)}
    for outcome in outcomes:
        counts[fate(outcome)][bins.place(outcome.send_s)] += 1.0 / bins.width
    return {name: column for name, column in counts.items() if any(column) or name.startswith("exit")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Requests that were sent while the load was about the same: what became of them, as shares."""

    rate_hz: float
    requests: int
    shares: dict[str, float]
    quality: float | None


def fates_over_load(
    outcomes: Sequence[Outcome], exits: int, *, window_s: float, groups: int = 10
) -> list[Loaded]:
    """Shares of what became of requests, grouped by how many were sent in the `window_s` before each.

    Groups hold about as many requests each, lowest load first.
    """
    sends = [outcome.send_s for outcome in outcomes]
    first = 0
    loads: list[tuple[float, Outcome]] = []
    for index, outcome in enumerate(outcomes):
        while sends[first] <= outcome.send_s - window_s:
            first += 1
        loads.append(((index - first + 1) / min(window_s, max(outcome.send_s, window_s / 4)), outcome))
    loads = [pair for pair in loads if pair[1].send_s >= window_s] or loads
    loads.sort(key=lambda pair: pair[0])
    size = max(math.ceil(len(loads) / groups), 1)
    return [_loaded(loads[at : at + size], exits) for at in range(0, len(loads), size)]


def _loaded(pairs: Sequence[tuple[float, Outcome]], exits: int) -> Loaded:
    of = [fate(outcome) for _, outcome in pairs]
    scored = [outcome.quality for _, outcome in pairs if outcome.quality is not None]
    return Loaded(
        rate_hz=sum(load for load, _ in pairs) / len(pairs),
        requests=len(pairs),
        shares={name: of.count(name) / len(of) for name in fates(exits)},
        quality=sum(scored) / len(scored) if scored else None,
    )


def over_time(
    outcomes: Iterable[Outcome],
    bins: Bins,
    value: Callable[[Outcome], float | None],
    reduce: Callable[[list[float]], float | None],
) -> list[float | None]:
    """A figure of each bin: `reduce` of the values of its requests; None where there are none."""
    values: dict[int, list[float]] = defaultdict(list)
    for outcome in outcomes:
        each = value(outcome)
        if each is not None:
            values[bins.place(outcome.send_s)].append(each)
    return [reduce(values[index]) if values[index] else None for index in range(bins.count)]


def at(share: float) -> Callable[[list[float]], float | None]:
    """A quantile, to reduce with."""
    return lambda values: quantile(values, share)


def mean(values: list[float]) -> float | None:
    """The mean, to reduce with."""
    return sum(values) / len(values)


def most_at_once(spans: Iterable[tuple[float, float]], bins: Bins) -> list[float]:
    """How many spans (from, to; seconds) lay over one another at the worst instant of each bin."""
    changes = sorted(
        change for begin_s, end_s in spans for change in ((begin_s, 1), (max(end_s, begin_s), -1))
    )
    most = [0.0] * bins.count
    level = here = 0
    for at_s, step in changes:
        place = bins.place(at_s)
        for passed in range(here + 1, place + 1):
            most[passed] = level  # what lay over the border
        here, level = place, level + step
        most[place] = max(most[place], level)
    return most


def histogram(values: Iterable[float], bins: Bins) -> list[float]:
    """How many values lie in each bin; those outside count in the first and the last."""
    counts = [0.0] * bins.count
    for each in values:
        counts[bins.place(each)] += 1.0
    return counts


def slack_bins(values: Sequence[float]) -> Bins:
    """Bins that hold 96 % of the values, with an edge at 0."""
    low = min(quantile(values, 0.02) or 0.0, 0.0)
    high = max(quantile(values, 0.98) or 0.0, 1.0)
    width = nice(high - low, 60)
    start = math.floor(low / width - 1) * width
    return Bins(start=start, width=width, count=max(math.ceil((high - start) / width), 1))
