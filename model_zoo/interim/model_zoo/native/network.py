"""The anytime HRNet on kernels: what `AnytimeHrnet` computes, sooner."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.anytime import ModelSpec, Prediction, Slices, State
from interim.model_zoo.native.heads import head
from interim.model_zoo.native.layers import typed
from interim.model_zoo.native.regions import Held, Interpolated
from interim.model_zoo.native.stages import stages
from interim.model_zoo.native.workspace import Workspace
from interim.model_zoo.networks.hrnet.intake import PIXEL_CHANNELS
from interim.model_zoo.networks.hrnet.network import IMAGE_LEVEL, Section, check_images, extent
from interim.model_zoo.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.operations import Operations
    from interim.model_zoo.native.stages import Maps
    from interim.model_zoo.native.workspace import Spares
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

KEPT_SIZES = 4
"""Spare maps are kept for so many sizes, the latest."""


class NativeSection:
    """What lies between two exits: stages, then the exit's head."""

    def __init__(self, part: Section, operations: Operations) -> None:
        self._stages = stages(part, operations)
        self.channels = self._stages[-1].outputs
        self._head = head(part.head, self.channels, operations)
        self.classes = self._head.classes

    def steps(self, maps: Maps, logits: Map, space: Workspace) -> Generator[None, None, Maps]:
        """The maps of the section before, to this one's; its logits where positions are active."""
        for each in self._stages:
            maps = yield from each.steps(maps, space)
        yield from self._head.steps(maps, logits, space)
        return maps


class NativeHrnet:
    """An `AnytimeHrnet` on kernels; the same promises (`anytime.AnytimeModel`).

    A state's maps are pooled memory in the kernels' own layout, one row an image.

    Args:
        network: The network with its weights; it stays as it is.
        operations: The kernels.
        masking: Confidence adaptivity on: positions that are sure keep what they were, or are interpolated
            where active ones read them, as the network's filling says.

    Raises:
        BadInputError: masking of a network without masked convolutions.
    """

    def __init__(self, network: AnytimeHrnet, operations: Operations, *, masking: bool) -> None:
        self.spec: ModelSpec = network.spec
        self.masking = masking
        self._rule = network.rule
        self.operations = operations
        self._regions = Interpolated if masking and network.filling.taps else Held
        self._skips = network.filling.skips
        folded = prepare(network, dtype=torch.float64, masking=masking)
        self._spares: OrderedDict[tuple[int, tuple[int, int]], list[Spares]] = OrderedDict()
        self._sections = [NativeSection(part, operations) for part in typed(Section, folded.sections)]

    def start(self, images: Tensor) -> State:
        """The state before stage 1, from images (N, 3, H, W) uint8 RGB; they are read when stage 1 runs.

        Raises:
            BadInputError: the shape or the size does not fit.
        """
        check_images(images, self.spec.multiple)
        return State((images,))

    def stage(self, exit_: int, state: State) -> Slices:
        """Run the section that ends at `exit_` (from 1); a slice is a millisecond or so."""
        shape = extent(state)
        idle = self._idle(shape)
        spares = idle.pop() if idle else {}
        skips = self.masking and self._skips
        before = state.prediction.active if skips and state.prediction else None
        try:
            regions = self._regions(self.operations, *shape, before)
            return (yield from self._run(exit_, state, Workspace(regions, spares)))
        finally:
            idle.append(spares)

    def poison(self, value: float) -> None:
        """Write a value into all memory that is idle: who reads what it has not written will know (for tests)."""
        self.operations.pool.poison(value)
        for spares in itertools.chain(*self._spares.values()):
            for each in spares.values():
                each.values.fill_(value)

    def _run(self, exit_: int, state: State, space: Workspace) -> Slices:
        """The stage, in a workspace of its own."""
        operations, section = self.operations, self._sections[exit_ - 1]
        before = state.prediction if self.masking else None
        if state.prediction is None:
            pixels = space.spare(PIXEL_CHANNELS, IMAGE_LEVEL)
            yield from operations.pixels(state.maps[0], pixels)
            maps: Maps = (pixels,)
        else:
            maps = self._maps(exit_, state, space.regions.at(0))
        scores = space.spare(section.classes, 0, 2)
        maps = yield from section.steps(maps, scores, space)
        refined = operations.listed(before.active) if before and not self._skips else space.regions.active(0)
        logits = yield from operations.logits(scores, refined, before.logits if before else None)
        prediction = self._predict(exit_, logits, before)
        return State(tuple(operations.memory(x) for x in maps), prediction, exit_)

    def _idle(self, shape: tuple[int, tuple[int, int]]) -> list[Spares]:
        """The spare maps that nobody uses for so many images of a size; those of sizes long unused are let go."""
        idle = self._spares.setdefault(shape, [])
        self._spares.move_to_end(shape)
        while len(self._spares) > KEPT_SIZES:
            self._spares.popitem(last=False)
        return idle

    def _maps(self, exit_: int, state: State, size: tuple[int, int]) -> Maps:
        """The maps whose memory a state has."""
        channels = self._sections[exit_ - 2].channels
        return tuple(
            self.operations.batch(tensor, count, (size[0] >> level, size[1] >> level))
            for level, (tensor, count) in enumerate(zip(state.maps, channels, strict=True))
        )

    def _predict(self, exit_: int, logits: Tensor, before: Prediction | None) -> Prediction:
        """The exit's answer; a position that was not refined has the logits of before, and so their confidence."""
        active = before.active if before else None
        surety = self.operations.surety(logits, self._rule, self.spec.threshold, active, exit_=exit_)
        return Prediction(logits, *surety)
