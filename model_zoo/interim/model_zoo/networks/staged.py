"""A multi-exit network as an anytime model: a stage for each exit, and sure images that leave there.

Kouris et al., "Multi-Exit Semantic Segmentation Networks" (ECCV 2022), sections 5.1 and 5.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interim.model_zoo.anytime import ModelSpec, Prediction, Slices, State
from interim.model_zoo.confidence import MaxProbability, Seen
from interim.model_zoo.networks.hrnet.network import check_images

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.model_zoo.image_confidence import Rule
    from interim.model_zoo.networks.multi_exit import MultiExit

MEAN, SPREAD = 110, 60


class StagedExits(nn.Module):
    """What `MultiExit` answers, exit by exit (`anytime.AnytimeModel`).

    Args:
        spec: What it is; as many exits as the network has.
        network: Its backbone and exits.
        strides: How many times smaller than the image each exit's maps are. Its logits are enlarged to the
            finest exit's, which is the spec's (bilinear, as they will be again to the image's size).
        rules: When an image leaves at each exit before the last: no position of it is active then, so a
            server ends the request there; of an image that stays all are. None at all: the positions that
            are not sure are active, and images stay until every position is.
    """

    def __init__(
        self, spec: ModelSpec, network: MultiExit, strides: Sequence[int], rules: Sequence[Rule] = ()
    ) -> None:
        super().__init__()
        self.spec = spec
        self.network = network
        self.rules = tuple(rules)
        self._scales = [stride // spec.stride for stride in strides]
        self._pixels = MaxProbability()

    def start(self, images: Tensor) -> State:
        """The state before stage 1, from images (N, 3, H, W) uint8 RGB, H and W multiples of `multiple`.

        Raises:
            BadInputError: the shape or the size does not fit.
        """
        return begun(images, self.spec.multiple)

    def stage(self, exit_: int, state: State) -> Slices:
        """The blocks up to `exit_` (from 1) and its head; a slice is one of either."""
        first, last = (0, *self.network.points)[exit_ - 1 : exit_ + 1]
        x = state.maps[0]
        if exit_ == 1:
            x = self.network.backbone.stem(x)
            yield
        for block in self.network.backbone.blocks[first:last]:
            x = block(x)
            yield
        logits = self.network.exits[exit_ - 1](x)
        yield
        return State((x,), self._predict(exit_, logits), exit_)

    def _predict(self, exit_: int, coarse: Tensor) -> Prediction:
        """Whether an image leaves is judged on the exit's own cells, as it was when the rule was chosen."""
        logits = _enlarged(coarse, self._scales[exit_ - 1])
        confidence = self._pixels.confidence(logits)
        seen = Seen(logits=logits, confidence=confidence, exit_=exit_)
        active = self._pixels.active(seen, self.spec.threshold)
        if exit_ <= len(self.rules):
            sure = self._pixels.confidence(coarse)
            stays = ~self.rules[exit_ - 1].leaves(sure, coarse.argmax(1))
            active = stays[:, None, None].expand_as(confidence).contiguous()
        return Prediction(logits, confidence, active)


def _enlarged(logits: Tensor, times: int) -> Tensor:
    if times == 1:
        return logits
    return F.interpolate(logits, scale_factor=times, mode="bilinear", align_corners=False)


def begun(images: Tensor, multiple: int) -> State:
    """The state before stage 1, from images (N, 3, H, W) uint8 RGB.

    Raises:
        BadInputError: the shape does not fit, or H or W is no multiple of `multiple`.
    """
    check_images(images, multiple)
    return State((normalised(images),))


def normalised(images: Tensor) -> Tensor:
    """uint8 to float32 about zero, channels last."""
    return ((images.float() - MEAN) / SPREAD).contiguous(memory_format=torch.channels_last)
