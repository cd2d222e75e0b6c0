"""Who sends a request where: routers by name, each with heaps, so that no choice looks at every device."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from interim.loadtest.fleet.device import FleetDevice


class Router(Protocol):
    """Chooses a device for each request; is told of every device whose state has changed."""

    def choose(self) -> int:
        """The index of the device that gets the next request."""
        ...

    def changed(self, index: int) -> None:
        """A device has taken, ended or refused something."""
        ...


class AtRandom:
    """Any device, whatever it does."""

    def __init__(self, devices: Sequence[FleetDevice], random: Random) -> None:
        self._count = len(devices)
        self._random = random

    def choose(self) -> int:
        """The index of the device that gets the next request."""
        return int(self._random.random() * self._count)

    def changed(self, index: int) -> None:
        """Nothing is remembered."""


class TwoChoices:
    """The one with fewer live requests of two drawn at random (Mitzenmacher, 2001)."""

    def __init__(self, devices: Sequence[FleetDevice], random: Random) -> None:
        self._devices = devices
        self._random = random

    def choose(self) -> int:
        """The index of the device that gets the next request."""
        count = len(self._devices)
        one, other = int(self._random.random() * count), int(self._random.random() * count)
        return one if self._devices[one].live <= self._devices[other].live else other

    def changed(self, index: int) -> None:
        """Nothing is remembered."""


class Least:
    """The device with the least of something, kept in a heap whose outdated entries are dropped when met."""

    def __init__(self, devices: Sequence[FleetDevice], measure: Callable[[FleetDevice], float]) -> None:
        self._devices = devices
        self._measure = measure
        self._versions = [0] * len(devices)
        self._heap: list[tuple[float, int, int]] = []
        for index in range(len(devices)):
            self.changed(index)

    def choose(self) -> int:
        """The index of the device that gets the next request."""
        while True:
            _, index, version = self._heap[0]
            if version == self._versions[index]:
                return index
            heappop(self._heap)

    def changed(self, index: int) -> None:
        """Its place in the heap is another now."""
        self._versions[index] += 1
        heappush(self._heap, (self._measure(self._devices[index]), index, self._versions[index]))


ROUTERS: dict[str, Callable[[Sequence[FleetDevice], Random], Router]] = {
    "random": AtRandom,
    "two-choices": TwoChoices,
    "least-loaded": lambda devices, _: Least(devices, lambda device: device.live),
    "earliest-exit-1": lambda devices, _: Least(devices, lambda device: device.exit1_s),
}
"""`earliest-exit-1`: where one more exit 1 is predicted to be done first, behind all that is promised."""
