"""One annotated person, and what the joints of a data set are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """A data set's joints: their names, which are drawn joined, and which one each becomes in a mirror."""

    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    flip: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Person:
    """One person in one image.

    `xy` (J, 2) float32: the joints in pixels, counted from 0. `known` (J,) bool: which of them are
    annotated, hidden ones included. `box`: the annotated one, or a tight one of the known joints.
    `length`: what PCK divides distances by, in pixels: the torso, or MPII's head; nan where neither is known.
    """

    image: Path
    xy: NDArray[np.float32]
    known: NDArray[np.bool_]
    box: Box
    length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The people of one annotation file."""

    skeleton: Skeleton
    people: tuple[Person, ...]


def mirrored(joints: Sequence[str]) -> tuple[int, ...]:
    """Which joint each becomes in a mirror: left and right change places, by their names."""
    swap = {"left": "right", "right": "left", "l": "r", "r": "l"}
    names = {name: index for index, name in enumerate(joints)}
    flip = []
    for index, name in enumerate(joints):
        side, _, rest = name.partition("_")
        flip.append(names.get(f"{swap[side]}_{rest}", index) if side in swap else index)
    return tuple(flip)


def torso(joints: Sequence[str], xy: NDArray[np.float32], known: NDArray[np.bool_]) -> float:
    """The mean length from either shoulder to the opposite hip, in pixels; nan where one is not known."""
    place = {name: index for index, name in enumerate(joints)}
    pairs = [("right_shoulder", "left_hip"), ("left_shoulder", "right_hip")]
    if not all(name in place and known[place[name]] for pair in pairs for name in pair):
        return float("nan")
    lengths = [np.linalg.norm(xy[place[shoulder]] - xy[place[hip]]) for shoulder, hip in pairs]
    return float(np.mean(lengths))


def tight(xy: NDArray[np.float32], known: NDArray[np.bool_]) -> Box:
    """The smallest box around the known joints, of which there is at least one."""
    (left, top), (right, bottom) = xy[known].min(0).tolist(), xy[known].max(0).tolist()
    return left, top, right, bottom
