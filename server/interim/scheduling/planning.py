"""Which pieces of the known jobs fit before their deadlines: greedy by density, earliest deadline first."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from interim.scheduling.hull import prefixes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.scheduling.hull import Segment
    from interim.scheduling.outlook import Outlook

_ROUNDING_S = 1e-9
_FIRST = 1e9  # exit 1 is dearer than any refinement by this


class Planned(NamedTuple):
    """The first planned piece of a job.

    `place` is the job's in order of deadline; `least_s` is how long all planned work with an earlier deadline
    can be put off.
    """

    place: int
    density: float
    cost_s: float
    least_s: float


def plan(now_s: float, deadlines_s: Sequence[float], outlooks: Sequence[Outlook]) -> list[Planned]:
    """The first planned piece of every job that has one, the best first.

    Args:
        now_s: When the device is free.
        deadlines_s: Of the jobs, ascending.
        outlooks: Of the same jobs.
    """
    room = _Room(now_s, deadlines_s)
    taken: dict[int, Segment] = {}
    short: dict[int, Segment] = {}
    for _, place, piece in _offered(outlooks):
        if place in short:
            continue
        if room.take(place, piece.cost_s):
            taken.setdefault(place, piece)
        else:
            short[place] = piece
    for place in short.keys() - taken.keys():
        part = _part(outlooks[place], short[place], room, place)
        if part is not None:
            taken[place] = part
    least = room.least()
    return [Planned(place, piece.density, piece.cost_s, least[place]) for place, piece in taken.items()]


def _offered(outlooks: Sequence[Outlook]) -> list[tuple[float, int, Segment]]:
    """All pieces of all jobs: exit 1 first, then by density; of equals the earliest deadline."""
    pieces = [
        (-piece.density, place, piece)
        for place, outlook in enumerate(outlooks)
        for piece in (outlook.segments if outlook.exit else outlook.segments[1:])
    ]
    pieces += [
        (-outlook.segments[0].density - _FIRST, place, outlook.segments[0])
        for place, outlook in enumerate(outlooks)
        if outlook.exit == 0 and outlook.segments
    ]
    pieces.sort()
    return pieces


def _part(outlook: Outlook, bundle: Segment, room: _Room, place: int) -> Segment | None:
    """The longest part of a first bundle that fits, if it gains anything."""
    count = bundle.exit - outlook.exit
    parts = prefixes(outlook.exit, outlook.costs_s[:count], outlook.gains[:count])[:-1]
    for part in reversed(parts):
        if part.gain > 0.0 and room.take(place, part.cost_s):
            return part
    return None


class _Room:
    """Free device time between one deadline and the next; work takes the latest it can."""

    def __init__(self, now_s: float, deadlines_s: Sequence[float]) -> None:
        edges = [now_s, *(max(by_s, now_s) for by_s in deadlines_s)]
        self._free = [after - before for before, after in pairwise(edges)]
        self._gaps = list(self._free)
        self._load = [0.0] * len(self._free)

    def take(self, place: int, cost_s: float) -> bool:
        """Plan `cost_s` before the deadline of `place`; False if there is not so much left."""
        free = self._free
        left = cost_s
        at = place
        while left > free[at] + _ROUNDING_S:
            left -= free[at]
            at -= 1
            if at < 0:
                return False
        free[at] = max(free[at] - left, 0.0)
        free[at + 1 : place + 1] = [0.0] * (place - at)
        self._load[place] += cost_s
        return True

    def least(self) -> list[float]:
        """For each job, by how much everything planned with an earlier deadline can be put off."""
        found: list[float] = []
        least = inf
        slack = 0.0
        for gap, load in zip(self._gaps, self._load, strict=True):
            found.append(least)
            slack += gap - load
            if load:
                least = min(least, slack)
        return found
