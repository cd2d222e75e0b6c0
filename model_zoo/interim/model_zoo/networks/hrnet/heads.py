"""Exits: from the branches' maps to logits at a quarter of the image's size."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interim.model_zoo.masked.conv import Conv, ConvNorm, Filling, MergedConv, upsampled

if TYPE_CHECKING:
    from interim.model_zoo.masked.masks import Masks
    from interim.model_zoo.networks.hrnet.transition import Maps

LogitSlices = Generator[None, None, Tensor]
"""A head under way: yields wherever it may be given up, returns logits (N, classes, h, w)."""


class PlainHead(nn.Module):
    """All branches at 1/4: conv1x1 to as many channels, BN, ReLU, conv1x1 to the classes."""

    def __init__(self, channels: int, classes: int, *, filling: Filling) -> None:
        super().__init__()
        self.mix = ConvNorm(MergedConv(channels, channels, bias=True, filling=filling))
        self.classify = Conv(channels, classes, bias=True, filling=filling)

    def slices(self, maps: Maps, masks: Masks) -> LogitSlices:
        """Logits at the finest map's size."""
        mixed = F.relu(self.mix(maps, masks), inplace=True)
        yield
        logits: Tensor = self.classify(mixed, masks)
        return logits


class RedesignedHead(nn.Module):
    """An early exit that first looks from afar (ADP-C, section 3.2): `depth` times half the size.

    depth x [pool 2, conv1x1, BN, ReLU], (depth - 1) x [bilinear 2, conv1x1, BN, ReLU], then
    bilinear 2 and conv1x1 to the classes.
    """

    def __init__(self, channels: int, width: int, depth: int, classes: int, *, filling: Filling) -> None:
        super().__init__()
        inputs, inner = [channels] + [width] * (depth - 1), filling.read_beyond()
        self.down = nn.ModuleList(ConvNorm(Conv(i, width, bias=True, filling=inner)) for i in inputs)
        self.up = nn.ModuleList(
            ConvNorm(MergedConv(width, width, bias=True, scale=2, filling=inner)) for _ in inputs[1:]
        )
        self.classify = MergedConv(width, classes, bias=True, scale=2, filling=filling)

    def slices(self, maps: Maps, masks: Masks) -> LogitSlices:
        """Logits at the finest map's size."""
        x = pooled(maps)
        for level, down in enumerate(self.down):
            x = F.relu(down(F.avg_pool2d(x, 2) if level else x, masks), inplace=True)
            yield
        for up in self.up:
            x = F.relu(up((x,), masks), inplace=True)
            yield
        logits: Tensor = self.classify((x,), masks)
        return logits


class SingleConvHead(nn.Module):
    """Pose: one conv1x1 on the finest branch."""

    def __init__(self, channels: int, classes: int, *, filling: Filling) -> None:
        super().__init__()
        self.classify = Conv(channels, classes, bias=True, filling=filling)

    def slices(self, maps: Maps, masks: Masks) -> LogitSlices:
        """Logits at the finest map's size."""
        yield
        logits: Tensor = self.classify(maps[0], masks)
        return logits


def pooled(maps: Maps) -> Tensor:
    """The maps resized to the finest one's size, concatenated, then pooled 2x2 by their mean.

    The pool of a bilinear enlargement by 4 or more is the enlargement by half as much: both pixels
    of a pair lie on one linear piece, evenly about its sample. So the fine map is never made.
    """
    height, width = maps[0].shape[-2:]
    half = (height // 2, width // 2)
    fine = [F.avg_pool2d(upsampled(x, (height, width)), 2) for x in maps[:2]]
    return torch.cat([*fine, *(upsampled(x, half) for x in maps[2:])], 1)
