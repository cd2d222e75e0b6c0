"""The stem: from the image to 64 channels at a quarter of its size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from interim.model_zoo.masked.conv import Conv, ConvNorm
from interim.model_zoo.masked.fill import NoFill
from interim.model_zoo.masked.masks import DENSE

STEM_CHANNELS = 64


class Stem(nn.Module):
    """Two 3x3 convolutions of stride 2; never masked, no exit comes before it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = ConvNorm(Conv(3, STEM_CHANNELS, kernel=3, stride=2, filling=NoFill))
        self.second = ConvNorm(Conv(STEM_CHANNELS, STEM_CHANNELS, kernel=3, stride=2, filling=NoFill))

    def forward(self, image: Tensor) -> Tensor:
        """What the intake made of an image (N, C, H, W), to (N, 64, H / 4, W / 4)."""
        return F.relu(self.second(F.relu(self.first(image, DENSE), inplace=True), DENSE), inplace=True)
