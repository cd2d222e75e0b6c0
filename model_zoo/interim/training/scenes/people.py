"""People in the street: on foot and on bicycles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.training.scenes.labels import Label

if TYPE_CHECKING:
    from interim.training.scenes.canvas import Canvas
    from interim.training.scenes.light import Color

SKIN: Color = (198, 152, 124)


def paint_walker(canvas: Canvas, x: float, z: float) -> None:
    """A person on foot, in mid-step or standing."""
    _person(canvas, (x, z), Label.PEDESTRIAN, canvas.rng.uniform(0.85, 1.08))


def paint_cyclist(canvas: Canvas, x: float, z: float) -> None:
    """A person on a bicycle, seen from the side or from behind."""
    rng = canvas.rng
    reach = rng.choice((0.52, 0.06))
    wheel: Color = (36, 36, 38)
    for along in (-reach, reach):
        canvas.ball((x + along, 0.34, z), (max(0.05, 0.34 * reach / 0.52), 0.34), wheel, Label.BICYCLIST)
    if reach > 0.1:
        for along in (-reach, reach):
            canvas.ball((x + along, 0.34, z), (0.27, 0.27), (112, 110, 108), Label.BICYCLIST)
        canvas.bar((x - reach, 0.34, z), (x, 0.85, z), 0.06, wheel, Label.BICYCLIST)
        canvas.bar((x, 0.85, z), (x + reach, 0.34, z), 0.06, wheel, Label.BICYCLIST)
    _person(canvas, (x, z), Label.BICYCLIST, 0.9, lift=0.42)


def _person(canvas: Canvas, place: tuple[float, float], label: Label, size: float, lift: float = 0.0) -> None:
    """Legs, coat, arms, head; `lift` raises the body (a saddle) in metres."""
    (x, z), rng = place, canvas.rng
    coat, trousers = (tuple(rng.uniform(25, 200, size=3) * rng.uniform(0.4, 1)) for _ in range(2))
    step = rng.uniform(0.04, 0.3) * size
    hip, neck = 0.85 * size + lift * 0.6, 1.46 * size + lift * 0.6
    for foot in (-step, step):
        canvas.bar((x, hip, z), (x + foot, lift * 0.5, z), 0.16 * size, _color(trousers), label)
    torso = [
        (-0.19, hip - 0.05),
        (0.19, hip - 0.05),
        (0.22, neck - 0.1),
        (0.1, neck),
        (-0.1, neck),
        (-0.22, neck - 0.1),
    ]
    canvas.face([(x + across * size, up, z) for across, up in torso], _color(coat), label)
    for side in (-1, 1):
        hand = (x + side * rng.uniform(0.22, 0.36) * size, hip + 0.02, z)
        canvas.bar((x + side * 0.2 * size, neck - 0.1, z), hand, 0.1 * size, _color(coat), label)
    head = (x, neck + 0.15 * size, z)
    canvas.ball(head, (0.1 * size, 0.14 * size), SKIN, label)
    canvas.ball((x, neck + 0.22 * size, z), (0.11 * size, 0.09 * size), (58, 44, 36), label)


def _color(values: tuple[float, ...]) -> Color:
    red, green, blue = values
    return float(red), float(green), float(blue)
