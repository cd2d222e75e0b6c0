"""One device of a fleet: policy A with heaps, so that a decision costs the logarithm of its queue.

The same rules as `interim.scheduling` has for one device, for images of one size with exact costs: exit 1 of
all that was admitted comes in time; among stages worth the price of device time, the earliest deadline first;
where none is, the densest. The price is forecast from the last arrivals and corrected by what expired.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING

from interim.scheduling.price import DOWN, MOST, UP, WINDOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.loadtest.network import Network
    from interim.loadtest.traced import Traced

_FEWEST = 6  # arrivals before a price is asked


class Job:
    """An admitted request: its image's truth, and how far it is."""

    __slots__ = ("deadline_s", "exit", "id", "image", "in_time", "live")

    def __init__(self, id_: int, deadline_s: float, image: Traced) -> None:
        self.id = id_
        self.deadline_s = deadline_s
        self.image = image
        self.exit = 0
        self.in_time = False
        self.live = True


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a fleet delivered, over all its devices."""

    requests: int = 0
    admitted: int = 0
    promises_kept: int = 0
    utility: float = 0.0
    exits: int = 0

    @property
    def mean_utility(self) -> float:
        """Over all requests; those refused count 0."""
        return self.utility / max(self.requests, 1)

    @property
    def attainment(self) -> float:
        """The share of the admitted that had exit 1 in time."""
        return self.promises_kept / self.admitted if self.admitted else 1.0

    @property
    def admitted_share(self) -> float:
        """Of all requests."""
        return self.admitted / max(self.requests, 1)

    @property
    def mean_exit(self) -> float:
        """Of the admitted."""
        return self.exits / max(self.admitted, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What devices know of their network: worked out once for a whole fleet.

    Attributes:
        stage_s: Expected seconds of each stage.
        densities: After each exit, the greatest gain per second of any run of stages that may follow.
        pieces: (density, seconds) of each stage, densest first: what a whole request has to offer.
        longest_s: The longest stage.
    """

    stage_s: tuple[float, ...]
    densities: tuple[float, ...]
    pieces: tuple[tuple[float, float], ...]
    longest_s: float

    @classmethod
    def of(cls, network: Network) -> Rates:
        """Those of a network's averages."""
        stage_s = tuple(d * share for d, share in zip(network.dense_s, network.shares, strict=True))
        densities = tuple(_best(stage_s[exit_:], network.gains[exit_:]) for exit_ in range(len(stage_s)))
        pieces = sorted(zip(densities, stage_s, strict=True), reverse=True)
        return cls(stage_s=stage_s, densities=densities, pieces=tuple(pieces), longest_s=max(stage_s))


def _best(stage_s: Sequence[float], gains: Sequence[float]) -> float:
    return max(gain / spent_s for gain, spent_s in zip(accumulate(gains), accumulate(stage_s), strict=True))


