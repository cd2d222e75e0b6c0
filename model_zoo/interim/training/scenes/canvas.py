"""A picture and its labels, drawn together through one pinhole camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from interim.training.scenes.light import Color, Light, lit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from interim.training.scenes.labels import Label

Point = tuple[float, float, float]
Pixel = tuple[float, float]
NEAR_M = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A level pinhole camera: x to the right, y up from the road, z ahead, all in metres.

    `focal`, `center` (the vanishing point, x and y) in pixels; `height_m` above the road.
    """

    focal: float
    center: Pixel
    height_m: float

    def project(self, point: Point) -> Pixel:
        """The pixel a point is seen at; what is nearer than `NEAR_M` is moved there."""
        x, y, z = point
        scale = self.focal / max(z, NEAR_M)
        return self.center[0] + x * scale, self.center[1] - (y - self.height_m) * scale


class Canvas:
    """Draws shapes given in the world into image and labels; the far must be drawn before the near."""

    def __init__(self, camera: Camera, light: Light, size: tuple[int, int], rng: np.random.Generator) -> None:
        self.camera, self.light, self.rng = camera, light, rng
        self.size = size
        self._image = Image.new("RGB", size)
        self._labels = Image.new("L", size)
        self._pen, self._marker = ImageDraw.Draw(self._image), ImageDraw.Draw(self._labels)

    def paste(self, pixels: NDArray[np.uint8], label: Label) -> None:
        """Cover the whole picture."""
        self._image.paste(Image.fromarray(pixels))
        self._labels.paste(int(label), (0, 0, *self.size))

    def face(self, points: Sequence[Point], color: Color, label: Label | None, shade: float = 1.0) -> None:
        """A polygon in the world; with no label only its colour is drawn."""
        distance_m = min(point[2] for point in points)
        pixels = [self.camera.project(point) for point in points]
        self._pen.polygon(pixels, fill=lit(color, self.light, distance_m, shade))
        if label is not None:
            self._marker.polygon(pixels, fill=int(label))

    def ball(
        self,
        center: Point,
        radius: tuple[float, float],
        color: Color,
        label: Label | None,
        shade: float = 1.0,
    ) -> None:
        """An upright ellipse that faces the camera; `radius` is (horizontal, vertical) in metres."""
        (x, y), scale = self.camera.project(center), self.camera.focal / max(center[2], NEAR_M)
        across, up = radius[0] * scale, radius[1] * scale
        box = (x - across, y - up, x + across, y + up)
        self._pen.ellipse(box, fill=lit(color, self.light, center[2], shade))
        if label is not None:
            self._marker.ellipse(box, fill=int(label))

    def bar(self, start: Point, end: Point, width_m: float, color: Color, label: Label | None) -> None:
        """A straight bar with its thickness, at least as thick as a fine line."""
        pixels = [self.camera.project(start), self.camera.project(end)]
        width = max(2, round(width_m * self.camera.focal / max(start[2], NEAR_M)))
        self._pen.line(pixels, fill=lit(color, self.light, start[2]), width=width)
        if label is not None:
            self._marker.line(pixels, fill=int(label), width=width)

    def picture(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """What has been drawn: image (H, W, 3) and labels (H, W), uint8."""
        return np.array(self._image), np.array(self._labels)
