"""Masking rules other than a threshold on confidence: what positions need, and how many of them are refined.

A rule is a *need*, by which positions are ordered, and a *cut* through that order: `Above` a level, or a `Share`.
Wang et al. (ADP-C, ICLR 2022), "Masking Criterion", compare a threshold, a share, entropy and chance; Li et al.,
"Not All Pixels Are Equal" (CVPR 2017) and Xie et al., "Spatially Adaptive Inference with Stochastic Feature Sampling
and Interpolation" (ECCV 2020) are the other two.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

from interim.model_zoo.confidence import MaxProbability, Rule, Seen
from interim.model_zoo.errors import BadInputError

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.mask_choice import MaskChoice
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

LEAST = 1e-12
"""Needs are this at least where logarithms are taken."""


class Need(Protocol):
    """What positions are ordered by."""

    def of(self, seen: Seen, measure: Rule) -> Tensor:
        """How much each position (N, h, w) float32 needs refinement; only the order counts, or the level."""
        ...


@dataclass(frozen=True)
class Doubt:
    """What confidence leaves open."""

    def of(self, seen: Seen, measure: Rule) -> Tensor:
        """From 0 to 1."""
        return measure.need(seen.confidence)


@dataclass(frozen=True)
class Entropy:
    """The entropy of the class probabilities, as a share of the largest there could be."""

    def of(self, seen: Seen, measure: Rule) -> Tensor:  # noqa: ARG002 - every need is told the measure
        """From 0 to 1."""
        logs = seen.logits.detach().float().log_softmax(1)
        return (logs.exp() * logs).sum(1).neg_() / max(math.log(logs.shape[1]), LEAST)


@dataclass(frozen=True)
class Chance:
    """A number drawn for every position and exit, the same for every image, batch and run."""

    def of(self, seen: Seen, measure: Rule) -> Tensor:  # noqa: ARG002 - every need is told the measure
        """From 0 to 1, evenly."""
        height, width = seen.confidence.shape[1:]
        return drawn(height, width, seen.exit_, seen.confidence.device).expand_as(seen.confidence)


@dataclass(frozen=True)
class Lot:
    """Doubt as the weight of a lot: the k largest are a draw of k positions without putting back.

    Xie et al. learn where to sample; here nothing was trained for it, so a position's doubt stands for the learnt
    probability. A logarithm plus Gumbel noise makes the draw (Kool et al., ICML 2019, section 3).
    """

    def of(self, seen: Seen, measure: Rule) -> Tensor:
        """Any number."""
        height, width = seen.confidence.shape[1:]
        even = drawn(height, width, seen.exit_, seen.confidence.device)
        gumbel = -torch.log(-torch.log(even.clamp(LEAST, 1 - 1e-7)))
        return measure.need(seen.confidence).clamp_min(LEAST).log() + gumbel


@dataclass(frozen=True)
class _Ordered:
    """A measure of confidence, and a need to choose by."""

    measure: Rule
    by: Need

    def confidence(self, logits: Tensor) -> Tensor:
        """The measure's."""
        return self.measure.confidence(logits)

    def need(self, confidence: Tensor) -> Tensor:
        """The measure's."""
        return self.measure.need(confidence)


@dataclass(frozen=True)
class Above(_Ordered):
    """Positions whose need is at least `level` are refined."""

    level: float

    def active(self, seen: Seen, threshold: float) -> Tensor:  # noqa: ARG002 - it has a level of its own
        """As `Rule.active`."""
        return self.by.of(seen, self.measure) >= self.level


@dataclass(frozen=True)
class Share(_Ordered):
    """Of each image the positions that need it most are refined: `shares` of all, by exit, the last for the rest.

    Of those that were refined before: never more than there are.
    """

    shares: tuple[float, ...]

    def active(self, seen: Seen, threshold: float) -> Tensor:  # noqa: ARG002 - it has shares of its own
        """As `Rule.active`; of equals the first, from left to right and downwards."""
        need = self.by.of(seen, self.measure)
        if seen.before is not None:
            need = need.masked_fill(~seen.before, -math.inf)
        flat = need.flatten(1)
        count = round(self.shares[min(seen.exit_, len(self.shares)) - 1] * flat.shape[1])
        first = flat.argsort(dim=1, descending=True, stable=True)[:, :count]
        active = torch.zeros_like(flat, dtype=torch.bool).scatter_(1, first, value=True)
        return active.view_as(need) if seen.before is None else active.view_as(need) & seen.before


def measure_of(rule: Rule) -> Rule:
    """What a rule has confidence from."""
    return rule.measure if isinstance(rule, _Ordered) else rule


def choose(network: AnytimeHrnet, choice: MaskChoice) -> None:
    """Give a network a masking rule; what it fills with must already be what the rule brings.

    Raises:
        BadInputError: the network has no masks, or no probabilities to take an entropy of.
    """
    if choice.name == "card":
        return
    if not network.masking:
        raise BadInputError(
            f"{network.spec.name} computes every position: {choice.text} needs a network with confidence "
            "adaptivity (-adpc), and masking on"
        )
    threshold = network.spec.threshold if choice.threshold is None else choice.threshold
    shown = "" if choice.name == "threshold" else choice.text
    network.rule = _rule(network, choice)
    network.spec = dataclasses.replace(network.spec, threshold=threshold, mask_rule=shown)


def _rule(network: AnytimeHrnet, choice: MaskChoice) -> Rule:
    measure, values = measure_of(network.rule), choice.values
    if choice.name == "entropy" and not isinstance(measure, MaxProbability):
        raise BadInputError(
            f"{network.spec.name} gives heat, which has no entropy: choose a threshold or a share"
        )
    rules: dict[str, Rule] = {
        "share": Share(measure, Doubt(), values),
        "random": Share(measure, Chance(), values),
        "sampling": Share(measure, Lot(), values),
        "entropy": Above(measure, Entropy(), *values[:1] or (0.0,)),
    }
    return rules.get(choice.name, measure)


def drawn(height: int, width: int, exit_: int, device: torch.device) -> Tensor:
    """Numbers (height, width) float32, even in 0 to 1, each from its row, column and exit alone.

    Their bits are mixed with the multipliers of MurmurHash3's finaliser (Appleby, 2011).
    """
    rows = torch.arange(height, device=device)[:, None]
    columns = torch.arange(width, device=device)
    bits = (rows * 0x9E3779B1 + columns * 0x7FEB352D + exit_ * 0x68E31DA5) & 0xFFFFFFFF
    for multiplier, shift in ((0x85EBCA6B, 16), (0xC2B2AE35, 13)):
        bits = ((bits ^ (bits >> shift)) * multiplier) & 0xFFFFFFFF
    return ((bits ^ (bits >> 16)) >> 8).float() / 2**24
