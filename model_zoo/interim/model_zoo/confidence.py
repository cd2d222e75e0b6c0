"""How sure a prediction is of a pixel, and which pixels are still worth refining.

Wang et al., "Confidence Adaptive Anytime Pixel-Level Recognition" (ADP-C, ICLR 2022), section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a rule judges by: one exit's answer for a batch.

    `logits` (N, C, h, w) and their `confidence` (N, h, w); `exit_` counts from 1. `before` (N, h, w) bool: the
    positions that were refined on the way here; None: all.
    """

    logits: Tensor
    confidence: Tensor
    exit_: int
    before: Tensor | None = None


class Rule(Protocol):
    """A masking rule: what confidence is, and which positions are still refined."""

    def confidence(self, logits: Tensor) -> Tensor:
        """The confidence (N, h, w) float32 of logits (N, C, h, w) of any dtype."""
        ...

    def need(self, confidence: Tensor) -> Tensor:
        """How much each position needs refinement, from 0 to 1, by its confidence alone."""
        ...

    def active(self, seen: Seen, threshold: float) -> Tensor:
        """The positions (N, h, w) bool that are still refined; whoever asks drops those not in `seen.before`."""
        ...


@dataclass(frozen=True)
class MaxProbability:
    """Segmentation: the largest class probability; a pixel above the threshold is sure."""

    def confidence(self, logits: Tensor) -> Tensor:
        """The largest softmax probability, computed in float32: 1 / Σ exp(logit - largest logit)."""
        wide = logits.detach().float()
        return (wide - wide.amax(1, keepdim=True)).exp_().sum(1).reciprocal_()

    def need(self, confidence: Tensor) -> Tensor:
        """What is left to certainty."""
        return 1 - confidence

    def active(self, seen: Seen, threshold: float) -> Tensor:
        """Where the probability is at most the threshold."""
        return seen.confidence <= threshold


@dataclass(frozen=True)
class PeakHeat:
    """Pose: the largest joint heat; a pixel below the threshold is background and is left alone."""

    def confidence(self, logits: Tensor) -> Tensor:
        """The largest value over the joints' heat maps, clamped to 0 to 1."""
        return logits.detach().float().amax(1).clamp_(0, 1)

    def need(self, confidence: Tensor) -> Tensor:
        """The heat: where there is none there is no joint."""
        return confidence

    def active(self, seen: Seen, threshold: float) -> Tensor:
        """Where the heat is at least the threshold."""
        return seen.confidence >= threshold
