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
SHARPNESS = 3.0


class Fill(nn.Module):
    """What fills masked positions; `taps`: multiply-accumulates a filled value costs, 0 if none ever is."""

    taps: int = 0

    def forward(self, values: Tensor, masks: Masks) -> Tensor:
        """Values (N, C, h, w) of which masked positions are replaced."""
        raise NotImplementedError

    def frozen(self) -> Fill:
        """The same fill with all that can be computed before the first image computed."""
        return self


class NoFill(Fill):
    """The convolutions before the first exit: no mask exists yet, everything is computed."""

    def forward(self, values: Tensor, masks: Masks) -> Tensor:  # noqa: ARG002 - a fill takes masks
        """The values as they are, whatever the masks."""
        return values


class RbfFill(Fill):
    """Interpolates masked positions from the active ones around them (ADP-C, section 3.3).

    The weights are a radial basis function, w(d) = exp(-λ²d²), over 7x7 neighbours without the
    centre, divided by (Σw + 1e-5); masked neighbours and those beyond the border count as 0. λ is
    learnt, one per convolution.
    """

    taps = (2 * RADIUS + 1) ** 2

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(SHARPNESS))

    def forward(self, values: Tensor, masks: Masks) -> Tensor:
        """Values (N, C, h, w) of which masked positions are replaced by the interpolation."""
        mask = masks.at((values.shape[-2], values.shape[-1]))
        return values if mask is None else interpolated(values, mask, self._line())

    def frozen(self) -> Fill:
        """The same with its kernel computed."""
        return FrozenFill(self._line().detach())

    def _line(self) -> Tensor:
        """The kernel along one axis (7,) float32; it is separable but for its centre.

        The sum of weights, (1 + t)² - 1, is written t(2 + t): at λ = 3 it would cancel.
        """
        distance = torch.arange(-RADIUS, RADIUS + 1, device=self.sharpness.device)
        wide = self.sharpness.to(torch.promote_types(self.sharpness.dtype, torch.float32))
        line = torch.exp(-(wide**2) * distance**2)
        off_centre = 2 * line[:RADIUS].sum()
        return line / torch.sqrt(off_centre * (2 + off_centre) + EPSILON)


class FrozenFill(Fill):
    """An `RbfFill` that learns no more."""

    taps = RbfFill.taps
    line: Tensor

    def __init__(self, line: Tensor) -> None:
        super().__init__()
        self.register_buffer("line", line)

    def forward(self, values: Tensor, masks: Masks) -> Tensor:
        """As `RbfFill.forward`."""
        mask = masks.at((values.shape[-2], values.shape[-1]))
        return values if mask is None else interpolated(values, mask, self.line)


def interpolated(values: Tensor, mask: Tensor, line: Tensor) -> Tensor:
    """Values (N, C, h, w) where mask (N, 1, h, w) is set, else the weighted sum of such around.

    `line` (7,), the kernel along one axis, has a centre that should not count; where the result is
    used, the centre is a masked value, that is 0.
    """
    channels = values.shape[1]
    known = values.masked_fill(~mask, 0)
    rows = line.to(values.dtype).view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    down = F.conv2d(known, rows, padding=(RADIUS, 0), groups=channels)
    around = F.conv2d(down, rows.transpose(2, 3), padding=(0, RADIUS), groups=channels)
    return torch.where(mask, values, around)
