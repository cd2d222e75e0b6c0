"""Warms a model and measures what its stages cost, through the very code that serves requests."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from interim.server.engine.arena import Arena
from interim.server.engine.request import Request, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from interim.scheduling.costs import CostModel
    from interim.server.engine.arena import Bytes, Shape
    from interim.server.engine.compute import Compute, Listener
    from interim.server.engine.probe import Probe

PASSES = 3
"""Measured passes over all stages; one more before them is not counted."""

PROBE_PASSES = 2
"""Measured passes over the stages of a probe, likewise after one more."""

ENOUGH_S = 2.0
"""A size that takes longer than this altogether is not measured another time."""

CROWD = 8
"""Requests of one size for which there is memory from the start: touching new memory once more than doubled
the time of a stage."""


class WarmUpError(Exception):
    """The model raised on an ordinary image, or held the device for too long."""


class Stopwatch:
    """A listener that keeps the seconds of each step: exit, batch, seconds."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, float]] = []

    def exit_done(self, request: Request, exit_: int, active_share: float) -> None:
        """Nobody waits for it."""

    def failed(self, request: Request, detail: str) -> None:
        """A model that fails here would fail everywhere."""
        raise WarmUpError(f"{detail} It was only warming up, on an image of {request.size}.")

    def step_over(self, work: Work, seconds: float) -> None:
        """Keep the time."""
        self.steps.append((work.exit, len(work.requests), seconds))


class WarmUp:
    """Runs all stages on a made-up image.

    Args:
        build: Makes the compute side for a listener and an arena.
        exits: How many exits the model has.
    """

    def __init__(self, build: Callable[[Listener, Arena], Compute], *, exits: int) -> None:
        self._build = build
        self._exits = exits

    def once(self, size: Shape) -> None:
        """Run all stages once: memory is touched, kernels are chosen."""
        self._pass(size, 1)

    def crowd(self, size: Shape, most: int = CROWD) -> None:
        """Bring up to `most` requests at once through all stages, so that there is memory for as many."""
        with closing(Arena.create(slots=most, max_pixels=size[0] * size[1])) as arena:
            watch = Stopwatch()
            compute = self._build(watch, arena)
            requests: list[Request] = []
            while len(requests) < most and sum(seconds for _, _, seconds in watch.steps) < ENOUGH_S / 2:
                requests.append(self._request(arena, size))
                compute.run(Work(1, (requests[-1],)))
                _activate(requests[-1])
            for exit_ in range(2, self._exits + 1):
                for request in requests:
                    compute.run(Work(exit_, (request,)))
                    _activate(request)

    def measure(self, size: Shape, costs: CostModel, *, padded: Shape, max_batch: int) -> None:
        """Teach `costs` what stages cost at a size with every position active, in batches of 1, 2, 4 and on."""
        batch = 1
        while batch <= max_batch:
            if batch > 1:
                self._pass(size, batch)  # `once` has warmed batches of 1
            spent_s = 0.0
            for _ in range(PASSES):
                for exit_, count, seconds in self._pass(size, batch):
                    costs.observe(exit_, padded, seconds, batch=count)
                    spent_s += seconds
                if spent_s > ENOUGH_S:
                    break
            batch *= 2

    def probe(self, probe: Probe) -> list[tuple[int, float]]:
        """What the stages of a probe cost, as (exit, seconds); less, or nothing, where it was given up."""
        size, exits = probe.doubt.size, probe.doubt.exits
        with closing(Arena.create(slots=1, max_pixels=size[0] * size[1])) as arena:
            watch = Stopwatch()
            compute = self._build(watch, arena)
            request = self._request(arena, size)
            probe.enter(request)
            seconds: list[tuple[int, float]] = []
            try:
                for number in range(PROBE_PASSES + 1):
                    request.state = None
                    for exit_ in range(1, exits + 1):
                        compute.run(Work(exit_, (request,)))
                        if probe.given_up:
                            return seconds
                        _activate(request)
                    if number:  # the first pass chooses kernels and touches memory
                        seconds += [(exit_, spent_s) for exit_, _, spent_s in watch.steps[-exits:]]
            except WarmUpError:
                return []  # this size is beyond the model: a request of it will be told so
            finally:
                probe.leave()
        return seconds

    def _pass(self, size: Shape, batch: int) -> list[tuple[int, int, float]]:
        """All stages once; what each took."""
        watch = Stopwatch()
        with closing(Arena.create(slots=batch, max_pixels=size[0] * size[1])) as arena:
            compute = self._build(watch, arena)
            requests = tuple(self._request(arena, size) for _ in range(batch))
            for exit_ in range(1, self._exits + 1):
                compute.run(Work(exit_, requests))
                for request in requests:
                    _activate(request)
        return watch.steps

    def _request(self, arena: Arena, size: Shape) -> Request:
        slot = arena.acquire()
        assert slot is not None
        arena.input(slot, *size)[:] = _image(size)
        never = self._exits + 1  # it keeps its state after every exit, however sure it is
        return Request(id=slot.index, slot=slot, size=size, min_exit=never, max_exit=never)


def _image(size: Shape) -> Bytes:
    """Soft blots: an image with as many boundaries as a scene has, more or less."""
    blots = np.random.default_rng(1).integers(0, 256, (-(-size[0] // 32), -(-size[1] // 32), 3), np.uint8)
    return np.kron(blots, np.ones((32, 32, 1), np.uint8))[: size[0], : size[1]]


def _activate(request: Request) -> None:
    """Leave every position to the next stage, so that it is measured at its dearest."""
    if request.state is not None and request.state.prediction is not None:
        prediction = request.state.prediction
        active = torch.ones_like(prediction.active)
        request.state = replace(request.state, prediction=replace(prediction, active=active))
