"""The kernel that fills masked positions: a radial basis function of 7x7 neighbours.

w(d) = exp(-λ²d²) without the centre, divided by (Σw + 1e-5); beyond the border there are zeros. But
for its centre the kernel is separable: one line along the rows, one along the columns. Whoever uses
it reads only positions whose own value is 0, so the centre does not show.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

RADIUS = 3
EPSILON = 1e-5


def line(sharpness: Tensor) -> Tensor:
    """The kernel along one axis (7,), in float32 at least, for λ (a scalar).

    The sum of weights, (1 + t)² - 1, is written t(2 + t): at λ = 3 it would cancel.
    """
    reach, _, total = _reach(sharpness)
    return reach / torch.sqrt(total)


def slope(sharpness: Tensor) -> Tensor:
    """The derivative (7,) of `line` by λ."""
    reach, distance, total = _reach(sharpness)
    steep = -2 * sharpness.to(reach.dtype) * distance * reach
    ring, ring_steep = (2 * part[:RADIUS].sum() for part in (reach, steep))
    return (steep - reach * (1 + ring) * ring_steep / total) / torch.sqrt(total)


def rows(x: Tensor, kernel: Tensor) -> Tensor:
    """Each column of each map (N, C, h, w) convolved with a kernel (7,)."""
    weight = kernel.to(x.dtype).view(1, 1, -1, 1).expand(x.shape[1], 1, -1, 1)
    return F.conv2d(x, weight, padding=(RADIUS, 0), groups=x.shape[1])


def columns(x: Tensor, kernel: Tensor) -> Tensor:
    """Each row of each map (N, C, h, w) convolved with a kernel (7,)."""
    weight = kernel.to(x.dtype).view(1, 1, 1, -1).expand(x.shape[1], 1, 1, -1)
    return F.conv2d(x, weight, padding=(0, RADIUS), groups=x.shape[1])


class Around(torch.autograd.Function):
    """`columns(rows(x, line(λ)), line(λ))`, with a gradient by x and by λ.

    The kernel is symmetric, so the gradient by x is the same operation. Written by hand because
    the general backward pass of a 1x7 depthwise convolution takes 20 times as long on CPUs.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, sharpness: Tensor) -> Tensor:
        """Maps (N, C, h, w) of which masked positions are 0, and λ."""
        ctx.save_for_backward(x, sharpness)
        kernel = line(sharpness)
        return columns(rows(x, kernel), kernel)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients by the maps and by λ."""
        (grad,) = grads
        x, sharpness = ctx.saved_tensors
        kernel, steep = line(sharpness), slope(sharpness)
        along_rows = rows(grad, kernel)
        by_sharpness = _dot(along_rows, columns(x, steep)) + _dot(columns(grad, kernel), rows(x, steep))
        return columns(along_rows, kernel), by_sharpness.to(sharpness.dtype)


def _reach(sharpness: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """exp(-λ²d²) along one axis (7,), d² (7,), and Σw + 1e-5."""
    wide = sharpness.to(torch.promote_types(sharpness.dtype, torch.float32))
    distance = torch.arange(-RADIUS, RADIUS + 1, device=wide.device) ** 2
    reach = torch.exp(-(wide**2) * distance)
    ring = 2 * reach[:RADIUS].sum()
    return reach, distance, ring * (2 + ring) + EPSILON


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Σ a·b, summed in float32 at least."""
    return (a * b).sum(dtype=torch.promote_types(a.dtype, torch.float32))
