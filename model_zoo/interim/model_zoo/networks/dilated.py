"""The backbones of MESS: dilated residual networks for segmentation, block by block.

Kouris et al., "Multi-Exit Semantic Segmentation Networks" (ECCV 2022). DRN-50 is a ResNet-50 whose third and
fourth layer dilate instead of stride (Yu et al. 2017), as is DeepLabV3's (Chen et al. 2017); MobileNetV2
is Sandler et al. (2018), likewise at 1/8 of the image. Exits attach to the outputs of blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPANSION = 4
RESNET50 = ((64, 3, 1, 1), (128, 4, 2, 1), (256, 6, 1, 2), (512, 3, 1, 4))
"""Planes, blocks, stride of the first block, dilation of the others (the first has the layer's before)."""
MOBILENET_V2 = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
"""Expansion, channels, blocks, stride of the first."""
RATES = (12, 24, 36)


class Backbone(nn.Module):
    """A stem and blocks; `channels[i]`: what block i gives."""

    def __init__(self, stem: nn.Module, blocks: Sequence[nn.Module], channels: Sequence[int]) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.ModuleList(blocks)
        self.channels = tuple(channels)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W) to the last block's maps (N, C, H / 8, W / 8)."""
        x: Tensor = self.stem(images)
        for block in self.blocks:
            x = block(x)
        return x


class Bottleneck(nn.Module):
    """conv1x1, conv3x3 (strided, dilated), conv1x1, each with BN; ReLU; a residual."""

    def __init__(self, inputs: int, planes: int, stride: int, dilation: int) -> None:
        super().__init__()
        outputs = planes * EXPANSION
        self.change = nn.Sequential(
            conv_norm(inputs, planes, 1),
            nn.ReLU(),
            conv_norm(planes, planes, 3, stride=stride, dilation=dilation),
            nn.ReLU(),
            conv_norm(planes, outputs, 1),
        )
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) to (N, 4·planes, h / stride, w / stride)."""
        return F.relu(self.change(x) + self.shortcut(x))


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, depthwise 3x3, narrow; a residual where shapes agree."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, stride: int, dilation: int) -> None:
        super().__init__()
        width = inputs * expansion
        widen = [conv_norm(inputs, width, 1), nn.ReLU6()] if expansion > 1 else []
        depthwise = conv_norm(width, width, 3, stride=stride, dilation=dilation, groups=width)
        self.change = nn.Sequential(*widen, depthwise, nn.ReLU6(), conv_norm(width, outputs, 1))
        self.residual = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) to (N, outputs, h / stride, w / stride)."""
        changed: Tensor = self.change(x)
        return x + changed if self.residual else changed


class FcnHead(nn.Module):
    """conv3x3 to a quarter of the channels, BN, ReLU, conv1x1 to the classes."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.mix = conv_norm(channels, channels // 4, 3)
        self.classify = nn.Conv2d(channels // 4, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) to logits (N, classes, h, w)."""
        logits: Tensor = self.classify(F.relu(self.mix(x)))
        return logits


class DeepLabHead(nn.Module):
    """DeepLabV3's: five views side by side (1x1, three dilated 3x3, the mean of all), mixed; then an FCN head."""

    def __init__(self, channels: int, classes: int, width: int = 256) -> None:
        super().__init__()
        views = [conv_norm(channels, width, 1)]
        views += [conv_norm(channels, width, 3, dilation=rate) for rate in RATES]
        self.views = nn.ModuleList(views)
        self.whole = conv_norm(channels, width, 1)
        self.mix = conv_norm(5 * width, width, 1)
        self.refine = conv_norm(width, width, 3)
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) to logits (N, classes, h, w)."""
        mean = F.relu(self.whole(x.mean((2, 3), keepdim=True))).expand(-1, -1, *x.shape[2:])
        views = [F.relu(view(x)) for view in self.views]
        logits: Tensor = self.classify(F.relu(self.refine(F.relu(self.mix(torch.cat([*views, mean], 1))))))
        return logits


def resnet50_dilated() -> Backbone:
    """ResNet-50 at 1/8 of the image: 16 blocks."""
    return resnet_dilated(RESNET50, stem=64)


def resnet_dilated(layers: Sequence[tuple[int, int, int, int]], *, stem: int) -> Backbone:
    """A ResNet of bottlenecks, whose layers are written as `RESNET50`'s are, on `stem` channels."""
    first = nn.Sequential(conv_norm(3, stem, 7, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    blocks: list[nn.Module] = []
    channels: list[int] = []
    inputs, before = stem, 1
    for planes, count, stride, dilation in layers:
        for index in range(count):
            step, rate = (1, dilation) if index else (stride, before)
            blocks.append(Bottleneck(inputs, planes, step, rate))
            inputs = planes * EXPANSION
            channels.append(inputs)
        before = dilation
    return Backbone(first, blocks, channels)


def mobilenet_v2_dilated(stride: int = 8) -> Backbone:
    """MobileNetV2 at 1/`stride` of the image, without its last 1x1 convolution: 17 blocks."""
    blocks: list[nn.Module] = []
    channels: list[int] = []
    inputs, reached, dilation = 32, 2, 1
    for expansion, outputs, count, wanted in MOBILENET_V2:
        step = wanted if reached * wanted <= stride else 1
        for index in range(count):
            blocks.append(
                InvertedResidual(
                    inputs,
                    outputs,
                    expansion=expansion,
                    stride=1 if index else step,
                    dilation=dilation,
                )
            )
            inputs = outputs
            channels.append(outputs)
            dilation = dilation if index or step == wanted else dilation * wanted
        reached *= step
    return Backbone(nn.Sequential(conv_norm(3, 32, 3, stride=2), nn.ReLU6()), blocks, channels)


def conv_norm(
    inputs: int, outputs: int, size: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    """A convolution that keeps the size (but for its stride), and its normalisation."""
    padding = dilation * (size // 2)
    conv = nn.Conv2d(inputs, outputs, size, stride, padding, dilation, groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class MessExit(nn.Module):
    """One exit of MESS's space (section 4.2): channels reduced by a 1x1, trainable blocks, then a head.

    Args:
        channels: Of the backbone's block.
        classes: How many there are.
        reduction: What the 1x1 divides the channels by; 1: there is none.
        blocks: Bottlenecks after it, 0 to 3.
        widening: Whether each block dilates twice as much as the one before.
        deeplab: DeepLabV3's head instead of an FCN's.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        reduction: int = 1,
        blocks: int = 0,
        widening: bool = False,
        deeplab: bool = False,
    ) -> None:
        super().__init__()
        width = channels // reduction
        self.reduce = conv_norm(channels, width, 1) if reduction > 1 else nn.Identity()
        self.blocks = nn.Sequential(
            *(
                Bottleneck(width, width // EXPANSION, 1, 2 ** (index + 1) if widening else 1)
                for index in range(blocks)
            )
        )
        self.head = DeepLabHead(width, classes) if deeplab else FcnHead(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) to logits (N, classes, h, w)."""
        logits: Tensor = self.head(self.blocks(self.reduce(x)))
        return logits
