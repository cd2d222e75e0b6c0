"""How sure an exit is of a whole image, so that the image may leave there.

Kouris et al., "Multi-Exit Semantic Segmentation Networks" (ECCV 2022), section 5.2, equations 7 to 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

REACH = 2
"""Cells to every side whose median a cell on an edge takes: the paper's window of ±2 output strides."""


PIXEL_THRESHOLDS = (0.5, 0.7, 0.9)
MEASURES = (
    *(f"edges {threshold}" for threshold in PIXEL_THRESHOLDS),
    *(f"plain {threshold}" for threshold in PIXEL_THRESHOLDS),
    "mean",
)
"""How sure an exit is of an image: the share of sure cells, edges enhanced or not, and the mean confidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When an image leaves at an exit: by one of `MEASURES` it is at least `least`."""

    measure: str
    least: float

    def leaves(self, confidence: Tensor, labels: Tensor) -> Tensor:
        """Which images leave, (N,) bool; see `image_confidence`."""
        return image_confidence(self.measure, confidence, labels) >= self.least


def image_confidence(measure: str, confidence: Tensor, labels: Tensor) -> Tensor:
    """How sure an exit is of each image, (N,) from 0 to 1.

    Args:
        measure: One of `MEASURES`.
        confidence: Of every cell (N, h, w), 0 to 1.
        labels: The class predicted for every cell (N, h, w).
    """
    if measure == "mean":
        return confidence.mean((1, 2))
    kind, threshold = measure.split()
    cells = edge_enhanced(confidence, labels) if kind == "edges" else confidence
    return sure_share(cells, float(threshold))


def sure_share(confidence: Tensor, threshold: float) -> Tensor:
    """The share of positions at least as confident as `threshold`, (N,) from confidences (N, h, w)."""
    return (confidence >= threshold).float().mean((1, 2))


def edge_enhanced(confidence: Tensor, labels: Tensor) -> Tensor:
    """Confidences (N, h, w) in which cells on the border of two classes have their surroundings' median.

    Borders are less sure than what they part, whatever the image. All is done on the exit's own cells, so
    the paper's output stride is one cell here: the edge map is widened by that (the paper says eroded, which
    would leave nothing of thin edges), and medians are taken over `REACH` cells to every side.

    Args:
        confidence: Of every cell, 0 to 1.
        labels: The class predicted for every cell (N, h, w).
    """
    side = 2 * REACH + 1
    padded = F.pad(confidence[:, None], (REACH,) * 4, mode="replicate")
    around = F.unfold(padded, side).reshape(len(confidence), side * side, *confidence.shape[1:])
    return torch.where(class_edges(labels), around.median(1).values, confidence)


def class_edges(labels: Tensor) -> Tensor:
    """Cells with another class beside, above or below, and the cells around those, (N, h, w) bool.

    On a map of classes every step between neighbours is an edge: this is what Canny's method finds there.
    """
    beside = labels[:, :, 1:] != labels[:, :, :-1]
    below = labels[:, 1:] != labels[:, :-1]
    edges = torch.zeros_like(labels, dtype=torch.bool)
    edges[:, :, 1:] |= beside
    edges[:, :, :-1] |= beside
    edges[:, 1:] |= below
    edges[:, :-1] |= below
    return F.max_pool2d(edges[:, None].float(), 3, 1, 1)[:, 0] > 0
