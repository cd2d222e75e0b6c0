"""What stands at a position that a masked convolution does not compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from interim.model_zoo.masked.masks import Masks

RADIUS = 3
EPSILON = 1e-5


class NoFill(nn.Module):
    """The convolutions before the first exit: no mask exists yet, everything is computed."""

    taps = 0

    def forward(self, values: Tensor, masks: Masks) -> Tensor:  # noqa: ARG002 - the same shape for every fill
        """The values as they are, whatever the masks."""
        return values


class RbfFill(nn.Module):
    """Interpolates masked positions from the active ones around them (ADP-C, section 3.3).

    The weights are a radial basis function, w(d) = exp(-λ²d²), over 7x7 neighbours without the
    centre, divided by (Σw + 1e-5); masked neighbours and those beyond the border count as 0. λ is
    learnt, one per convolution.
    """

    taps = (2 * RADIUS + 1) ** 2

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(3.0))

    def forward(self, values: Tensor, masks: Masks) -> Tensor:
        """Values (N, C, h, w) of which masked positions are replaced by the interpolation."""
        mask = masks.at((values.shape[-2], values.shape[-1]))
        if mask is None:
            return values
        return torch.where(mask, values, self._interpolate(values.masked_fill(~mask, 0)))

    def _interpolate(self, known: Tensor) -> Tensor:
        """Weighted sum of the neighbours of every position; right where the position itself is 0.

        The kernel is separable but for its centre, and the centre is multiplied by 0 wherever the
        result is used. The sum of weights, (1 + t)² - 1, is written t(2 + t): λ = 3 would cancel.
        """
        channels = known.shape[1]
        distance = torch.arange(-RADIUS, RADIUS + 1, device=known.device)
        line = torch.exp(-(self.sharpness.float() ** 2) * distance**2)
        off_centre = 2 * line[:RADIUS].sum()
        kernel = (line / torch.sqrt(off_centre * (2 + off_centre) + EPSILON)).to(known.dtype)
        rows = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
        columns = kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
        down = F.conv2d(known, rows, padding=(RADIUS, 0), groups=channels)
        return F.conv2d(down, columns, padding=(0, RADIUS), groups=channels)
