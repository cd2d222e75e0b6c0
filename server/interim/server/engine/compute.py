"""The compute thread's work: one stage for one batch, slice by slice, then the finding of each request."""

from __future__ import annotations

import sys
import time
import traceback
from typing import TYPE_CHECKING, Protocol

import torch

from interim.model_zoo.anytime import State
from interim.model_zoo.label_map import LabelMap, label_map
from interim.server.engine.reading import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.model_zoo.anytime import AnytimeModel, Slices
    from interim.server.engine.arena import Arena
    from interim.server.engine.device import Device
    from interim.server.engine.pulse import Pulse
    from interim.server.engine.request import Request, Work


class Listener(Protocol):
    """Hears what becomes of a step, from the compute thread, in this order."""

    def exit_done(self, request: Request, exit_: int, active_share: float) -> None:
        """One request's exit is complete and its finding is in the arena."""

    def failed(self, request: Request, detail: str) -> None:
        """The model raised on this request, and on it alone."""

    def step_over(self, work: Work, seconds: float) -> None:
        """The step has ended, at its end or given up."""


class Compute:
    """Runs one step at a time.

    Args:
        model: What to run; it must not change the states it is given.
        device: Where.
        arena: Where images come from and findings go.
        pulse: Told of every slice border.
        listener: Told of every result.
        label_map: What makes label maps of the model's logits, where it gives such.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        model: AnytimeModel,
        *,
        device: Device,
        arena: Arena,
        pulse: Pulse,
        listener: Listener,
        label_map: LabelMap = label_map,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._device = device
        self._arena = arena
        self._pulse = pulse
        self._listener = listener
        self._reading = reading(model.spec, device=device, label_map=label_map)
        self._clock = clock

    @torch.inference_mode()
    def run(self, work: Work) -> None:
        """Run one step; a model that raises harms only the request it raises on."""
        begun_s = self._clock()
        self._pulse.begin(begun_s)
        try:
            self._advance(work.exit, work.requests)
        except Exception as error:  # noqa: BLE001 -- a model may raise anything
            if len(work.requests) == 1:
                self._fail(work.requests[0], error)
            else:
                self._run_one_by_one(work)
        self._listener.step_over(work, self._clock() - begun_s)

    def _run_one_by_one(self, work: Work) -> None:
        """Run a batch that raised once more, request by request, so that only the culprit fails."""
        for request in work.requests:
            try:
                self._advance(work.exit, (request,))
            except Exception as error:  # noqa: BLE001 -- a model may raise anything
                self._fail(request, error)

    def _advance(self, exit_: int, requests: Sequence[Request]) -> None:
        """Run the stage and publish; nothing is published where nobody waits any more.

        Raises:
            Exception: what the model raised; then nothing is published.
        """
        state = State.join([self._standing(request) for request in requests])
        after = self._run_slices(self._model.stage(exit_, state), requests)
        if after is None:
            return
        rows = after.split()
        if len(rows) != len(requests):
            raise ValueError(f"stage {exit_} made {len(rows)} states of {len(requests)}")
        for request, row in zip(requests, rows, strict=True):
            try:
                self._publish(request, exit_, row)
            except Exception as error:  # noqa: BLE001 -- the others' findings are good
                self._fail(request, error)

    def _standing(self, request: Request) -> State:
        """The state before the request's next stage."""
        if request.state is not None:
            return request.state
        pixels = self._arena.input(request.slot, *request.size)
        return self._model.start(self._device.image(pixels, self._model.spec.multiple))

    def _run_slices(self, slices: Slices, requests: Sequence[Request]) -> State | None:
        """The state after the stage; None where it was given up."""
        while True:
            try:
                next(slices)
            except StopIteration as end:
                after: State = end.value
                return after
            self._device.pace()
            self._pulse.pass_border(self._clock())
            if all(request.forgotten for request in requests):
                slices.close()
                return None

    def _publish(self, request: Request, exit_: int, state: State) -> None:
        """Write the finding of one exit and say so; nothing is written for who no longer wants it."""
        if request.forgotten:
            return
        if state.prediction is None:
            raise ValueError(f"stage {exit_} made no prediction")
        finding = self._reading(state.prediction, request)
        active_share = float(finding.active.mean())
        self._arena.write(request.slot, exit_, finding)
        request.state = None if request.ends_with(exit_, active_share) else state
        self._pulse.pass_border(self._clock())
        self._listener.exit_done(request, exit_, active_share)

    def _fail(self, request: Request, error: Exception) -> None:
        traceback.print_exception(error, file=sys.stderr)
        request.state = None
        words = " ".join(str(error).split())[:200].rstrip(".")
        what = f"{type(error).__name__}: {words}" if words else type(error).__name__
        self._listener.failed(request, f"The model raised {what}.")
