"""MPII Human Pose: the published .mat, and the JSON that many projects make of it.

Andriluka et al., "2D Human Pose Estimation: New Benchmark and State of the Art Analysis" (2014). Both
count pixels from 1; here they count from 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from interim.training.data.errors import DataError
from interim.training.data.people.person import People, Person, Skeleton, mirrored, tight, torso

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOINTS = (
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "pelvis",
    "thorax",
    "neck",
    "head_top",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
)
BONES = (
    (0, 1), (1, 2), (2, 6), (3, 6), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9),
    (10, 11), (11, 12), (12, 7), (13, 7), (13, 14), (14, 15),
)  # fmt: skip
SKELETON = Skeleton(joints=JOINTS, bones=BONES, flip=mirrored(JOINTS))
HEAD_SHARE = 0.6
"""PCKh divides by this share of the head box's diagonal (the benchmark's own rule)."""


def mpii_people(entries: list[dict[str, Any]], images: Path, source: Path) -> People:
    """The people of a JSON list: `image`, `joints` (16 pairs), `joints_vis` (16 of 0 and 1) each.

    Raises:
        DataError: an entry does not fit.
    """
    people = []
    for index, each in enumerate(entries):
        xy, known = np.array(each["joints"], np.float32) - 1, np.array(each["joints_vis"]) > 0
        if xy.shape != (len(JOINTS), 2) or known.shape != (len(JOINTS),):
            shapes = f"joints of shape {xy.shape} and joints_vis of shape {known.shape}"
            raise DataError(f"Entry {index} of {source} has {shapes}: MPII has 16 pairs and 16 flags.")
        if known.any():
            people.append(_person(images / each["image"], xy, known, torso(JOINTS, xy, known)))
    return People(skeleton=SKELETON, people=tuple(people))


def mpii_release(source: Path, images: Path) -> People:
    """The people of the published mpii_human_pose_v1_u12_1.mat that are meant for training.

    (Those for testing bear no joints.) `length` is MPII's: 0.6 of the diagonal of the head's box.

    Raises:
        DataError: scipy is not there, or the file is no such release.
    """
    try:
        from scipy.io import loadmat, matlab  # noqa: PLC0415 - needed for this one format alone
    except ImportError as error:
        raise DataError(f"{source} is a MATLAB file: reading it needs scipy (pip install scipy).") from error
    try:
        release = loadmat(source, struct_as_record=False, squeeze_me=True)["RELEASE"]
        marked = np.atleast_1d(release.img_train)
        images_of = zip(np.atleast_1d(release.annolist), marked, strict=True)
        people = [each for annotation, train in images_of if train for each in _rects(annotation, images)]
    except (
        OSError,
        LookupError,
        ValueError,
        AttributeError,
        NotImplementedError,
        matlab.MatReadError,
    ) as error:
        raise DataError(f"{source} cannot be read as MPII's release ({error!r}).") from error
    return People(skeleton=SKELETON, people=tuple(people))


def _rects(annotation: Any, images: Path) -> Iterator[Person]:
    """The people in one image of the release that have joints."""
    for rect in np.atleast_1d(annotation.annorect):
        points = np.atleast_1d(getattr(getattr(rect, "annopoints", None), "point", []))
        if not points.size:
            continue
        xy, known = np.zeros((len(JOINTS), 2), np.float32), np.zeros(len(JOINTS), np.bool_)
        for point in points:
            xy[int(point.id)] = float(point.x) - 1, float(point.y) - 1
            known[int(point.id)] = True
        head = HEAD_SHARE * float(np.hypot(rect.x2 - rect.x1, rect.y2 - rect.y1))
        yield _person(images / str(annotation.image.name), xy, known, head)


def _person(image: Path, xy: np.ndarray, known: np.ndarray, length: float) -> Person:
    return Person(image=image, xy=xy, known=known, box=tight(xy, known), length=length)
