"""A whole street scene from one seed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from interim.training.scenes.canvas import Camera, Canvas
from interim.training.scenes.cars import paint_car
from interim.training.scenes.facade import Block, paint_block
from interim.training.scenes.finish import finish
from interim.training.scenes.furniture import (
    paint_fence,
    paint_hedge,
    paint_lamp,
    paint_sign,
    paint_traffic_light,
    paint_tree,
)
from interim.training.scenes.ground import draw_street, paint_ground, paint_sky
from interim.training.scenes.light import draw_light
from interim.training.scenes.people import paint_cyclist, paint_walker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from interim.training.scenes.ground import Street

Thing = tuple[float, "Callable[[], None]"]
FINER = 2


def draw(seed: int, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The scene of one seed: image (height, width, 3) and labels (height, width), both uint8.

    The same seed and size give the same scene, and labels are classes of `Label`, never void.
    """
    rng = np.random.default_rng(seed)
    light = draw_light(rng)
    size = (width * FINER, height * FINER)
    center = (size[0] * rng.uniform(0.38, 0.62), size[1] * rng.uniform(0.4, 0.54))
    camera = Camera(focal=size[0] * rng.uniform(0.75, 1.15), center=center, height_m=rng.uniform(1.2, 1.8))
    canvas = Canvas(camera, light, size, rng)
    street = draw_street(rng)
    paint_sky(canvas)
    paint_ground(canvas, street)
    for _, paint in sorted(_things(canvas, street), key=lambda thing: -thing[0]):
        paint()
    image, labels = canvas.picture()
    small = np.asarray(Image.fromarray(image).reduce(FINER))
    return finish(small, labels[::FINER, ::FINER], light, rng), labels[::FINER, ::FINER].copy()


def _things(canvas: Canvas, street: Street) -> Iterator[Thing]:
    """Everything that stands or moves, with its distance: the far is painted first."""
    for side in (-1, 1):
        yield from _buildings(canvas, street, side)
        yield from _kerb(canvas, street, side)
    yield from _backdrop(canvas, street)
    yield from _moving(canvas, street)


def _buildings(canvas: Canvas, street: Street, side: int) -> Iterator[Thing]:
    """Buildings on one side with gaps between them; a side may be open, with hedges or fences."""
    rng = canvas.rng
    if rng.random() < 0.12:
        return
    z = rng.uniform(-6, 6)
    setback = rng.choice((0.0, 0.0, 3.0))
    typical = rng.uniform(5, 13)
    while z < 130:
        length = rng.uniform(6, 20)
        block = Block(
            side=side,
            x=street.wall(side) + side * (setback + rng.uniform(0, 0.8)),
            near=max(z, 1.3),
            far=z + length,
            height=typical * rng.uniform(0.7, 1.4),
        )
        if z + length > 2:
            yield z + length, partial(paint_block, canvas, block)
        z += length + (rng.uniform(3, 14) if rng.random() < 0.25 else 0)


def _backdrop(canvas: Canvas, street: Street) -> Iterator[Thing]:
    """What closes the view at the end of the street: distant trees and houses."""
    rng = canvas.rng
    for x in rng.uniform(-70, 70, size=34):
        z = rng.uniform(135, 200)
        yield z, partial(paint_tree, canvas, x, z)
    for x in rng.uniform(-60, 60, size=4):
        far = rng.uniform(135, 180)
        block = Block(side=1, x=x, near=far, far=far + 10, height=rng.uniform(6, 16))
        yield far, partial(paint_block, canvas, block)
    if rng.random() < 0.5:
        side = int(rng.choice((-1, 1)))
        far = rng.uniform(40, 100)
        x = street.wall(side) - side * rng.uniform(0, 4)
        block = Block(side=side, x=x, near=far, far=far + 12, height=rng.uniform(6, 14))
        yield far, partial(paint_block, canvas, block)


def _kerb(canvas: Canvas, street: Street, side: int) -> Iterator[Thing]:
    """Trees, lamps, signs, fences and parked cars along one side."""
    rng = canvas.rng
    edge, wall = street.edge(side), street.wall(side)
    lane = edge + 0.6 * side
    if rng.random() < 0.6:
        step = rng.uniform(7, 16)
        for z in np.arange(rng.uniform(7, 16), 110, step):
            place = lane if rng.random() < 0.7 else wall
            yield z, partial(paint_tree, canvas, place, z)
    for z in np.arange(rng.uniform(7, 20), 100, rng.uniform(12, 26)):
        yield z, partial(paint_lamp, canvas, edge + 0.4 * side, z, side)
    for z in rng.uniform(7, 45, size=int(rng.integers(0, 4))):
        paint = paint_sign if rng.random() < 0.65 else paint_traffic_light
        yield z, partial(paint, canvas, edge + 0.5 * side, z)
    if rng.random() < 0.45:
        near = rng.uniform(2, 18)
        far, row = near + rng.uniform(5, 25), paint_fence if rng.random() < 0.75 else paint_hedge
        x = edge + 0.3 * side if rng.random() < 0.4 else wall
        yield far, partial(row, canvas, x, near, far)
    if rng.random() < 0.55:
        for z in np.arange(rng.uniform(6, 15), 90, rng.uniform(5.2, 8)):
            if rng.random() < 0.6:
                yield z, partial(paint_car, canvas, edge - 1.1 * side, z)


def _moving(canvas: Canvas, street: Street) -> Iterator[Thing]:
    """Cars in the lanes, people on the pavements and sometimes in the road, cyclists beside the kerb."""
    rng = canvas.rng
    for _ in range(int(rng.integers(0, 5))):
        x, z = rng.uniform(street.left + 1.2, street.right - 1.2), rng.uniform(10, 80)
        yield z, partial(paint_car, canvas, x, z)
    for _ in range(int(rng.integers(0, 9))):
        side = int(rng.choice((-1, 1)))
        crossing = rng.random() < 0.15
        reach = (street.left, street.right) if crossing else (street.edge(side), street.wall(side))
        x, z = rng.uniform(min(reach), max(reach)), rng.uniform(5, 40)
        yield z, partial(paint_walker, canvas, x, z)
    for _ in range(int(rng.integers(0, 4))):
        side = int(rng.choice((-1, 1)))
        x, z = street.edge(side) - side * rng.uniform(0.4, 1.8), rng.uniform(5, 35)
        yield z, partial(paint_cyclist, canvas, x, z)
