"""The way in: from images in bytes to what the first convolution takes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
"""ImageNet's, of RGB values from 0 to 1."""

PIXEL_CHANNELS = 4
"""Red, green, blue, and ones: those of `WithOnes`."""


class Normalise(nn.Module):
    """(RGB / 255 - mean) / std."""

    def forward(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        """Images (N, 3, H, W) uint8 to the same shape in `dtype`, channels last."""
        mean, std = _moments(images.device)
        wide = images.to(torch.promote_types(dtype, torch.float32), memory_format=torch.channels_last)
        return wide.sub_(mean).div_(std).to(dtype)


class WithOnes(nn.Module):
    """The bytes as they are, and a channel of ones: a convolution's kernel does the rest.

    Bytes are exact in bfloat16, and the convolution's zero padding means 0 after normalisation,
    because the ones are padded with zeros too.
    """

    def forward(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        """Images (N, 3, H, W) uint8 to (N, 4, H, W) in `dtype`, channels last."""
        count, _, height, width = images.shape
        held = torch.ones(count, height, width, PIXEL_CHANNELS, dtype=dtype, device=images.device)
        held[..., :3] = images.permute(0, 2, 3, 1)
        return held.permute(0, 3, 1, 2)


def with_ones(kernel: Tensor) -> Tensor:
    """A kernel (C, 3, k, k) for normalised images as one (C, 4, k, k) for `WithOnes`."""
    mean, std = (moment.double() for moment in _moments(kernel.device))
    scaled = kernel.double() / std
    return torch.cat((scaled, -(scaled * mean).sum(1, keepdim=True)), 1).to(kernel.dtype)


def _moments(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of bytes, (1, 3, 1, 1) each."""
    moments = 255 * torch.tensor((IMAGE_MEAN, IMAGE_STD), device=device)
    return moments[0].view(1, 3, 1, 1), moments[1].view(1, 3, 1, 1)
