"""Which pieces of the known jobs fit before their deadlines: greedy by density, earliest deadline first.

The jobs are kept in order of deadline and their pieces in order of density from one decision to the next, as
a decision changes one job or two. What is left for a decision is one pass over the pieces.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from math import inf
from typing import TYPE_CHECKING

from interim.scheduling.hull import prefixes, segment
from interim.scheduling.job import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from interim.scheduling.hull import Segment
    from interim.scheduling.job import Job
    from interim.scheduling.outlook import Outlook, Outlooks

    Piece = tuple[float, float, int, int, float, Segment, "Item"]  # rank, deadline, id, exit; its seconds

_ROUNDING_S = 1e-9
_FIRST = 1e9  # exit 1 is dearer than any refinement by this
_NOTHING = segment(0, 0.0, 0.0)
_CLOSED, _OPEN, _PLANNED = range(3)


class Item:
    """A live job on the agenda.

    Attributes:
        job: The job.
        outlook: What lies before it.
        waiting: Whether its next stage may begin.
        place: Its place in order of deadline, in the last plan.
        first: The first piece planned of it in the last plan, if there was one.
        status: Whether more of it can be planned.
        pieces: What it has in the agenda's order of pieces.
    """

    __slots__ = ("first", "job", "outlook", "pieces", "place", "status", "waiting")

    def __init__(self, job: Job, outlook: Outlook) -> None:
        self.job = job
        self.outlook = outlook
        self.waiting = job.state is State.WAITING
        self.place = 0
        self.first = _NOTHING
        self.status = _CLOSED
        self.pieces: list[Piece] = []
        first = 0.0 if job.exit else _FIRST
        for piece in outlook.segments:
            rank = -piece.density - first
            self.pieces.append((rank, job.answer_by_s, job.id, piece.exit, piece.cost_s, piece, self))
            first = 0.0


class Agenda:
    """The live jobs, ready to be planned at any instant.

    Args:
        outlooks: What lies before each job.
    """

    def __init__(self, outlooks: Outlooks) -> None:
        self._outlooks = outlooks
        self._items: dict[int, Item] = {}
        self._order: list[tuple[float, int, Item]] = []
        self._pieces: list[Piece] = []
        self._stages_s: list[float] = []
        self._room = _Room(0.0, ())

    @property
    def longest_s(self) -> float:
        """Mean seconds of the longest next stage; 0 without jobs."""
        return self._stages_s[-1] if self._stages_s else 0.0

    def update(self, fresh: Iterable[Job], left: Iterable[Job]) -> None:
        """Take in jobs that came or stand differently, and those that are gone."""
        for job in left:
            self._drop(job.id)
        for job in fresh:
            self._drop(job.id)
            if job.state is State.WAITING or job.state is State.ASKED:
                self._add(job)

    def plan(self, now_s: float) -> list[Item]:
        """The jobs that have a planned piece, the best first.

        Args:
            now_s: When the device is free.
        """
        room = self._room = _Room(now_s, self._order)
        take = room.take
        planned: list[Item] = []
        short: list[tuple[int, Segment, Item]] = []
        for _, _, _, _, cost_s, piece, item in self._pieces:
            status = item.status
            if not status:
                continue
            if take(item.place, cost_s):
                if status == _OPEN:
                    item.status = _PLANNED
                    item.first = piece
                    planned.append(item)
            else:
                item.status = _CLOSED
                if status == _OPEN and piece.exit > item.job.exit + 1:
                    short.append((item.place, piece, item))
        short.sort()
        planned += [item for _, bundle, item in short if _part(item, bundle, room)]
        return planned

    def place(self, id_: int) -> int | None:
        """A job's place in the last plan; None: it has none."""
        item = self._items.get(id_)
        return item.place if item else None

    def least_s(self) -> Sequence[float]:
        """For each place of the last plan, how long all planned work with an earlier deadline can be put off."""
        return self._room.least()

    def _add(self, job: Job) -> None:
        item = self._items[job.id] = Item(job, self._outlooks.of(job))
        insort(self._order, (job.answer_by_s, job.id, item))
        insort(self._stages_s, item.outlook.stage_s)
        for piece in item.pieces:
            insort(self._pieces, piece)

    def _drop(self, id_: int) -> None:
        item = self._items.pop(id_, None)
        if item is None:
            return
        del self._order[bisect_left(self._order, (item.job.answer_by_s, id_))]
        del self._stages_s[bisect_left(self._stages_s, item.outlook.stage_s)]
        for piece in item.pieces:
            del self._pieces[bisect_left(self._pieces, piece)]


def _part(item: Item, bundle: Segment, room: _Room) -> bool:
    """Plan the longest part of a first bundle that fits, if it gains anything."""
    outlook = item.outlook
    stages = bundle.exit - outlook.exit
    parts = prefixes(outlook.exit, outlook.costs_s[:stages], outlook.gains[:stages])[:-1]
    for part in reversed(parts):
        if part.gain > 0.0 and room.take(item.place, part.cost_s):
            item.first = part
            return True
    return False


class _Room:
    """Free device time between one deadline and the next; work takes the latest it can."""

    def __init__(self, now_s: float, order: Sequence[tuple[float, int, Item]]) -> None:
        free: list[float] = []
        before_s = now_s
        for place, (by_s, _, item) in enumerate(order):
            item.place = place
            item.status = _OPEN
            if by_s > before_s:
                free.append(by_s - before_s)
                before_s = by_s
            else:
                free.append(0.0)
        self._free = free
        self._gaps = free.copy()
        self._load = [0.0] * len(free)
        self._below = list(range(-1, len(free) - 1))

    def take(self, place: int, cost_s: float) -> bool:
        """Plan `cost_s` before the deadline of `place`; False if there is not so much left."""
        free, below = self._free, self._below
        left = cost_s
        at = place
        while left > free[at] + _ROUNDING_S:
            left -= free[at]
            at = below[at]
            if at < 0:
                return False
        self._load[place] += cost_s
        spare = free[at] - left
        while place != at:  # all between are used up: the next one passes over them
            free[place] = 0.0
            below[place], place = at, below[place]
        free[at] = max(spare, 0.0)
        return True

    def least(self) -> list[float]:
        """For each place, by how much everything planned with an earlier deadline can be put off."""
        found: list[float] = []
        least = inf
        slack = 0.0
        for gap, load in zip(self._gaps, self._load, strict=True):
            found.append(least)
            slack += gap - load
            if load and slack < least:
                least = slack
        return found
