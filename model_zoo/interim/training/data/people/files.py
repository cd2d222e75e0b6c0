"""Annotation files of people, whatever their format."""

from __future__ import annotations

import json
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
    own: `joints`, `skeleton`, `flip`, and `people` with `image`, `xy`, `box`, `torso` each.

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
        entries = json.loads(source.read_text(encoding="utf-8"))
        if isinstance(entries, list):
            return mpii_people(entries, images, source)
        return _own(entries, images) if "people" in entries else coco_people(entries, images, source)
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        shapes = "COCO's keypoints, a list made of MPII's, or our own {joints, skeleton, flip, people}"
        raise DataError(f"{source} cannot be read ({error!r}): it must be {shapes}.") from error


def _own(entries: dict[str, Any], images: Path) -> People:
    skeleton = Skeleton(
        joints=tuple(entries["joints"]),
        bones=tuple((first, second) for first, second in entries["skeleton"]),
        flip=tuple(entries["flip"]),
    )
    return People(skeleton=skeleton, people=tuple(_own_person(each, images) for each in entries["people"]))


def _own_person(each: dict[str, Any], images: Path) -> Person:
    xy = np.array(each["xy"], np.float32)
    left, top, right, bottom = each["box"]
    known = np.ones(len(xy), np.bool_)
    box = (float(left), float(top), float(right), float(bottom))
    return Person(image=images / each["image"], xy=xy, known=known, box=box, length=float(each["torso"]))
