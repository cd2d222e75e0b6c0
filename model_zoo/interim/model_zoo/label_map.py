"""From logits to label maps: exact, and cheap where neighbours agree.

The label map is the argmax of the bilinearly enlarged logits (corners not aligned). Inside the cell
between four neighbouring logits every pixel is a convex combination of them, so where all four have
one argmax every pixel has it too; only the other cells are interpolated.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

STRIDE = 4


class LabelMap(Protocol):
    """What makes label maps as `label_map` does, to the bit; kernels do it in less time."""

    def __call__(self, logits: Tensor, size: tuple[int, int], *, stride: int = STRIDE) -> Tensor:
        """The class of every pixel: see `label_map`."""
        ...


def label_map(logits: Tensor, size: tuple[int, int], *, stride: int = STRIDE) -> Tensor:
    """The class of every pixel.

    Args:
        logits: (N, C, h, w), any floating dtype, computed in float32 (float64 stays).
        size: Height and width to crop to: the image before padding, at most stride·h, stride·w.
        stride: How many times smaller than the image the logits are; even.

    Returns:
        (N, height, width) uint8, contiguous.
    """
    count, classes, height, width = logits.shape
    rows = logits.permute(0, 2, 3, 1).to(torch.promote_types(logits.dtype, torch.float32)).contiguous()
    labels = rows.max(-1).indices.to(torch.uint8)
    padded = labels[:, _clamped(height, logits.device)][:, :, _clamped(width, logits.device)]
    image, row, column = _mixed(padded).nonzero(as_tuple=True)
    values = rows.view(-1, classes)[image * height * width + _corners(row, column, height, width)]
    interpolated = (_cell_weights(stride, values) @ values.view(4, -1)).view(stride**2, -1, classes)
    inside = interpolated.max(-1).indices.to(torch.uint8).T
    pixels = padded[:, :-1, None, :-1, None].repeat(1, 1, stride, 1, stride)
    pixels[image, row, :, column] = inside.reshape(-1, stride, stride)
    whole = pixels.view(count, stride * (height + 1), stride * (width + 1))
    margin = stride // 2
    return whole[:, margin : margin + size[0], margin : margin + size[1]].contiguous()


def coarse_label_map(logits: Tensor, size: tuple[int, int], *, stride: int = STRIDE) -> Tensor:
    """The class at every logit that covers a pixel of `size`: (N, ⌈height/stride⌉, ⌈width/stride⌉) uint8."""
    return _covering(logits.argmax(1).to(torch.uint8), size, stride)


def coarse_confidence(confidence: Tensor, size: tuple[int, int], *, stride: int = STRIDE) -> Tensor:
    """Confidence (N, h, w) in 0 to 1 as bytes, 255 for 1: (N, ⌈height/stride⌉, ⌈width/stride⌉) uint8."""
    return _covering((confidence * 255).round_().to(torch.uint8), size, stride)


def _covering(coarse: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """The part of a map at the logits' resolution that covers a pixel of `size`."""
    return coarse[:, : -(-size[0] // stride), : -(-size[1] // stride)].contiguous()


def _clamped(length: int, device: torch.device) -> Tensor:
    """Indices -1 to `length`, those outside moved to the border: one neighbour more at either side."""
    return torch.arange(-1, length + 1, device=device).clamp_(0, length - 1)


def _mixed(padded: Tensor) -> Tensor:
    """Which cells between four neighbouring labels (N, h + 2, w + 2) differ: (N, h + 1, w + 1) bool."""
    beside = padded[:, :, :-1] != padded[:, :, 1:]
    below = padded[:, :-1, :-1] != padded[:, 1:, :-1]
    return beside[:, :-1] | beside[:, 1:] | below


def _corners(row: Tensor, column: Tensor, height: int, width: int) -> Tensor:
    """Linear indices (4, K) of the corners of cells, which begin one neighbour before the map."""
    above, below = (row - 1).clamp_(min=0) * width, row.clamp(max=height - 1) * width
    left, right = (column - 1).clamp_(min=0), column.clamp(max=width - 1)
    return torch.stack((above + left, above + right, below + left, below + right))


def _cell_weights(stride: int, like: Tensor) -> Tensor:
    """Bilinear weights (stride², 4) of a cell's pixels: fractions (2k + 1) / (2·stride) of the way."""
    far = (torch.arange(stride, device=like.device, dtype=like.dtype) * 2 + 1) / (2 * stride)
    line = torch.stack((1 - far, far), -1)
    return torch.einsum("ya,xb->yxab", line, line).reshape(stride * stride, 4)
