"""Noise of many sizes: clouds, leaves, asphalt, bricks, grain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray


def noise(
    size: tuple[int, int], cell: float, rng: np.random.Generator, octaves: int = 3
) -> NDArray[np.float32]:
    """Smooth value noise (H, W) float32 around 0, about -1 to 1; `size` is (width, height).

    `cell` is the size of its largest lumps in pixels; each octave halves it and its strength.
    """
    total = np.zeros((size[1], size[0]), np.float32)
    for octave in range(octaves):
        step = max(1.0, cell / 2**octave)
        coarse = (max(2, round(size[0] / step)), max(2, round(size[1] / step)))
        lumps = rng.uniform(-1, 1, size=coarse[::-1]).astype(np.float32)
        total += np.asarray(Image.fromarray(lumps).resize(size, Image.Resampling.BICUBIC)) / 2**octave
    return total / 1.5
