"""One person cut out of an image: as served, or turned, scaled and mirrored at random for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from interim.training.data.crops import jittered
from interim.training.data.errors import DataError
from interim.training.data.pixels import read_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from interim.training.data.people.person import Box, Person

MARGIN = 1.25
"""A person's crop is this many times as large as the box."""
SURROUNDINGS = 2.0
"""What is kept of an image, in boxes: all that scaling and turning may show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRule:
    """How people are cut out.

    `height`, `width` of the crop in pixels. `scales`: the range of the zoom (1: the box with its margin
    fills the crop), `turn_deg`: the most a crop is turned, `shift`: the most it is moved, as a share of
    its size, `jitter`: the strength of the change of colours.
    """

    height: int
    width: int
    scales: tuple[float, float] = (1.0, 1.0)
    turn_deg: float = 0.0
    shift: float = 0.0
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PersonCrop:
    """A crop (H, W, 3) uint8 with its joints `xy` (J, 2) float32 in its pixels, counted from 0.

    `known` (J,) bool: annotated and inside, as training needs them. `annotated` (J,) bool: wherever they lie,
    as measuring does. `length`: what PCK divides by, in the crop's pixels.
    """

    image: NDArray[np.uint8]
    xy: NDArray[np.float32]
    known: NDArray[np.bool_]
    annotated: NDArray[np.bool_]
    length: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Portrait:
    """A person with the part of the image around it, no larger than crops need."""

    image: NDArray[np.uint8]
    xy: NDArray[np.float32]
    known: NDArray[np.bool_]
    box: Box
    length: float


def portrait(person: Person, rule: PersonRule) -> Portrait:
    """Read a person's image, cut away what no crop shows, and shrink it to at most twice the crop's scale.

    Raises:
        DataError: the image is missing or none, or the person's box lies outside it.
    """
    image = Image.fromarray(read_pixels(person.image))
    x0, y0, x1, y1 = person.box
    if x0 >= image.width or y0 >= image.height or x1 <= 0 or y1 <= 0:
        sides = f"left {x0:g}, top {y0:g}, right {x1:g}, bottom {y1:g}"
        raise DataError(
            f"{person.image} is {image.width}x{image.height}, and a person's box lies outside it ({sides}): "
            "correct its entry."
        )
    scale = min(1.0, 2 * _zoom(person.box, rule))
    left, top, right, bottom = _around(person.box, image.size)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    part = image.resize(size, Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    factor = np.array([size[0] / (right - left), size[1] / (bottom - top)], np.float32)
    moved = (person.xy + 0.5 - np.array([left, top], np.float32)) * factor - 0.5
    corners = (np.array(person.box).reshape(2, 2) - (left, top)) * factor
    x0, y0, x1, y1 = corners.ravel().tolist()
    return Portrait(
        image=np.asarray(part),
        xy=moved.astype(np.float32),
        known=person.known,
        box=(x0, y0, x1, y1),
        length=person.length * float(np.sqrt(factor.prod())),
    )


def whole_crop(person: Portrait, rule: PersonRule) -> PersonCrop:
    """The crop that is measured: the box in the middle with its margin, upright, nothing left to chance."""
    view = _View(zoom=_zoom(person.box, rule), turn=0.0, shift=np.zeros(2))
    return _cut(Image.fromarray(person.image), person, rule, view)


def draw_person(
    person: Portrait, rule: PersonRule, flip: Sequence[int], rng: np.random.Generator
) -> PersonCrop:
    """A random crop; `flip`: which joint each becomes in a mirror."""
    view = _View(
        zoom=_zoom(person.box, rule) * rng.uniform(*rule.scales),
        turn=np.deg2rad(rng.uniform(-rule.turn_deg, rule.turn_deg)),
        shift=rng.uniform(-rule.shift, rule.shift, 2) * (rule.width, rule.height),
    )
    crop = _cut(jittered(Image.fromarray(person.image), rule.jitter, rng), person, rule, view)
    return mirrored_crop(crop, flip) if rng.random() < 0.5 else crop


def mirrored_crop(crop: PersonCrop, flip: Sequence[int]) -> PersonCrop:
    """The crop in a mirror: left joints become right ones."""
    order = list(flip)
    xy = crop.xy[order].copy()
    xy[:, 0] = crop.image.shape[1] - 1 - xy[:, 0]
    return PersonCrop(
        image=crop.image[:, ::-1],
        xy=xy,
        known=crop.known[order],
        annotated=crop.annotated[order],
        length=crop.length,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _View:
    """How a crop looks at a person: its zoom, its turn in radians, and how far it moves in its pixels."""

    zoom: float
    turn: float
    shift: NDArray[np.float64]


def _cut(image: Image.Image, person: Portrait, rule: PersonRule, view: _View) -> PersonCrop:
    """Turn and scale about the box's middle, which comes to the crop's middle plus the view's shift."""
    cosine, sine = np.cos(view.turn), np.sin(view.turn)
    forth = view.zoom * np.array([[cosine, -sine], [sine, cosine]])
    back = np.linalg.inv(forth)
    source = np.array(person.box).reshape(2, 2).mean(0)
    target = np.array([rule.width, rule.height]) / 2 + view.shift
    offset = source - back @ target
    data = (*back[0], offset[0], *back[1], offset[1])
    size = (rule.width, rule.height)
    pixels = image.transform(size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    xy = ((person.xy + 0.5 - source) @ forth.T + target - 0.5).astype(np.float32)
    inside = ((xy > -0.5) & (xy < np.array(size) - 0.5)).all(1)
    return PersonCrop(
        image=np.asarray(pixels),
        xy=xy,
        known=person.known & inside,
        annotated=person.known,
        length=person.length * view.zoom,
    )


def _zoom(box: Box, rule: PersonRule) -> float:
    """The scale at which the box with its margin just fits the crop."""
    left, top, right, bottom = box
    return min(rule.width / max(right - left, 1.0), rule.height / max(bottom - top, 1.0)) / MARGIN


def _around(box: Box, size: tuple[int, int]) -> Box:
    """The box's square surroundings, as far as the image goes."""
    left, top, right, bottom = box
    reach = SURROUNDINGS * max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    corners = (max(0, x - reach), max(0, y - reach), min(size[0], x + reach), min(size[1], y + reach))
    x0, y0, x1, y1 = (float(int(corner)) for corner in corners)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)
