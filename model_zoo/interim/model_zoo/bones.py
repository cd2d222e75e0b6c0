"""Which joints of a person a drawing joins by lines, where nobody has said so: by the joints' usual names."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Bones = tuple[tuple[int, int], ...]
"""Pairs of joints, by their place among all."""

CHAINS = (
    *(tuple(f"{side}_{part}" for part in ("ankle", "knee", "hip", "shoulder")) for side in ("right", "left")),
    *(tuple(f"{side}_{part}" for part in ("shoulder", "elbow", "wrist")) for side in ("right", "left")),
    ("right_hip", "left_hip"),
    ("right_shoulder", "left_shoulder"),
    ("neck", "head_top"),
)
"""Joints that follow each other, as data sets of people name them."""


def usual_bones(joints: Sequence[str]) -> Bones:
    """The bones between joints of these names; those with other names have none."""
    place = {name: index for index, name in enumerate(joints)}
    pairs = (pair for chain in CHAINS for pair in pairwise(chain))
    return tuple((place[one], place[other]) for one, other in pairs if one in place and other in place)
