"""What stands at a position that a masked convolution does not compute."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from interim.model_zoo.masked.masks import DENSE, Masks
from interim.model_zoo.masked.rbf import RADIUS, Around, columns, line, rows

SHARPNESS = 3.0


class Fill(nn.Module):
    """What fills the masked positions of one convolution; the class itself stands for a network's way to.

    `keeps`: positions that are sure keep their answer. `skips`: masked positions need not be computed. `taps`:
    multiply-accumulates a filled value costs.
    """

    keeps: bool = False
    skips: bool = False
    taps: int = 0

    @classmethod
    def read_beyond(cls) -> type[Fill]:
        """What fills the convolutions whose masked outputs are read at active positions too.

        These are the 1x1 convolutions between resolutions, and those that begin a branch.
        """
        return cls

    @staticmethod
    def masks(active: Tensor) -> Masks:
        """The masks of a stage, from the positions (N, h, w) bool that the exit before left active."""
        return Masks.of(active)

    @staticmethod
    def update(change: Tensor, masks: Masks) -> Tensor:  # noqa: ARG004 - a fill takes masks
        """What is added to a residual stream (N, C, h, w), normalised, before its ReLU."""
        return change

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


class WholeFill(NoFill):
    """Sure positions keep their answer, and all is computed that the others may look at, which is everything.

    So the others are answered as if nothing had dropped out, and Layer Cascade (Li et al., CVPR 2017) is
    charged as Kouris et al. (MESS, ECCV 2022) do: every feature in the field of view of a pixel that goes on.
    In W18-small-v2 one position sees 29x29 of stage 2's inputs from exit 2, 127x127 from exit 3, and from
    exit 4 all of an image of 512x1024 pixels from its middle.
    """

    keeps = True

    @staticmethod
    def masks(active: Tensor) -> Masks:  # noqa: ARG004 - a fill takes the active positions
        """None."""
        return DENSE


class RbfFill(Fill):
    """Interpolates masked positions from the active ones around them (ADP-C, section 3.3).

    A radial basis function of the neighbours (masked/rbf.py) whose sharpness λ is learnt, one per
    convolution. Masked neighbours count as 0.
    """

    keeps = skips = True
    taps = (2 * RADIUS + 1) ** 2

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(SHARPNESS))

    def forward(self, values: Tensor, masks: Masks) -> Tensor:
        """Values (N, C, h, w) of which masked positions are replaced by the interpolation."""
        mask = masks.at((values.shape[-2], values.shape[-1]))
        if mask is None:
            return values
        share = share_of(mask, values)
        known = values * share
        around: Tensor = Around.apply(known, self.sharpness)  # type: ignore[no-untyped-call]
        return torch.addcmul(known, around, 1 - share)

    def frozen(self) -> Fill:
        """The same with its kernel computed."""
        return FrozenFill(line(self.sharpness.detach()))


class FrozenFill(Fill):
    """An `RbfFill` that learns no more."""

    skips = True
    taps = RbfFill.taps
    line: Tensor

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        self.register_buffer("line", kernel)

    def forward(self, values: Tensor, masks: Masks) -> Tensor:
        """As `RbfFill.forward`."""
        mask = masks.at((values.shape[-2], values.shape[-1]))
        if mask is None:
            return values
        share = share_of(mask, values)
        known = values * share
        return torch.addcmul(known, columns(rows(known, self.line), self.line), 1 - share)


def share_of(mask: Tensor, values: Tensor) -> Tensor:
    """The mask as 1 and 0 for every value, in their layout: `where` with the mask takes three times as long."""
    return torch.empty_like(values).copy_(mask.to(values.dtype))
