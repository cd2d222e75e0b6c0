"""The last pass over a drawn scene: surfaces get their grain, light its unevenness, the camera its noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from interim.training.scenes.labels import Label
from interim.training.scenes.texture import noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from interim.training.scenes.light import Light

# Strength of the fine and of the coarse noise on each class's surface.
SURFACES = {
    Label.BUILDING: (0.07, 0.06),
    Label.ROAD: (0.04, 0.08),
    Label.PAVEMENT: (0.05, 0.07),
    Label.TREE: (0.38, 0.22),
    Label.FENCE: (0.08, 0.05),
    Label.CAR: (0.02, 0.08),
    Label.PEDESTRIAN: (0.08, 0.05),
    Label.BICYCLIST: (0.08, 0.05),
}


def finish(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], light: Light, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The scene (H, W, 3) as a camera would have taken it."""
    size = (labels.shape[1], labels.shape[0])
    strength = np.zeros((2, 256), np.float32)
    for label, pair in SURFACES.items():
        strength[:, label] = pair
    fine, coarse = strength[:, labels]
    surface = 1 + fine * noise(size, 6, rng, 3) + coarse * noise(size, size[0] / 6, rng, 3)
    shadows = _shadows(size, light, rng)
    ground = (labels == Label.ROAD) | (labels == Label.PAVEMENT)
    surface *= np.where(ground, shadows, 1)
    lit = image * surface[..., None] * _falloff(size)[..., None]
    soft = Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(rng.uniform(0.3, 1.1))
    )
    grain = rng.normal(0, light.grain, size=(size[1], size[0], 3)).astype(np.float32)
    taken: NDArray[np.uint8] = np.clip(np.asarray(soft, np.float32) + grain, 0, 255).astype(np.uint8)
    return taken


def _shadows(size: tuple[int, int], light: Light, rng: np.random.Generator) -> NDArray[np.float32]:
    """Soft blotches of shade on the ground, longer across than along."""
    wide = (size[0], max(8, size[1] // 5))
    blotches = Image.fromarray(noise(wide, size[0] / 4, rng, 2)).resize(size, Image.Resampling.BICUBIC)
    edge = np.clip(np.asarray(blotches) * 6, 0, 1)
    shade: NDArray[np.float32] = (1 - edge * (1 - light.shadow)).astype(np.float32)
    return shade


def _falloff(size: tuple[int, int]) -> NDArray[np.float32]:
    """A lens's loss of light towards the corners."""
    across = np.linspace(-1, 1, size[0], dtype=np.float32)[None]
    down = np.linspace(-1, 1, size[1], dtype=np.float32)[:, None]
    falloff: NDArray[np.float32] = (1 - 0.06 * (across**2 + down**2)).astype(np.float32)
    return falloff
