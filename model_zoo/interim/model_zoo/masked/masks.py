"""The masks of one stage: which positions are computed, at every resolution."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

LEVELS = 4
"""Resolutions below the logits' own that a mask is made for: 1/4, 1/8, 1/16, 1/32 of the image."""


@dataclass(frozen=True, slots=True)
class Masks:
    """The active positions for each output size of a stage; no sizes at all: everything is computed."""

    levels: Mapping[tuple[int, int], Tensor] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, active: Tensor) -> Masks:
        """Masks from the active positions (N, h, w) bool at the logits' resolution.

        Resizing is *nearest*, which takes every second position; it commutes with softmax and the
        threshold, so the mask may be resized in place of the logits. Height and width must be
        multiples of 8 (the image's of 32).
        """
        mask = active.unsqueeze(1)
        steps = [2**level for level in range(LEVELS)]
        resized = [mask[..., ::step, ::step].contiguous() for step in steps]
        return cls({(part.shape[-2], part.shape[-1]): part for part in resized})

    @classmethod
    def covering(cls, active: Tensor) -> Masks:
        """Masks whose coarser positions are active where any position within them is.

        So no active position misses what coarser branches have to say of it. Height and width must be
        multiples of 8, as above.
        """
        levels = [active]
        for _ in range(LEVELS - 1):
            levels.append(halved(levels[-1]))
        return cls({(part.shape[-2], part.shape[-1]): part.unsqueeze(1) for part in levels})

    def at(self, size: tuple[int, int]) -> Tensor | None:
        """The mask (N, 1, height, width) bool for convolutions of this output size; None: all active."""
        return self.levels[size] if self.levels else None


def halved(mask: Tensor) -> Tensor:
    """A mask (N, h, w) bool at half of its size: active where any of 2x2 positions is."""
    rows = mask[:, ::2] | mask[:, 1::2]
    return rows[..., ::2] | rows[..., 1::2]


DENSE = Masks()
"""Compute every position."""
