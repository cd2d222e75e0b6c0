"""COCO's person keypoints: one JSON of images, annotations and categories (Lin et al., 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from interim.training.data.errors import DataError
from interim.training.data.people.person import People, Person, Skeleton, mirrored, tight, torso

if TYPE_CHECKING:
    from pathlib import Path


def coco_people(entries: dict[str, Any], images: Path, source: Path) -> People:
    """The people of a COCO file; crowds and people without a joint are left out.

    Args:
        entries: The file's JSON.
        images: The folder of the images that it names.
        source: The file, for messages.

    Raises:
        DataError: it has no category with keypoints, or an annotation does not fit.
    """
    categories = [each for each in entries["categories"] if each.get("keypoints")]
    if len(categories) != 1:
        raise DataError(
            f"{source} has {len(categories)} categories with keypoints: it must have one (person)."
        )
    joints = tuple(categories[0]["keypoints"])
    bones = tuple((first - 1, second - 1) for first, second in categories[0].get("skeleton", ()))
    files = {each["id"]: images / each["file_name"] for each in entries["images"]}
    found = []
    for each in entries["annotations"]:
        numbers = each.get("keypoints", ())
        if each["category_id"] != categories[0]["id"] or each.get("iscrowd") or not any(numbers[2::3]):
            continue
        if len(numbers) != 3 * len(joints) or each["image_id"] not in files:
            wrong = (
                f"names the image {each['image_id']}, which it does not list"
                if each["image_id"] not in files
                else f"has {len(numbers)} numbers for {len(joints)} joints, not three each"
            )
            raise DataError(f"The annotation {each['id']} of {source} {wrong}.")
        found.append(_person(each, joints, files[each["image_id"]]))
    return People(skeleton=Skeleton(joints=joints, bones=bones, flip=mirrored(joints)), people=tuple(found))


def _person(each: dict[str, Any], joints: tuple[str, ...], image: Path) -> Person:
    triples = np.array(each["keypoints"], np.float32).reshape(-1, 3)
    xy, known = triples[:, :2].copy(), triples[:, 2] > 0
    box = tight(xy, known)
    if "bbox" in each:
        left, top, width, height = each["bbox"]
        box = (left, top, left + width, top + height)
    return Person(image=image, xy=xy, known=known, box=box, length=torso(joints, xy, known))
