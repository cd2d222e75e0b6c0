"""Budgets by the clock: windows of a week, in people's own time zones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import inf
from typing import TYPE_CHECKING

from interim.scheduling.budgets.budget import concerns, from_arrival

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from interim.scheduling.budgets.budget import Budget, BudgetRequest, Instant

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """On `days`, from `start` until `end` by the clocks of `zone`, no budget is longer than `at_most_s`.

    A window whose end is not after its start ends on the next day. A time that a clock change skips counts
    as that much later; one that comes twice counts when it comes first.

    Attributes:
        name: How answers and metrics call it.
        days: On which it starts; 0 is Monday.
        start: Local time.
        end: Local time; the window is over when clocks show it.
        zone: Where those clocks hang.
        at_most_s: The longest budget while it is open.
        classes: Whom it is about; none: everybody.
        dry_run: Only report what it would have done.
    """

    name: str
    days: frozenset[int]
    start: time
    end: time
    zone: ZoneInfo
    at_most_s: float
    classes: tuple[str, ...] = ()
    dry_run: bool = False

    def spans(self, wall_s: float) -> Iterator[tuple[float, float]]:
        """Its openings around an instant, as (from, until) in POSIX seconds: those of yesterday and of a week to come."""
        today = datetime.fromtimestamp(wall_s, self.zone).date()
        for offset in range(-2, 9):
            day = today + timedelta(days=offset)
            if day.weekday() in self.days:
                last = day if self.end > self.start else day + timedelta(days=1)
                since_s, until_s = self._at(day, self.start), self._at(last, self.end)
                if since_s < until_s:
                    yield since_s, until_s

    def _at(self, day: date, clock: time) -> float:
        return datetime.combine(day, clock, self.zone).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A stretch of wall time in which the same windows are open: `since_s` <= t < `until_s`."""

    since_s: float
    until_s: float
    windows: tuple[Window, ...]


def spell_of(windows: tuple[Window, ...], wall_s: float) -> Spell:
    """The spell that an instant lies in, as far as it is looked at: a day back and a week ahead."""
    since_s, until_s = wall_s - DAY_S, wall_s + 7 * DAY_S
    open_now = []
    for window in windows:
        for span in window.spans(wall_s):
            for border_s in span:
                if border_s <= wall_s:
                    since_s = max(since_s, border_s)
                else:
                    until_s = min(until_s, border_s)
            if span[0] <= wall_s < span[1]:
                open_now.append(window)
                break
    return Spell(since_s=since_s, until_s=until_s, windows=tuple(open_now))


class ClockBudget:
    """The smallest limit of the windows that are open now. The current spell is kept: a week has few borders."""

    def __init__(self, windows: tuple[Window, ...]) -> None:
        self.windows = windows
        self._spell = Spell(since_s=inf, until_s=-inf, windows=())

    def spell(self, wall_s: float) -> Spell:
        """The spell that `wall_s` lies in."""
        if not self._spell.since_s <= wall_s < self._spell.until_s:
            self._spell = spell_of(self.windows, wall_s)
        return self._spell

    def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:
        """The limit that holds at this hour."""
        concerned = (w for w in self.spell(at.wall_s).windows if concerns(w.classes, request))
        window = min(concerned, key=lambda each: each.at_most_s, default=None)
        return None if window is None else from_arrival(request, window.at_most_s, f"clock:{window.name}")
