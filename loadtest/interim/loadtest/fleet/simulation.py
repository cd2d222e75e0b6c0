"""A fleet in virtual time: arrivals to the router, stages to their devices."""

from __future__ import annotations

import time
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import TYPE_CHECKING, Any

from interim.loadtest.fleet.device import FleetDevice, Job, Rates, Tally
from interim.loadtest.fleet.routers import ROUTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from interim.loadtest.network import Network
    from interim.loadtest.plan import Planned
    from interim.loadtest.traced import Traced

_TELL_EVERY = 10_000  # requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What is simulated.

    Attributes:
        devices: How many.
        router: Its name, of `ROUTERS`.
        network: The model on every device: what policies know of it.
        images: What stages take and gain, of the images that requests bring; drawn from at random.
        seed: Of the images and of the router's own draws.
    """

    devices: int
    router: str
    network: Network
    images: Sequence[Traced]
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRun:
    """What a fleet delivered, and how fast that was found out."""

    fleet: Fleet
    tally: Tally
    wall_s: float
    simulated_s: float

    def as_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        tally = self.tally
        return {
            "router": self.fleet.router,
            "devices": self.fleet.devices,
            "requests": tally.requests,
            "utility": tally.mean_utility,
            "attainment": tally.attainment,
            "admitted_share": tally.admitted_share,
            "mean_exit": tally.mean_exit,
            "simulated_s": self.simulated_s,
            "wall_s": self.wall_s,
            "requests_per_s": tally.requests / max(self.wall_s, 1e-9),
        }


def simulate_fleet(
    requests: Iterable[Planned], fleet: Fleet, *, told: Callable[[int], object] = lambda _: None
) -> FleetRun:
    """Runs requests, in order of arrival, through a fleet to the end of the last.

    Args:
        requests: When they come and how long they may take; their revisions and readers are not simulated.
        fleet: What they run on.
        told: Is called now and then with how many more requests have come.
    """
    begun_s = time.perf_counter()
    tally = Tally()
    rates = Rates.of(fleet.network)
    devices = [FleetDevice(rates, tally) for _ in range(fleet.devices)]
    random = Random(f"{fleet.seed} images")
    router = ROUTERS[fleet.router](devices, Random(f"{fleet.seed} router"))
    ends: list[tuple[float, int]] = []
    now_s = 0.0

    def begin(index: int, at_s: float) -> None:
        end_s = devices[index].begin(at_s)
        if end_s is not None:
            heappush(ends, (end_s, index))
        router.changed(index)

    def run_until(until_s: float) -> float:
        at_s = now_s
        while ends and ends[0][0] <= until_s:
            at_s, index = heappop(ends)
            devices[index].finish(at_s)
            begin(index, at_s)
        return at_s

    count = len(fleet.images)
    for request in requests:
        run_until(request.send_s)
        now_s = request.send_s
        tally.requests += 1
        job = Job(request.index, now_s + request.budget_ms / 1e3, fleet.images[int(random.random() * count)])
        index = router.choose()
        device = devices[index]
        if device.ask(now_s, job):
            tally.admitted += 1
            if device.idle:
                begin(index, now_s)
            else:
                router.changed(index)
        if not tally.requests % _TELL_EVERY:
            told(_TELL_EVERY)
    now_s = run_until(float("inf"))
    for device in devices:
        device.close()
    told(tally.requests % _TELL_EVERY)
    wall_s = time.perf_counter() - begun_s
    return FleetRun(fleet=fleet, tally=tally, wall_s=wall_s, simulated_s=now_s)
