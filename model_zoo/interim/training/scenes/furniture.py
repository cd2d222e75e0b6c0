"""What stands along the kerb: trees, lamp posts, signs, traffic lights, fences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from interim.training.scenes.labels import Label

if TYPE_CHECKING:
    from interim.training.scenes.canvas import Canvas
    from interim.training.scenes.light import Color

IRON: Color = (84, 88, 92)
BOARDS: tuple[Color, ...] = ((196, 40, 42), (34, 82, 168), (222, 222, 218), (28, 116, 76), (230, 186, 50))


def paint_tree(canvas: Canvas, x: float, z: float) -> None:
    """A trunk with some forks and a crown of many leaf clumps, dark below and light above."""
    rng = canvas.rng
    height, spread = rng.uniform(4, 11), rng.uniform(1.2, 3.0)
    trunk = height * rng.uniform(0.28, 0.42)
    bark: Color = (88, 72, 58)
    canvas.bar((x, 0, z), (x, trunk + 0.8, z), rng.uniform(0.2, 0.45), bark, Label.TREE)
    for lean in rng.uniform(-0.6, 0.6, size=3):
        canvas.bar((x, trunk * 0.9, z), (x + lean * spread, trunk * 1.5, z), 0.14, bark, Label.TREE)
    leaf = np.asarray((62, 98, 44)) * rng.uniform(0.7, 1.35) + rng.uniform(-12, 22, size=3) * (1, 0.4, 0.2)
    middle, half = (trunk + height) / 2 + 0.3, (height - trunk) / 2
    near = float(np.clip(14 / z, 0.6, 2.2))  # a near crown needs more and smaller clumps
    angles, reach = rng.uniform(0, 2 * np.pi, size=int(60 * near**2)), np.sqrt(rng.random(int(60 * near**2)))
    places = zip(np.cos(angles) * reach * 0.85, np.sin(angles) * reach * 0.85, strict=True)
    for across, up in sorted(places, key=lambda place: place[1]):
        red, green, blue = leaf * (0.8 + 0.35 * np.clip(up + 0.5, 0, 1)) * rng.uniform(0.82, 1.15)
        size = rng.uniform(0.13, 0.3) / near**0.8
        center = (x + across * spread, middle + up * half, z)
        canvas.ball(center, (size * spread, size * half * 0.9), (red, green, blue), Label.TREE)


def paint_hedge(canvas: Canvas, x: float, near: float, far: float) -> None:
    """A row of bushes."""
    rng = canvas.rng
    for z in np.arange(near, far, 0.7)[::-1]:
        red, green, blue = np.asarray((58, 88, 42)) * rng.uniform(0.8, 1.25)
        height = rng.uniform(0.5, 0.8)
        canvas.ball((x, height, z), (0.6, height), (red, green, blue), Label.TREE)


def paint_lamp(canvas: Canvas, x: float, z: float, side: int) -> None:
    """A lamp post whose arm reaches over the road."""
    height = canvas.rng.uniform(5, 9)
    canvas.bar((x, 0, z), (x, height, z), 0.14, IRON, Label.POLE)
    canvas.bar((x, height, z), (x - 1.3 * side, height + 0.2, z), 0.1, IRON, Label.POLE)
    canvas.ball((x - 1.4 * side, height + 0.15, z), (0.35, 0.12), (210, 208, 196), Label.POLE)


def paint_sign(canvas: Canvas, x: float, z: float) -> None:
    """A post with a round, triangular or square board."""
    rng = canvas.rng
    height, half = rng.uniform(2.1, 3.2), rng.uniform(0.25, 0.55)
    canvas.bar((x, 0, z), (x, height, z), 0.09, IRON, Label.POLE)
    color = BOARDS[int(rng.integers(len(BOARDS)))]
    inner = (228, 228, 224) if color != BOARDS[2] else (60, 60, 64)
    shape = int(rng.integers(3))
    for size, paint in ((1.0, color), (0.68, inner)):
        reach = half * size
        if shape == 0:
            canvas.ball((x, height, z), (reach, reach), paint, Label.SIGN)
            continue
        tip = 0.0 if shape == 1 else reach
        board = [(x - reach, -1), (x + reach, -1), (x + tip, 1), (x - tip, 1)]
        canvas.face([(px, height + sign * reach, z) for px, sign in board], paint, Label.SIGN)


def paint_traffic_light(canvas: Canvas, x: float, z: float) -> None:
    """A post with a dark box and three lamps, one of them on."""
    rng = canvas.rng
    canvas.bar((x, 0, z), (x, 2.6, z), 0.12, IRON, Label.POLE)
    box = [(x - 0.22, 2.5, z), (x + 0.22, 2.5, z), (x + 0.22, 3.5, z), (x - 0.22, 3.5, z)]
    canvas.face(box, (34, 36, 38), Label.SIGN)
    on = int(rng.integers(3))
    for index, color in enumerate(((58, 210, 110), (240, 180, 50), (236, 62, 48))):
        canvas.ball((x, 2.7 + 0.3 * index, z), (0.12, 0.12), color, None, 1.1 if index == on else 0.3)


def paint_fence(canvas: Canvas, x: float, near: float, far: float) -> None:
    """A railing or a board fence along the street; what shows through it counts as fence too."""
    rng = canvas.rng
    height, boards = rng.uniform(0.9, 1.8), rng.random() < 0.4
    color: Color = (122, 96, 70) if boards else (60, 66, 70)
    cuts = np.linspace(near, far, 5)
    for low, high in zip(cuts[-2::-1], cuts[:0:-1], strict=True):
        panel = [(x, 0.0, low), (x, 0.0, high), (x, height, high), (x, height, low)]
        back: Color = color if boards else (124, 124, 118)
        canvas.face(panel, back, Label.FENCE, 1.0 if boards else 0.9)
    for z in np.arange(near, far, 0.35 if far < 25 else 0.7)[::-1]:
        canvas.bar((x, 0, z), (x, height, z), 0.05, color, Label.FENCE)
    for rail in (0.15, height):
        canvas.bar((x, rail, near), (x, rail, far), 0.06, color, Label.FENCE)
