"""Random crops: scale, flip and colour, cheap enough to be drawn beside the training itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageEnhance

from interim.training.data.sample import VOID, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CropRule:
    """How crops are drawn.

    `height`, `width` in pixels; `scales` the range of the zoom (uniform); `jitter` the strength of the
    change of colours (0: none, 1: strong). What lies outside the image is black and `VOID`.
    """

    height: int
    width: int
    scales: tuple[float, float] = (0.5, 2.0)
    jitter: float = 0.5


def draw_crop(sample: Sample, rule: CropRule, rng: np.random.Generator) -> Sample:
    """One random crop of `sample`, of exactly the rule's size."""
    scale = rng.uniform(*rule.scales)
    shape = sample.labels.shape
    box, size, corner = _window(shape, rule, scale, rng)
    image = Image.fromarray(sample.image).resize(size, Image.Resampling.BILINEAR, box=box)
    labels = Image.fromarray(sample.labels).resize(size, Image.Resampling.NEAREST, box=box)
    pixels, ids = np.asarray(jittered(image, rule.jitter, rng)), np.asarray(labels)
    if rng.random() < 0.5:
        pixels, ids = pixels[:, ::-1], ids[:, ::-1]
    return Sample(
        name=sample.name,
        image=_placed(pixels, np.zeros((rule.height, rule.width, 3), np.uint8), corner),
        labels=_placed(ids, np.full((rule.height, rule.width), VOID, np.uint8), corner),
    )


def _window(
    shape: tuple[int, ...], rule: CropRule, scale: float, rng: np.random.Generator
) -> tuple[Box, tuple[int, int], tuple[int, int]]:
    """The box to cut from the image, the size (w, h) it is scaled to, and where (y, x) it is put."""
    top, height, put_y = _span(shape[0], rule.height, scale, rng)
    left, width, put_x = _span(shape[1], rule.width, scale, rng)
    box = (left, top, left + width / scale, top + height / scale)
    box = (box[0], box[1], min(box[2], shape[1]), min(box[3], shape[0]))
    return box, (width, height), (put_y, put_x)


def _span(length: int, target: int, scale: float, rng: np.random.Generator) -> tuple[float, int, int]:
    """Along one axis: where the cut starts (source px), how long it becomes, where it is put (target px)."""
    scaled = max(1, int(length * scale))
    if scaled <= target:
        return 0.0, scaled, int(rng.integers(0, target - scaled + 1))
    return rng.uniform(0, length - target / scale), target, 0


def jittered(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Random saturation, then contrast, brightness, gamma and white balance as one table per channel."""
    if not strength:
        return image
    spread = rng.uniform(-1, 1, size=7) * strength
    image = ImageEnhance.Color(image).enhance(1 + 0.6 * spread[0])
    levels = np.linspace(0, 1, 256) ** np.exp(0.8 * spread[1])
    levels = (levels - 0.5) * (1 + 0.4 * spread[2]) + 0.5 + 0.2 * spread[3]
    table = np.concatenate([levels * (1 + 0.15 * gain) for gain in spread[4:7]])
    return image.point((np.clip(table, 0, 1) * 255).astype(int).tolist())


def _placed(part: NDArray[np.uint8], canvas: NDArray[np.uint8], corner: tuple[int, int]) -> NDArray[np.uint8]:
    top, left = corner
    canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
    return canvas
