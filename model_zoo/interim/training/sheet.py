"""One sheet of pictures in rows and columns, each with a caption, and the classes' colours below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from interim.model_zoo.anytime import ClassSpec

PAPER, INK = (252, 252, 250), (28, 30, 34)
COLUMN = 320
"""Pixels; pictures are scaled to this width."""
GAP, TEXT, TITLE = 14, 14, 20
SWATCH = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture (H, W, 3) uint8 of any size, with what is written below."""

    picture: NDArray[np.uint8]
    caption: str


def sheet(title: str, rows: Sequence[Sequence[Panel]], classes: Sequence[ClassSpec]) -> Image.Image:
    """Rows of panels below a title; a row is as high as its highest picture."""
    columns = max(len(row) for row in rows)
    width = GAP + columns * (COLUMN + GAP)
    heights = [max(_height(panel) for panel in row) for row in rows]
    keys, foot = _keys(classes, width)
    top = GAP + TITLE + GAP
    total = top + sum(height + TEXT + 2 * GAP for height in heights) + foot
    page = Image.new("RGB", (width, total), PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((GAP, GAP), title, INK, ImageFont.load_default(TITLE))
    for row, height in zip(rows, heights, strict=True):
        for column, panel in enumerate(row):
            left = GAP + column * (COLUMN + GAP)
            size = (COLUMN, _height(panel))
            page.paste(Image.fromarray(panel.picture).resize(size, Image.Resampling.BICUBIC), (left, top))
            draw.text((left, top + size[1] + 4), panel.caption, INK, ImageFont.load_default(TEXT))
        top += height + TEXT + 2 * GAP
    for (left, line), each in zip(keys, classes, strict=True):
        y = top + line
        draw.rectangle((left, y, left + SWATCH, y + SWATCH), each.color, INK)
        draw.text((left + SWATCH + 6, y - 1), each.name, INK, ImageFont.load_default(TEXT))
    return page


def _height(panel: Panel) -> int:
    height, width = panel.picture.shape[:2]
    return max(1, int(height * COLUMN / width))


def _keys(classes: Sequence[ClassSpec], width: int) -> tuple[list[tuple[int, int]], int]:
    """Where each class's colour goes below the pictures, in lines as they fit; and how high that is."""
    font = ImageFont.load_default(TEXT)
    places, left, line = [], GAP, 0
    for each in classes:
        length = SWATCH + 6 + int(font.getlength(each.name)) + 2 * GAP
        if left > GAP and left + length > width:
            left, line = GAP, line + SWATCH + GAP
        places.append((left, line))
        left += length
    return places, line + SWATCH + GAP
