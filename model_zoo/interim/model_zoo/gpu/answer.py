"""An exit's answer on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.gpu.target import power

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.gpu.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an exit says of each position; it keeps what it said where nothing is computed.

    `logits` (images, height, width, classes) float32; `confidence` (images, height, width) float32; `active`
    likewise, uint8. `threshold` (1,) float32: above it a position is sure. `surety`: kernels write confidence
    and active too; else a rule of its own does.
    """

    logits: Tensor
    confidence: Tensor
    active: Tensor
    threshold: Tensor
    surety: bool

    @classmethod
    def zeros(
        cls, images: int, size: tuple[int, int], classes: int, *, surety: bool, target: Target
    ) -> Answer:
        """An answer to be written."""
        shape, device = (images, *size), target.device
        return cls(
            logits=torch.zeros((*shape, classes), device=device),
            confidence=torch.zeros(shape, device=device),
            active=torch.zeros(shape, dtype=torch.uint8, device=device),
            threshold=torch.zeros(1, device=device),
            surety=surety,
        )

    @property
    def images(self) -> int:
        """How many."""
        return self.logits.shape[0]

    @property
    def arguments(self) -> tuple[Tensor, ...]:
        """As kernels take it."""
        return self.logits, self.confidence, self.active, self.threshold

    @property
    def key(self) -> int:
        """What tells its memory from others'."""
        return self.logits.data_ptr()


def columns_of(classes: int) -> int:
    """How many columns a kernel has for classes: a power of two, 16 at least."""
    return power(classes, 16)
