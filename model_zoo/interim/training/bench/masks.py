"""Masks to measure with: nested, one for each stage after the first, at the logits' resolution."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from interim.model_zoo.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

KINDS = ("recorded", "blobs", "contours")
RECORDED = Path(__file__).with_name("recorded.npz")
"""Of the shipped model, at its threshold, on six frames of CamVid, the most typical first (`scripts/performance masks`).

`masks` (frames, stages, h, packed bits of w), `width`.
"""

GRAIN = 12
"""Blobs and contours come from noise of so many grains down the image."""


def masks(kind: str, size: tuple[int, int], shares: Sequence[float], seed: int = 0) -> list[Tensor]:
    """Masks (1, h, w) bool, one for each share, each inside the one before.

    `blobs`: smooth noise above a level. `contours`: bands along a level line of it. `recorded`: what a
    trained model left active on a real frame, resized; its shares are its own.

    Args:
        kind: One of `KINDS`.
        size: Height and width of the logits.
        shares: Of active positions, from 0 to 1, falling.
        seed: Another one gives other masks, or another frame.

    Raises:
        BadInputError: the shares rise, or are none.
    """
    if kind == "recorded":
        return _recorded(size, seed)
    if not all(1 >= a >= b >= 0 for a, b in zip([1, *shares], shares, strict=False)):
        raise BadInputError(f"active shares {tuple(shares)} do not fit: give falling numbers from 1 to 0")
    noise = _noise(size, seed)
    order = noise if kind == "blobs" else (noise - noise.median()).abs().neg()
    levels = [torch.quantile(order.flatten(), 1 - share).item() for share in shares]
    return [
        order > level if share < 1 else torch.ones_like(order, dtype=torch.bool)
        for level, share in zip(levels, shares, strict=True)
    ]


def _noise(size: tuple[int, int], seed: int) -> Tensor:
    """Smooth noise (1, h, w)."""
    generator = torch.Generator().manual_seed(seed)
    grains = torch.randn(1, 1, GRAIN, max(1, GRAIN * size[1] // size[0]), generator=generator)
    return F.interpolate(grains, size, mode="bicubic")[0]


def _recorded(size: tuple[int, int], frame: int) -> list[Tensor]:
    with np.load(RECORDED) as file:
        packed, width = file["masks"], int(file["width"])
    bits = np.unpackbits(packed[frame % len(packed)], axis=-1, count=width).astype(np.float32)
    resized = F.interpolate(torch.from_numpy(bits)[:, None], size, mode="nearest")
    return [mask > 0.5 for mask in resized]
