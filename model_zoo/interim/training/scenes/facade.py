"""Buildings along the street: walls, windows, doors, shop fronts, roofs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from interim.training.scenes.labels import Label

if TYPE_CHECKING:
    from interim.training.scenes.canvas import Canvas
    from interim.training.scenes.light import Color

WALLS: tuple[Color, ...] = (
    (158, 92, 72),
    (182, 142, 108),
    (204, 190, 162),
    (168, 166, 160),
    (126, 104, 92),
    (214, 206, 192),
    (146, 116, 84),
    (112, 118, 126),
)
GLASS: Color = (58, 68, 80)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A building: its wall along the street at `x`, from `near` to `far`, all in metres."""

    side: int
    x: float
    near: float
    far: float
    height: float


def paint_block(canvas: Canvas, block: Block) -> None:
    """Draw one building: the wall along the street, the end wall that faces us, the windows."""
    rng = canvas.rng
    color = WALLS[int(rng.integers(len(WALLS)))]
    bright = 1.08 if block.side != canvas.light.side else 0.78
    end = block.x + 14 * block.side
    top = block.height
    front = [
        (block.x, 0, block.near),
        (end, 0, block.near),
        (end, top, block.near),
        (block.x, top, block.near),
    ]
    canvas.face(front, color, Label.BUILDING, 0.92)
    _wall(canvas, block, (0, top), color, bright)
    _wall(canvas, block, (top - 0.35, top), color, bright * 0.75)
    if rng.random() < 0.5:
        _roof(canvas, block)
    storey = rng.uniform(2.8, 3.6)
    _windows(canvas, block, storey, bright)
    if rng.random() < 0.45:
        _shop(canvas, block, storey, bright)


def _wall(canvas: Canvas, block: Block, span: tuple[float, float], color: Color, shade: float) -> None:
    """The wall between two heights, in pieces along the street so that haze takes hold."""
    low, high = span
    cuts = np.linspace(block.near, block.far, 4)
    for near, far in zip(cuts[-2::-1], cuts[:0:-1], strict=True):
        corners = [(block.x, low, near), (block.x, low, far), (block.x, high, far), (block.x, high, near)]
        canvas.face(corners, color, Label.BUILDING, shade)


def _roof(canvas: Canvas, block: Block) -> None:
    x, ridge, top = block.x, block.x + 4 * block.side, block.height
    rise = top + canvas.rng.uniform(1.5, 3.0)
    slope = [(x, top, block.near), (ridge, rise, block.near), (ridge, rise, block.far), (x, top, block.far)]
    canvas.face(slope, (104, 74, 64), Label.BUILDING, 0.9)
    gable = [(x, top, block.near), (ridge, rise, block.near), (ridge * 2 - x, top, block.near)]
    canvas.face(gable, (120, 92, 80), Label.BUILDING, 0.85)


def _windows(canvas: Canvas, block: Block, storey: float, shade: float) -> None:
    """Rows of windows, some of them lit or reflecting the sky."""
    rng = canvas.rng
    pitch, wide, tall = rng.uniform(1.8, 3.4), rng.uniform(0.5, 0.68), rng.uniform(0.45, 0.65)
    frame = (226, 222, 214) if rng.random() < 0.6 else (70, 62, 58)
    for row in range(int((block.height - 0.8) / storey)):
        low = row * storey + 0.9
        for start in np.arange(block.near + 0.5, block.far - pitch * wide, pitch)[::-1]:
            if start > 70 or start + pitch * wide < 1.5:
                continue
            glow = rng.random()
            glass = (186, 196, 204) if glow < 0.15 else (196, 168, 104) if glow > 0.95 else GLASS
            end, high = start + pitch * wide, low + storey * tall
            _pane(canvas, block, (start - 0.1, end + 0.1, low, high), frame, shade)
            _pane(canvas, block, (start, end, low + 0.1, high - 0.1), glass, shade)


def _shop(canvas: Canvas, block: Block, storey: float, shade: float) -> None:
    """A shop front: glass at street level and a coloured board above it."""
    rng = canvas.rng
    red, green, blue = rng.uniform(40, 210, size=3)
    _pane(canvas, block, (block.near, block.far, 0.4, storey - 0.7), GLASS, shade * 0.9)
    _pane(canvas, block, (block.near, block.far, storey - 0.7, storey), (red, green, blue), shade)
    for start in np.arange(block.near, block.far, 2.4):
        _pane(canvas, block, (start, start + 0.15, 0.0, storey - 0.7), (92, 84, 78), shade)


def _pane(
    canvas: Canvas, block: Block, area: tuple[float, float, float, float], color: Color, shade: float
) -> None:
    """A rectangle on the wall: `area` is (near, far, low, high) in metres."""
    (near, far, low, high), x = area, block.x
    canvas.face([(x, low, near), (x, low, far), (x, high, far), (x, high, near)], color, None, shade)
