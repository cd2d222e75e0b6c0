"""How sure a prediction is of a pixel, and which pixels are still worth refining.

Wang et al., "Confidence Adaptive Anytime Pixel-Level Recognition" (ADP-C, ICLR 2022), section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Rule(Protocol):
    """A masking rule: what confidence is, and below or above what a pixel is still refined."""

    def confidence(self, logits: Tensor) -> Tensor:
        """The confidence (N, h, w) float32 of logits (N, C, h, w) of any dtype."""
        ...

    def active(self, confidence: Tensor, threshold: float) -> Tensor:
        """The positions (N, h, w) bool that are still refined."""
        ...


@dataclass(frozen=True)
class MaxProbability:
    """Segmentation: the largest class probability; a pixel above the threshold is sure."""

    def confidence(self, logits: Tensor) -> Tensor:
        """The largest softmax probability, computed in float32: 1 / Σ exp(logit - largest logit)."""
        wide = logits.detach().float()
        return (wide - wide.amax(1, keepdim=True)).exp_().sum(1).reciprocal_()

    def active(self, confidence: Tensor, threshold: float) -> Tensor:
        """Where the probability is at most the threshold."""
        return confidence <= threshold


@dataclass(frozen=True)
class PeakHeat:
    """Pose: the largest joint heat; a pixel below the threshold is background and is left alone."""

    def confidence(self, logits: Tensor) -> Tensor:
        """The largest value over the joints' heat maps, clamped to 0 to 1."""
        return logits.detach().float().amax(1).clamp_(0, 1)

    def active(self, confidence: Tensor, threshold: float) -> Tensor:
        """Where the heat is at least the threshold."""
        return confidence >= threshold
