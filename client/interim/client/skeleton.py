"""A person's joints drawn over a picture: discs, joined by bones."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from interim.client.joint import Joint
from interim.client.picture import Colour, Pixels

UNSURE: Final = 0.15
"""A joint whose confidence is below this is drawn as a ring, and its bones are thin."""

_FINE: Final = 3  # times the picture's size, so that slanting lines are smooth
_LARGE: Final = 1200  # pixels; a longer picture is drawn at its own size: its lines are fine as they are
_THICK: Final = 1 / 70  # of the picture's longer side
_EDGE: Final = (16, 18, 22)

Bones = Sequence[tuple[int, int]]
"""Pairs of joints, by their place among all."""


def with_skeleton(pixels: Pixels, joints: Sequence[Joint], bones: Bones, colours: Sequence[Colour]) -> Pixels:
    """A picture with joints and bones over it.

    Args:
        pixels: (H, W, 3) uint8.
        joints: where they are, in its pixels.
        bones: what is joined; a bone has the colour of its first joint.
        colours: of each joint.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = pixels.shape[:2]
    fine = _FINE if max(height, width) <= _LARGE else 1
    layer = Image.new("RGBA", (fine * width, fine * height))
    draw = ImageDraw.Draw(layer)
    thick = max(2.0, max(height, width) * _THICK) * fine
    places = [((each.x + 0.5) * fine, (each.y + 0.5) * fine) for each in joints]
    for first, second in bones:
        if max(first, second) < len(joints):  # a model may name what it does not answer
            sure = min(joints[first].confidence, joints[second].confidence) >= UNSURE
            _bone(draw, places[first], places[second], colours[first], thick if sure else thick / 3)
    for joint, place, colour in zip(joints, places, colours, strict=False):
        _disc(draw, place, colour, thick, filled=joint.confidence >= UNSURE)
    whole = Image.fromarray(pixels).convert("RGBA")
    whole.alpha_composite(layer.resize((width, height), Image.Resampling.BOX))
    drawn: Pixels = np.asarray(whole.convert("RGB"))
    return drawn


Place = tuple[float, float]


def _bone(draw: ImageDraw.ImageDraw, first: Place, second: Place, colour: Colour, thick: float) -> None:
    draw.line((first, second), _EDGE, round(1.6 * thick))
    draw.line((first, second), colour, round(thick))


def _disc(draw: ImageDraw.ImageDraw, place: Place, colour: Colour, radius: float, *, filled: bool) -> None:
    x, y = place
    edge = radius + max(1.0, radius / 4)
    draw.ellipse((x - edge, y - edge, x + edge, y + edge), _EDGE if filled else None, _EDGE)
    inside = (x - radius, y - radius, x + radius, y + radius)
    draw.ellipse(inside, colour if filled else None, colour, max(1, round(radius / 3)))
