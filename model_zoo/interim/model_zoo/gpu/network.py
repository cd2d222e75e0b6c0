"""The anytime HRNet on GPU kernels: what `AnytimeHrnet` computes, sooner."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.anytime import ModelSpec, Slices, State
from interim.model_zoo.gpu.plan import GpuSection, Place, Plan
from interim.model_zoo.gpu.target import power
from interim.model_zoo.native.layers import typed
from interim.model_zoo.networks.hrnet.network import Section, check_images, extent
from interim.model_zoo.prepare import prepare

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.gpu.operations import Operations
    from interim.model_zoo.gpu.workspace import Spares
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

KEPT_PLACES = 8
"""Plans are kept for so many sizes and batches, the latest."""


class GpuHrnet:
    """An `AnytimeHrnet` on GPU kernels; the same promises (`anytime.AnytimeModel`), one stage at a time.

    A batch runs in a plan for the next power of two; the images that are not there cost nothing. A state's
    maps are copies in the kernels' own layout.

    Args:
        network: The network with its weights; it stays as it is.
        operations: The kernels.
        masking: Confidence adaptivity on, with positions that are sure held: they keep what they were.
    """

    def __init__(self, network: AnytimeHrnet, operations: Operations, *, masking: bool) -> None:
        self.spec: ModelSpec = network.spec
        self.masking = masking
        self._rule = network.rule
        self._operations = operations
        folded = prepare(network, dtype=torch.float64, masking=False).cpu()
        self._sections = [GpuSection(part, operations) for part in typed(Section, folded.sections)]
        self._plans: OrderedDict[Place, dict[int, Plan]] = OrderedDict()
        self._spares: dict[tuple[int, tuple[int, int]], Spares] = {}
        self._turn = 0

    def start(self, images: Tensor) -> State:
        """The state before stage 1, from images (N, 3, H, W) uint8 RGB; they are read when stage 1 runs.

        Raises:
            BadInputError: the shape or the size does not fit.
        """
        check_images(images, self.spec.multiple)
        return State((images,))

    def stage(self, exit_: int, state: State) -> Slices:
        """Run the section that ends at `exit_` (from 1); a slice is a segment of it, queued.

        Raises:
            RuntimeError: another stage was begun before this one had ended.
        """
        self._turn += 1
        turn, count = self._turn, len(state.maps[0])
        plan = self._plan(exit_, state)
        plan.load(state, self.spec.threshold)
        for segment in plan.segments:
            segment.run()
            yield
            if turn != self._turn:
                raise RuntimeError(f"stage {exit_} goes on after another was begun: one runs at a time")
        return plan.state(count, exit_)

    def _plan(self, exit_: int, state: State) -> Plan:
        """The plan for a state, made if need be."""
        place = self._place(state)
        kept = self._plans.setdefault(place, {})
        self._plans.move_to_end(place)
        while len(self._plans) > KEPT_PLACES:
            self._plans.popitem(last=False)
        if exit_ not in kept:
            here = {(each.images, each.size) for each in self._plans}
            self._spares = {key: some for key, some in self._spares.items() if key in here}
            kept[exit_] = Plan(
                self._sections[exit_ - 1],
                self._sections[exit_ - 2] if exit_ > 1 else None,
                self._operations,
                place,
                rule=self._rule,
                exit_=exit_,
                spares=self._spares.setdefault((place.images, place.size), {}),
            )
        return kept[exit_]

    def _place(self, state: State) -> Place:
        """Where a state runs."""
        images, size = extent(state)
        masked = self.masking and state.prediction is not None
        return Place(images=power(images), size=size, masked=masked)
