"""Cars: shadow, body, cabin, windows, wheels, lamps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.training.scenes.labels import Label

if TYPE_CHECKING:
    from interim.training.scenes.canvas import Canvas, Point
    from interim.training.scenes.light import Color

PAINTS: tuple[Color, ...] = (
    (40, 42, 46),
    (196, 198, 202),
    (150, 22, 28),
    (34, 60, 116),
    (226, 226, 222),
    (112, 116, 120),
    (46, 92, 70),
    (180, 150, 60),
)
GLASS: Color = (58, 70, 82)
TYRE: Color = (26, 26, 28)
OCTAGON = ((1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0), (-0.7, -0.7), (0, -1), (0.7, -0.7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Car:
    """A car's place and shape in metres: its middle `x`, its near end `z`, half its width, two heights."""

    x: float
    z: float
    half: float
    length: float
    waist: float
    roof: float
    color: Color

    @property
    def flank(self) -> float:
        """The side that can be seen."""
        return self.x - self.half if self.x > 0 else self.x + self.half


def paint_car(canvas: Canvas, x: float, z: float) -> None:
    """A car whose near end is at `z`."""
    rng = canvas.rng
    car = Car(
        x=x,
        z=z,
        half=rng.uniform(0.8, 0.95),
        length=rng.uniform(3.6, 4.8),
        waist=rng.uniform(0.85, 1.0),
        roof=rng.uniform(1.35, 1.9),
        color=PAINTS[int(rng.integers(len(PAINTS)))],
    )
    far = z + car.length
    canvas.face(_level(x, car.half + 0.12, 0, (z - 0.2, far)), (34, 34, 38), None)
    canvas.face(_level(x, car.half, car.waist, (z, far)), car.color, Label.CAR, 0.92)
    _cabin(canvas, car)
    flank = car.flank
    side = [(flank, 0.28, z), (flank, 0.28, far), (flank, car.waist, far), (flank, car.waist, z)]
    canvas.face(side, car.color, Label.CAR, 0.85)
    for reach in (0.2, 0.78):
        _wheel(canvas, flank, z + car.length * reach)
    _end(canvas, car)


def _cabin(canvas: Canvas, car: Car) -> None:
    """Side windows, roof line and the window of the near end."""
    low, high, half = car.waist, car.roof, car.half * 0.88
    near, far = car.z + car.length * 0.14, car.z + car.length * 0.78
    inner = half * 0.86
    flank, edge = (car.x - half, car.x - inner) if car.x > 0 else (car.x + half, car.x + inner)
    side = [(flank, low, near), (flank, low, far), (edge, high, far - 0.5), (edge, high, near + 0.3)]
    canvas.face(side, car.color, Label.CAR, 0.8)
    glass = [(flank, low + 0.06, near + 0.15), (flank, low + 0.06, far - 0.2)]
    canvas.face([*glass, (edge, high - 0.1, far - 0.6), (edge, high - 0.1, near + 0.4)], GLASS, Label.CAR)
    canvas.face(_upright(car.x, (half, inner), (low, high), (near, near + 0.3)), car.color, Label.CAR)
    pane = _upright(car.x, (half * 0.88, inner * 0.86), (low + 0.05, high - 0.12), (near, near + 0.2))
    canvas.face(pane, GLASS, Label.CAR, 1.15)


def _wheel(canvas: Canvas, x: float, z: float) -> None:
    for radius, color in ((0.32, TYRE), (0.16, (120, 122, 126))):
        rim = [(x, 0.32 + radius * up, z + radius * along) for along, up in OCTAGON]
        canvas.face(rim, color, Label.CAR)


def _end(canvas: Canvas, car: Car) -> None:
    """The end that faces us: rear of a car ahead, or front of one that comes."""
    x, half, reach = car.x, car.half, (car.z, car.z)
    canvas.face(_upright(x, (half, half), (0.3, car.waist), reach), car.color, Label.CAR)
    canvas.face(_upright(x, (half, half), (0.28, 0.48), reach), (44, 44, 48), Label.CAR)
    canvas.face(_upright(x, (0.26, 0.26), (0.5, 0.62), reach), (232, 224, 170), Label.CAR)
    lamp: Color = (196, 30, 30) if canvas.rng.random() < 0.6 else (244, 240, 220)
    for side in (-1, 1):
        middle, width = x + side * half * 0.82, half * 0.15
        canvas.face(_upright(middle, (width, width), (0.62, 0.8), reach), lamp, Label.CAR, 1.05)
        canvas.face(_upright(middle, (width, width), (0.0, 0.3), reach), TYRE, Label.CAR)


def _upright(
    x: float, halves: tuple[float, float], heights: tuple[float, float], reach: tuple[float, float]
) -> list[Point]:
    """A trapezium that faces us: its half widths, heights and distances, bottom first."""
    (wide, narrow), (low, high), (near, far) = halves, heights, reach
    return [(x - wide, low, near), (x + wide, low, near), (x + narrow, high, far), (x - narrow, high, far)]


def _level(x: float, half: float, height: float, reach: tuple[float, float]) -> list[Point]:
    """A rectangle parallel to the ground."""
    near, far = reach
    return [
        (x - half, height, near),
        (x + half, height, near),
        (x + half, height, far),
        (x - half, height, far),
    ]
