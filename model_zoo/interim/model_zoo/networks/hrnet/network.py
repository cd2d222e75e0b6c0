"""The anytime HRNet: its parts, one after the other, as `interim.model_zoo.anytime` asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from interim.model_zoo.anytime import ModelSpec, Prediction, Slices, State, finish
from interim.model_zoo.confidence import Seen
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.masked.masks import DENSE, Masks
from interim.model_zoo.networks.hrnet.intake import Normalise
from interim.model_zoo.networks.hrnet.stage import BranchStage, FirstStage, MapSlices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.model_zoo.confidence import Rule
    from interim.model_zoo.masked.conv import Filling
    from interim.model_zoo.networks.hrnet.heads import LogitSlices
    from interim.model_zoo.networks.hrnet.transition import Maps


IMAGE_LEVEL = -2
"""The level of the image itself; the logits are at level 0."""


class Section(nn.Module):
    """What lies between two exits: stages of the network, then the head of the exit."""

    def __init__(self, stages: Sequence[FirstStage | BranchStage], head: nn.Module) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.head = head

    def map_slices(self, maps: Maps, masks: Masks) -> MapSlices:
        """The maps of the section before, to this one's."""
        for stage in self.stages:
            assert isinstance(stage, FirstStage | BranchStage)
            maps = yield from stage.slices(maps, masks)
        return maps

    def logit_slices(self, maps: Maps, masks: Masks) -> LogitSlices:
        """This section's maps to its exit's logits."""
        slices: LogitSlices = self.head.slices(maps, masks)  # type: ignore[operator]  # every head has slices
        return (yield from slices)


class AnytimeHrnet(nn.Module):
    """HRNet with an exit after each section.

    `masking`: confidence adaptivity is on: sections after the first compute only the positions that
    the exit before left active, and keep its logits elsewhere. Off, the same weights run densely;
    `active` then tells which positions are not sure yet, and nothing depends on it. Both `spec` and
    `masking` may be replaced at any time. `filling`: what stands at the positions not computed.
    """

    def __init__(self, spec: ModelSpec, sections: Sequence[Section], *, rule: Rule, filling: Filling) -> None:
        super().__init__()
        self.spec = spec
        self.rule = rule
        self.filling = filling
        self.masking = filling.keeps
        self.intake: nn.Module = Normalise()
        self.sections = nn.ModuleList(sections)

    def start(self, images: Tensor) -> State:
        """The state before stage 1, from images (N, 3, H, W) uint8 RGB, H and W multiples of `multiple`.

        Raises:
            BadInputError: the shape or the size does not fit.
        """
        check_images(images, self.spec.multiple)
        return State((self.intake(images, next(self.parameters()).dtype),))

    def stage(self, exit_: int, state: State) -> Slices:
        """Run the section that ends at `exit_` (from 1); a slice is about one block on one branch."""
        section = self.sections[exit_ - 1]
        assert isinstance(section, Section)
        previous = state.prediction
        masks = self.filling.masks(previous.active) if self.masking and previous is not None else DENSE
        maps = yield from section.map_slices(state.maps, masks)
        logits = yield from section.logit_slices(maps, masks)
        yield
        return State(maps, self._predict(exit_, logits, previous), exit_)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Logits (N, C, H / 4, W / 4) of every exit, for training: gradients reach every part.

        Args:
            images: (N, 3, H, W), uint8 RGB or already normalised floats.
        """
        if images.dtype == torch.uint8:
            state = self.start(images)
        else:
            check_images(images, self.spec.multiple)
            state = State((images,))
        logits = []
        for exit_ in range(1, len(self.sections) + 1):
            state = finish(self.stage(exit_, state))
            assert state.prediction is not None
            logits.append(state.prediction.logits)
        return logits

    def _predict(self, exit_: int, logits: Tensor, previous: Prediction | None) -> Prediction:
        """The exit's answer; with masking, what was not refined is carried over from the exit before."""
        refined = previous.active if self.masking and previous is not None else None
        confidence = self.rule.confidence(logits)
        seen = Seen(logits=logits, confidence=confidence, exit_=exit_, before=refined)
        active = self.rule.active(seen, self.spec.threshold)
        if refined is not None and previous is not None:
            logits = torch.where(refined.unsqueeze(1), logits, previous.logits)
            confidence = torch.where(refined, confidence, previous.confidence)
            active = active & refined
        return Prediction(logits, confidence, active)


def extent(state: State) -> tuple[int, tuple[int, int]]:
    """How many images are in a state, and their height and width at level 0."""
    if state.prediction is None:
        images, _, height, width = state.maps[0].shape
        return images, (height >> -IMAGE_LEVEL, width >> -IMAGE_LEVEL)
    images, height, width = state.prediction.active.shape
    return images, (height, width)


def check_images(images: Tensor, multiple: int) -> None:
    """Refuse images that a network whose sides must be multiples of `multiple` cannot take.

    Raises:
        BadInputError: the shape or the size does not fit.
    """
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[1] != 3 or 0 in shape:
        raise BadInputError(f"images of shape {shape} do not fit: give (N, 3, H, W), none of them 0")
    if shape[2] % multiple or shape[3] % multiple:
        raise BadInputError(
            f"{shape[2]}x{shape[3]} images do not fit: pad height and width to multiples of {multiple}"
        )