class FleetDevice:
    """One device. Its owner tells it of arrivals and of the end of each stage.

    Args:
        rates: What it knows of its network.
        tally: Where it counts what it delivered.
    """

    __slots__ = (
        "_arrivals",
        "_cheap",
        "_correction",
        "_due",
        "_order",
        "_owed",
        "_price",
        "_rates",
        "_running",
        "_tally",
        "free_s",
        "live",
    )

    def __init__(self, rates: Rates, tally: Tally) -> None:
        self._rates = rates
        self._tally = tally
        self._due: list[tuple[float, int]] = []  # promises: unserved exit 1, by deadline
        self._owed: dict[int, Job] = {}  # whose they are
        self._order: list[tuple[float, int, int, Job]] = []  # a heap by deadline: (.., id, exit, job)
        self._cheap: list[tuple[float, int, int, Job]] = []  # a heap: not worth the price, densest first
        self._running: Job | None = None
        self._arrivals: deque[float] = deque(maxlen=WINDOW)
        self._correction = 1.0
        self._price = 0.0
        self.free_s = 0.0
        self.live = 0

    @property
    def idle(self) -> bool:
        """Whether no stage runs."""
        return self._running is None

    @property
    def exit1_s(self) -> float:
        """When all promised exit-1 work would be done, and one more."""
        return self.free_s + (len(self._due) + 1) * self._rates.stage_s[0]

    def ask(self, now_s: float, job: Job) -> bool:
        """Whether the job comes in: its exit 1, and that of all promised, in order of deadline, in time."""
        self._arrivals.append(now_s)
        exit1_s = self._rates.stage_s[0]
        free_s = max(now_s, self.free_s)
        place = bisect_left(self._due, (job.deadline_s, job.id))
        if free_s + (place + 1) * exit1_s > job.deadline_s:
            return False
        for later in range(place, len(self._due)):
            if free_s + (later + 2) * exit1_s > self._due[later][0]:
                return False
        insort(self._due, (job.deadline_s, job.id))
        self._owed[job.id] = job
        heappush(self._order, (job.deadline_s, job.id, 0, job))
        self.live += 1
        return True

    def begin(self, now_s: float) -> float | None:
        """Chooses the next stage; when it will end, None where there is none worth beginning."""
        self._price = self._forecast(now_s) * self._correction
        job = self._running = self._choose(now_s)
        if job is None:
            return None
        self.free_s = now_s + job.image.stage_s[job.exit]
        return self.free_s

    def finish(self, now_s: float) -> None:
        """The running stage has ended."""
        job = self._running
        self._running = None
        if job is None:
            return
        if now_s <= job.deadline_s + 1e-9:
            if not job.exit:
                job.in_time = True
            job.exit += 1
        if not job.in_time or job.exit == len(job.image.stage_s) or now_s >= job.deadline_s:
            self._end(job)
        else:
            heappush(self._order, (job.deadline_s, job.id, job.exit, job))

    def close(self) -> None:
        """The simulation is over: what still waits ends with what it has."""
        for _, _, _, job in (*self._order, *self._cheap):
            if job.live:
                self._end(job)

    # --- choosing -------------------------------------------------------------------------------------

    def _choose(self, now_s: float) -> Job | None:
        laxity_s = self._laxity_s(now_s)
        if laxity_s < self._rates.longest_s:
            return self._most_urgent()
        self._reprice()
        job = self._earliest(now_s) or self._densest(now_s)
        if job is not None and job.exit and job.image.stage_s[job.exit] > laxity_s:
            heappush(self._order, (job.deadline_s, job.id, job.exit, job))
            return self._most_urgent()
        return job

    def _laxity_s(self, now_s: float) -> float:
        """How long the device could do something else and keep every promise."""
        exit1_s = self._rates.stage_s[0]
        least_s = inf
        for due_s, _ in self._due:
            now_s += exit1_s
            least_s = min(least_s, due_s - now_s)
        return least_s

    def _most_urgent(self) -> Job:
        """The promise that is due first."""
        _, id_ = self._due[0]
        return self._promised(self._owed[id_])

    def _reprice(self) -> None:
        """What has become worth the price stands in line again."""
        while self._cheap and -self._cheap[0][0] >= self._price:
            _, _, exit_, job = heappop(self._cheap)
            heappush(self._order, (job.deadline_s, job.id, exit_, job))

    def _earliest(self, now_s: float) -> Job | None:
        """The earliest deadline among stages that can still come in time and are worth the price."""
        while self._order:
            _, _, exit_, job = heappop(self._order)
            if job.exit != exit_ or job is self._running or not job.live:
                continue  # it went on meanwhile
            if not job.exit:
                if job.id in self._owed:
                    return self._promised(job)
            elif not self._fits(now_s, job):
                self._expired(job)
            elif self._density(job) >= self._price:
                return job
            else:
                heappush(self._cheap, (-self._density(job), job.id, exit_, job))
        return None

    def _densest(self, now_s: float) -> Job | None:
        """What is not worth the price, where nothing is: then the price is too high."""
        while self._cheap:
            _, _, _, job = heappop(self._cheap)
            if self._fits(now_s, job):
                self._correction = max(self._correction * DOWN, 1.0 / MOST)
                return job
            self._expired(job)
        return None

    def _promised(self, job: Job) -> Job:
        """Its exit 1 is about to run: no longer owed."""
        del self._owed[job.id]
        del self._due[bisect_left(self._due, (job.deadline_s, job.id))]
        return job

    def _fits(self, now_s: float, job: Job) -> bool:
        return now_s + job.image.stage_s[job.exit] <= job.deadline_s  # known: active positions are counted

    def _density(self, job: Job) -> float:
        """Cost and gain grow alike with what is left to refine; the newest confidence says a little more."""
        return self._rates.densities[job.exit] * job.image.hints[job.exit]

    def _expired(self, job: Job) -> None:
        if self._density(job) > self._price:
            self._correction = min(self._correction * UP, MOST)
        self._end(job)

    def _end(self, job: Job) -> None:
        job.live = False
        self.live -= 1
        self._tally.promises_kept += job.in_time
        self._tally.exits += job.exit
        self._tally.utility += sum(job.image.gains[: job.exit])

    def _forecast(self, now_s: float) -> float:
        """The density that the work of the last arrivals would be run down to in the time they took to come."""
        count = len(self._arrivals)
        if count < _FEWEST:
            return 0.0
        left_s = now_s - self._arrivals[0]
        for density, stage_s in self._rates.pieces:
            left_s -= count * stage_s
            if left_s < 0.0:
                return density
        return 0.0
