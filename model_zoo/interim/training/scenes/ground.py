"""Road, markings, pavements, and the sky above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from interim.training.scenes.labels import Label
from interim.training.scenes.texture import noise

if TYPE_CHECKING:
    from interim.training.scenes.canvas import Canvas

FAR_M = 220.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """The cross-section of a street, in metres from the camera's own place (x = 0).

    `left` and `right`: the road's edges. `walk_left`, `walk_right`: where the pavements end.
    """

    left: float
    right: float
    walk_left: float
    walk_right: float

    def edge(self, side: int) -> float:
        """The road's edge on one side (-1 left, 1 right)."""
        return self.left if side < 0 else self.right

    def wall(self, side: int) -> float:
        """Where the pavement ends on one side."""
        return self.walk_left if side < 0 else self.walk_right


def draw_street(rng: np.random.Generator) -> Street:
    """A street of two to four lanes with pavements, the camera in one of its lanes."""
    lane = rng.uniform(2.8, 3.6)
    lanes = int(rng.integers(2, 5))
    mine = rng.uniform(0.35, 0.65) + int(rng.integers(lanes))
    left, right = -mine * lane, (lanes - mine) * lane
    walks = rng.uniform(1.4, 4.5, size=2)
    return Street(left=left, right=right, walk_left=left - walks[0], walk_right=right + walks[1])


def paint_sky(canvas: Canvas) -> None:
    """A gradient from zenith to horizon, with clouds."""
    width, height = canvas.size
    light = canvas.light
    rise = np.clip(np.arange(height) / canvas.camera.center[1], 0, 1)[:, None, None] ** 1.3
    sky = np.asarray(light.zenith) * (1 - rise) + np.asarray(light.horizon) * rise
    cover = np.clip(noise((width, height), width / 3, canvas.rng, 4) * light.clouds + 0.1, 0, 1)[..., None]
    white = np.minimum(np.asarray(light.horizon) * 1.12, 255)
    canvas.paste((sky * (1 - cover) + white * cover).astype(np.uint8), Label.SKY)


def paint_ground(canvas: Canvas, street: Street) -> None:
    """Land, pavements with their kerbs, the road and its markings."""
    rng = canvas.rng
    grey = rng.uniform(78, 120)
    road = (grey, grey, grey * rng.uniform(0.98, 1.06))
    stone = tuple(rng.uniform(135, 175) * rng.uniform(0.95, 1.05, size=3))
    green = rng.random() < 0.5
    _strip(
        canvas,
        (-80, 80),
        (88, 108, 58) if green else (130, 124, 116),
        Label.TREE if green else Label.PAVEMENT,
    )
    _strip(canvas, (street.walk_left, street.walk_right), stone, Label.PAVEMENT)
    _strip(canvas, (street.left, street.right), road, Label.ROAD)
    for side in (-1, 1):
        edge = street.edge(side)
        _strip(canvas, (edge, edge + 0.18 * side), (176, 174, 168), Label.PAVEMENT)
        if rng.random() < 0.5:
            inner = edge - 0.35 * side
            _strip(canvas, (inner, inner - 0.1 * side), _paint(canvas), None)
    _markings(canvas, street)


def _strip(canvas: Canvas, span: tuple[float, float], color: tuple[float, ...], label: Label | None) -> None:
    """A band of ground from the camera to the horizon, in pieces so that haze takes hold."""
    left, right = span
    reach = np.geomspace(1.2, FAR_M, 14)
    red, green, blue = color
    for near, far in zip(reach[-2::-1], reach[:0:-1], strict=True):
        corners = [(left, 0.0, near), (right, 0.0, near), (right, 0.0, far), (left, 0.0, far)]
        canvas.face(corners, (red, green, blue), label)


def _paint(canvas: Canvas) -> tuple[float, float, float]:
    return (222, 220, 214) if canvas.rng.random() < 0.8 else (214, 190, 92)


def _markings(canvas: Canvas, street: Street) -> None:
    """A dashed or full line between lanes, sometimes a zebra crossing."""
    rng, color = canvas.rng, _paint(canvas)
    lanes = max(2, round((street.right - street.left) / 3.2))
    for lane in range(1, lanes):
        x = street.left + (street.right - street.left) * lane / lanes
        length, gap = (4.0, 5.0) if rng.random() < 0.8 else (60.0, 0.3)
        for start in np.arange(rng.uniform(0, 5), 90, length + gap)[::-1]:
            _patch(canvas, x - 0.07, x + 0.07, (start, start + length), color)
    if rng.random() < 0.3:
        start = rng.uniform(8, 30)
        for x in np.arange(street.left + 0.3, street.right - 0.5, 1.0):
            _patch(canvas, x, x + 0.5, (start, start + 3.0), color)


def _patch(
    canvas: Canvas, left: float, right: float, reach: tuple[float, float], color: tuple[float, float, float]
) -> None:
    near, far = reach
    canvas.face([(left, 0, near), (right, 0, near), (right, 0, far), (left, 0, far)], color, None)
