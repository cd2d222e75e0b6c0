"""What a model says, as pictures: classes or joints over an image, confidence as heat, what a stage computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from interim.model_zoo.anytime import ClassSpec

STRENGTH = 0.62
"""How much of a class's colour covers the image."""

HEAT = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], np.float32)
"""From unsure to sure; even steps of brightness (after viridis, van der Walt and Smith 2015)."""

VOID_COLOR = (0, 0, 0)

FINE, THICK = 640, 9
"""Joints are drawn on the image enlarged to at least so many pixels, with bones so wide."""

UNSURE = 0.15
"""A joint whose heat is below this is a ring, and its bones are thin."""

EDGE_COLOR = (16, 18, 22)


def painted_classes(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], classes: Sequence[ClassSpec]
) -> NDArray[np.uint8]:
    """The classes' colours over an image (H, W, 3) uint8; pixels without a class become black."""
    palette = np.zeros((256, 3), np.float32)
    palette[: len(classes)] = [each.color for each in classes]
    colors = palette[labels]
    mixed = image * (1 - STRENGTH) + colors * STRENGTH
    mixed[labels >= len(classes)] = VOID_COLOR
    return mixed.astype(np.uint8)


def painted_confidence(confidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Confidence (h, w) in 0 to 1 as colours (h, w, 3): dark is unsure, yellow is sure."""
    place = np.clip(confidence, 0, 1) * (len(HEAT) - 1)
    low = np.minimum(place.astype(np.int64), len(HEAT) - 2)
    share = (place - low)[..., None]
    mixed: NDArray[np.uint8] = (HEAT[low] * (1 - share) + HEAT[low + 1] * share).astype(np.uint8)
    return mixed


def painted_work(image: NDArray[np.uint8], active: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The image where positions (h, w) are computed, and a faint grey of it where they are not."""
    height, width = image.shape[:2]
    mask = np.asarray(Image.fromarray(active).resize((width, height), Image.Resampling.NEAREST))
    faint = 225 + (image.mean(2, keepdims=True).repeat(3, 2) - 128) * 0.12
    picture: NDArray[np.uint8] = np.where(mask[..., None], image, faint).astype(np.uint8)
    return picture


def painted_joints(
    image: NDArray[np.uint8],
    xy: NDArray[np.float32],
    heat: NDArray[np.float32],
    classes: Sequence[ClassSpec],
    bones: Sequence[tuple[int, int]],
) -> NDArray[np.uint8]:
    """A person's joints and bones over an image (H, W, 3) uint8, enlarged by a whole number.

    Args:
        image: What they were found in.
        xy: Each joint's place (J, 2) in its pixels, counted from 0.
        heat: How sure each is (J,); 0 is not drawn.
        classes: The joints, with their colours.
        bones: Pairs of joints that are joined.
    """
    height, width = image.shape[:2]
    scale = -(-FINE // max(height, width))
    picture = Image.fromarray(image).resize((scale * width, scale * height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    places = [(x, y) for x, y in ((xy + 0.5) * scale).tolist()]
    for one, other in bones:
        least = min(heat[one], heat[other])
        if least > 0:
            thick = THICK if least >= UNSURE else THICK // 3
            draw.line((places[one], places[other]), EDGE_COLOR, thick + 4)
            draw.line((places[one], places[other]), classes[one].color, thick)
    for (x, y), warmth, joint in zip(places, heat, classes, strict=True):
        if warmth > 0:
            fill = joint.color if warmth >= UNSURE else None
            draw.ellipse((x - THICK, y - THICK, x + THICK, y + THICK), fill, joint.color, 3)
    return np.asarray(picture)
