"""Annotation files of people, whatever their format."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from interim.training.data.errors import DataError
from interim.training.data.people.coco import coco_people
from interim.training.data.people.mpii import mpii_people, mpii_release
from interim.training.data.people.person import People, Person, Skeleton

if TYPE_CHECKING:
    from pathlib import Path


def open_people(source: Path, images: Path) -> People:
    """The people that an annotation file names; their images are read later.

    Known are COCO's person_keypoints_*.json, MPII's release (.mat) and the JSON lists made of it, and our
    own: `joints`, `skeleton`, `flip`, and `people` with `image`, `xy`, `box`, `torso` each (null in `xy` or
    `torso`: not known).

    Args:
        source: The annotation file.
        images: The folder of the images that it names.

    Raises:
        DataError: the file is missing, of another format, or does not fit; or an image is missing.
    """
    if not source.is_file():
        raise DataError(f"There is no file {source}.")
    found = mpii_release(source, images) if source.suffix == ".mat" else _from_json(source, images)
    missing = next((each.image for each in found.people if not each.image.is_file()), None)
    if missing is not None:
        raise DataError(f"There is no image {missing}, which {source} names: give the folder of its images.")
    return found


def _from_json(source: Path, images: Path) -> People:
    try:
        entries = json.loads(source.read_text(encoding="utf-8-sig"))
        if isinstance(entries, list):
            return mpii_people(entries, images, source)
        return _own(entries, images, source) if "people" in entries else coco_people(entries, images, source)
    except DataError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        shapes = "COCO's keypoints, a list made of MPII's, or our own {joints, skeleton, flip, people}"
        raise DataError(f"{source} cannot be read ({error!r}): it must be {shapes}.") from error


def _own(entries: dict[str, Any], images: Path, source: Path) -> People:
    joints = tuple(entries["joints"])
    skeleton = Skeleton(
        joints=joints,
        bones=tuple((first, second) for first, second in entries["skeleton"]),
        flip=tuple(entries["flip"]),
    )
    places = range(len(joints))
    if sorted(skeleton.flip) != list(places):
        rule = f"name each of the {len(joints)} joints, 0 to {len(joints) - 1}, once"
        raise DataError(f"{source} has the flip {list(skeleton.flip)}: {rule}.")
    wrong = next((bone for bone in skeleton.bones if not set(bone) <= set(places)), None)
    if wrong is not None:
        raise DataError(f"{source} joins {list(wrong)} in its skeleton: joints are 0 to {len(joints) - 1}.")
    people = []
    for index, each in enumerate(entries["people"]):
        try:
            people.append(_own_person(each, len(joints), images))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"Person {index} of {source} cannot be read: {error}.") from error
    return People(skeleton=skeleton, people=tuple(people))


def _own_person(each: dict[str, Any], joints: int, images: Path) -> Person:
    """One entry of ours; a joint or a torso that is null is not known."""
    known = np.array([place is not None and None not in place for place in each["xy"]], np.bool_)
    pairs = [place if there else (0, 0) for place, there in zip(each["xy"], known, strict=True)]
    xy = np.array(pairs, np.float32)
    if xy.shape != (joints, 2) or not np.isfinite(xy).all():
        raise ValueError(f"xy must be {joints} pairs of numbers, or null where a joint is not known")
    left, top, right, bottom = box = tuple(float(side) for side in each["box"])
    if not (np.isfinite(box).all() and left < right and top < bottom):
        raise ValueError(f"the box {list(box)} must be left, top, right, bottom, and rise")
    length = math.nan if each["torso"] is None else float(each["torso"])
    return Person(
        image=images / each["image"], xy=xy, known=known, box=(left, top, right, bottom), length=length
    )
