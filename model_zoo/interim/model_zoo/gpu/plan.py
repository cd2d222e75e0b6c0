"""One section for so many images of one size: its memory, and its kernels in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch

from interim.model_zoo.anytime import Prediction, State
from interim.model_zoo.confidence import MaxProbability, Seen
from interim.model_zoo.gpu.answer import Answer
from interim.model_zoo.gpu.heads import head
from interim.model_zoo.gpu.segment import Segment
from interim.model_zoo.gpu.tape import Launch, segments
from interim.model_zoo.gpu.workspace import Workspace
from interim.model_zoo.native.stages import stages
from interim.model_zoo.networks.hrnet.intake import PIXEL_CHANNELS
from interim.model_zoo.networks.hrnet.network import IMAGE_LEVEL

if TYPE_CHECKING:
    from collections.abc import Generator

    from interim.model_zoo.confidence import Rule
    from interim.model_zoo.gpu.maps import Map
    from interim.model_zoo.gpu.operations import Operations
    from interim.model_zoo.gpu.workspace import Spares
    from interim.model_zoo.native.operations import Operations as NativeOperations
    from interim.model_zoo.native.workspace import Workspace as NativeWorkspace
    from interim.model_zoo.networks.hrnet.network import Section

SEGMENT_WORK = 200_000_000_000
"""Multiply-accumulates of a segment, which cannot be interrupted: a millisecond or so of a large GPU."""


class GpuSection:
    """What lies between two exits: the stages as the CPU's kernels have them, then the exit's head."""

    def __init__(self, part: Section, operations: Operations) -> None:
        self._stages = stages(part, cast("NativeOperations", operations))  # has all that stages ask of one
        self.channels = self._stages[-1].outputs
        self._head = head(part.head, self.channels, operations)
        self.classes = self._head.classes

    def steps(
        self, maps: tuple[Map, ...], answer: Answer, space: Workspace
    ) -> Generator[None, None, tuple[Map, ...]]:
        """The maps of the section before, to this one's; its answer where positions are active."""
        room = cast("NativeWorkspace", space)  # likewise
        for each in self._stages:
            maps = yield from each.steps(maps, room)  # type: ignore[arg-type, assignment]  # maps of another kind
        yield from self._head.steps(maps, answer, space)  # type: ignore[arg-type]  # likewise
        return maps


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a plan is good: room for so many `images`, `size` at level 0, with masks or without."""

    images: int
    size: tuple[int, int]
    masked: bool


class Plan:
    """A section in memory of its own, into which a state is copied, and out of which the next one is.

    Args:
        section: What runs.
        before: The section before; None: images come in.
        operations: The kernels.
        place: For what.
        rule: What confidence is, and which positions stay active.
        exit_: Where the section ends, from 1.
        spares: Maps of other plans for the same place; only one of them may run at a time.
    """

    def __init__(
        self,
        section: GpuSection,
        before: GpuSection | None,
        operations: Operations,
        place: Place,
        *,
        rule: Rule,
        exit_: int,
        spares: Spares,
    ) -> None:
        self._operations = operations
        self._place = place
        self._used = torch.zeros(1, dtype=torch.int32, device=operations.target.device)
        self._active = torch.zeros(
            (place.images, *place.size), dtype=torch.uint8, device=operations.target.device
        )
        space = Workspace(
            operations,
            place.images,
            self._used,
            place.size,
            active=self._active if place.masked else None,
            spares=spares,
        )
        surety = isinstance(rule, MaxProbability)
        self._answer = Answer.zeros(
            place.images, place.size, section.classes, surety=surety, target=operations.target
        )
        with operations.recording() as tape:
            self._bytes, self._maps = self._inputs(before, space)
            self._outputs = self._record(section, space)
        listing = space.lists.launch() if space.lists else None
        first = [self._cleared(), *([listing] if listing else [])]
        last = [] if surety else [self._judged(rule, exit_)]
        self.segments = [
            Segment(part, operations.target.device) for part in segments([*first, *tape, *last], SEGMENT_WORK)
        ]

    def load(self, state: State, threshold: float) -> None:
        """Copy a state in: up to so many images as there is room for, which are those computed."""
        count = len(state.maps[0])
        self._used.fill_(count)
        self._answer.threshold.fill_(threshold)
        if self._bytes is not None:
            self._bytes[:count].copy_(state.maps[0].permute(0, 2, 3, 1))
        for mine, given in zip(self._maps, state.maps, strict=self._bytes is None):
            if self._bytes is None:
                mine.memory[:count].copy_(given)
        if self._place.masked and state.prediction is not None:
            self._active[:count].copy_(state.prediction.active)
            self._active[count:].zero_()
            self._answer.logits[:count].copy_(state.prediction.logits.permute(0, 2, 3, 1))
            self._answer.confidence[:count].copy_(state.prediction.confidence)

    def state(self, count: int, exit_: int) -> State:
        """A copy of what has come of the first `count` images."""
        answer = self._answer
        prediction = Prediction(
            answer.logits[:count].clone().permute(0, 3, 1, 2),
            answer.confidence[:count].clone(),
            answer.active[:count].bool(),
        )
        return State(tuple(x.memory[:count].clone() for x in self._outputs), prediction, exit_)

    def _inputs(
        self, before: GpuSection | None, space: Workspace
    ) -> tuple[torch.Tensor | None, tuple[Map, ...]]:
        """Memory for images as bytes, or for the maps of the section before."""
        if before is not None:
            return None, tuple(space.fresh(count, level) for level, count in enumerate(before.channels))
        height, width = (side << -IMAGE_LEVEL for side in self._place.size)
        device = self._operations.target.device
        bytes_ = torch.zeros((self._place.images, height, width, 3), dtype=torch.uint8, device=device)
        return bytes_, (space.spare(PIXEL_CHANNELS, IMAGE_LEVEL),)

    def _record(self, section: GpuSection, space: Workspace) -> tuple[Map, ...]:
        """Write all kernels of the section down; the maps it ends with."""
        if self._bytes is not None:
            for _ in self._operations.pixels(self._bytes, self._maps[0], self._used):
                pass
        steps = section.steps(self._maps, self._answer, space)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                maps: tuple[Map, ...] = end.value
                return maps

    def _cleared(self) -> Launch:
        """Nothing is active until an exit says so."""
        active = self._answer.active
        return Launch(run=lambda: _zero(active), reads=frozenset(), writes=frozenset({self._answer.key}))

    def _judged(self, rule: Rule, exit_: int) -> Launch:
        """Confidence and active positions by a rule that has no kernel."""
        answer, refined, masked = self._answer, self._active, self._place.masked

        def run() -> None:
            logits = answer.logits.permute(0, 3, 1, 2)
            answer.confidence.copy_(rule.confidence(logits))
            before = refined.bool() if masked else None
            seen = Seen(logits=logits, confidence=answer.confidence, exit_=exit_, before=before)
            active = rule.active(seen, answer.threshold)  # type: ignore[arg-type]  # on the device
            answer.active.copy_(active if before is None else active & before)

        return Launch(run=run, reads=frozenset({answer.key}), writes=frozenset({answer.key}))


def _zero(memory: torch.Tensor) -> None:
    memory.zero_()
