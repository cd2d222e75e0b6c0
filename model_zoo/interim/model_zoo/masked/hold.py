"""Masked positions that hold still: the cheapest fill, for networks that were trained with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.masked.fill import Fill, NoFill, share_of
from interim.model_zoo.masked.masks import Masks

if TYPE_CHECKING:
    from torch import Tensor


class HoldFill(Fill):
    """The residual stream keeps its last value at masked positions; nothing there is computed.

    1x1 convolutions between resolutions, pooling and resizing are exact functions of the held maps.
    A 3x3 convolution inside a block or a chain gives 0 at masked positions, after its normalisation
    and ReLU. Blocks and fuses add nothing to the stream there: it is never negative, so its ReLU keeps
    it. What begins a branch is computed everywhere, so that there is a value to hold. A coarser
    position is active where anything within it is.
    """

    keeps = skips = True

    @classmethod
    def read_beyond(cls) -> type[Fill]:
        """They are computed everywhere."""
        return NoFill

    def forward(self, values: Tensor, masks: Masks) -> Tensor:  # noqa: ARG002 - a fill takes masks
        """The values as they are: `update` follows, or nobody reads the masked ones."""
        return values

    @staticmethod
    def masks(active: Tensor) -> Masks:
        """Coarser positions move on where anything within them does: what they hold is news to all of it."""
        return Masks.covering(active)

    @staticmethod
    def update(change: Tensor, masks: Masks) -> Tensor:
        """The change (N, C, h, w), and 0 at masked positions."""
        mask = masks.at((change.shape[-2], change.shape[-1]))
        return change if mask is None else change * share_of(mask, change)
