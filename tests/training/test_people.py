"""Annotation files of people: hand-made ones of every format say the same, and wrong ones what is wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from interim.training.data.errors import DataError
from interim.training.data.people.files import open_people
from interim.training.data.people.mpii import BONES, JOINTS
from interim.training.data.people.person import mirrored

DATA = Path(__file__).parents[3] / "shared" / "data" / "pose"
COCO_JOINTS = ["nose", "left_shoulder", "right_shoulder", "left_hip", "right_hip"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two images."""
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (60, 80)).save(tmp_path / name)
    return tmp_path


def written(folder: Path, entries: object) -> Path:
    """An annotation file."""
    path = folder / "people.json"
    path.write_text(json.dumps(entries))
    return path


def coco(**changes: Any) -> dict[str, Any]:
    """Three annotations on two images: a person, a crowd, and one without joints."""
    person = {
        "id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 30, 40], "iscrowd": 0,
        "keypoints": [5, 6, 2, 10, 20, 2, 20, 20, 1, 10, 50, 2, 20, 50, 2],
    } | changes  # fmt: skip
    blank = person | {"id": 2, "keypoints": [0] * 15}
    crowd = person | {"id": 3, "iscrowd": 1}
    return {
        "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
        "annotations": [person, blank, crowd],
        "categories": [{"id": 1, "keypoints": COCO_JOINTS, "skeleton": [[2, 3], [4, 5]]}],
    }


def test_coco(images: Path) -> None:
    """Joints in pixels, boxes by corners, the torso between shoulders and opposite hips."""
    found = open_people(written(images, coco()), images)
    assert found.skeleton.joints == tuple(COCO_JOINTS)
    assert found.skeleton.bones == ((1, 2), (3, 4))
    assert found.skeleton.flip == (0, 2, 1, 4, 3)
    (person,) = found.people
    assert person.image == images / "a.jpg"
    assert person.xy[1].tolist() == [10, 20]
    assert person.known.all()
    assert person.box == (1, 2, 31, 42)
    assert person.length == pytest.approx(np.hypot(10, 30))


def test_coco_without_a_hip_has_no_torso(images: Path) -> None:
    """What PCK divides by is not guessed."""
    (person,) = open_people(written(images, coco(keypoints=[5, 6, 2] + [9, 9, 0] * 4)), images).people
    assert np.isnan(person.length)
    assert person.known.tolist() == [True, False, False, False, False]


def mpii_points() -> np.ndarray:
    """Sixteen joints on a line, counted from 1 as MPII does."""
    return np.stack([np.arange(1, 17), 2 * np.arange(1, 17)], 1)


def test_mpii_as_a_list(images: Path) -> None:
    """Pixels count from 0 here; what is not visible is not known."""
    flags = [1] * 15 + [0]
    entry = {"image": "b.jpg", "joints": mpii_points().tolist(), "joints_vis": flags}
    hidden = entry | {"joints_vis": [0] * 16}
    found = open_people(written(images, [entry, hidden]), images)
    (person,) = found.people
    assert person.xy[3].tolist() == [3, 7]
    assert person.known.tolist() == [bool(flag) for flag in flags]
    assert person.box == (0, 1, 14, 29)
    assert (JOINTS[12], JOINTS[found.skeleton.flip[12]]) == ("right_shoulder", "left_shoulder")
    assert {index for bone in BONES for index in bone} == set(range(16))


def test_mpii_as_published(images: Path) -> None:
    """The release's nested structures: training images with joints alone, lengths by the head's box."""
    scipy = pytest.importorskip("scipy.io")
    points = [{"id": i, "x": x, "y": y, "is_visible": 1} for i, (x, y) in enumerate(mpii_points().tolist())]
    rect = {"x1": 10, "y1": 10, "x2": 40, "y2": 50, "annopoints": {"point": points[:4]}}
    bare = {"x1": 1, "y1": 1, "x2": 2, "y2": 2, "annopoints": []}
    annotations = [
        {"image": {"name": "a.jpg"}, "annorect": [rect, bare]},
        {"image": {"name": "missing.jpg"}, "annorect": rect},
        {"image": {"name": "b.jpg"}, "annorect": []},
    ]
    path = images / "mpii_human_pose_v1_u12_1.mat"
    scipy.savemat(path, {"RELEASE": {"annolist": annotations, "img_train": [1, 0, 1]}})
    (person,) = open_people(path, images).people
    assert person.image == images / "a.jpg"
    assert person.known.sum() == 4
    assert person.xy[2].tolist() == [2, 5]
    assert person.length == pytest.approx(0.6 * 50)


def test_our_own(images: Path) -> None:
    """What the data pack's files look like."""
    people = [{"image": "a.jpg", "xy": [[1, 2], [3, 4]], "box": [1, 2, 3, 4], "torso": 9.5}]
    entries = {"joints": ["left_hip", "right_hip"], "skeleton": [[0, 1]], "flip": [1, 0], "people": people}
    found = open_people(written(images, entries), images)
    assert (found.people[0].length, found.people[0].xy[1].tolist()) == (9.5, [3, 4])
    assert found.skeleton.bones == ((0, 1),)


def own(**changes: Any) -> dict[str, Any]:
    """Our own format: one person of two joints, with changes."""
    person = {"image": "a.jpg", "xy": [[1, 2], [3, 4]], "box": [1, 2, 3, 4], "torso": 9.5}
    entries = {"joints": ["left_hip", "right_hip"], "skeleton": [[0, 1]], "flip": [1, 0]}
    of_person = {name: value for name, value in changes.items() if name in person}
    return (
        entries
        | {name: changes[name] for name in changes if name in entries}
        | {"people": [person | of_person]}
    )


@pytest.mark.parametrize("unknown", [None, [None, None], [3, None]])
def test_a_joint_that_is_null_is_not_known(images: Path, unknown: object) -> None:
    """Nor is a torso; what is not known is still a number, that nothing can be spoilt by."""
    (person,) = open_people(written(images, own(xy=[[1, 2], unknown], torso=None)), images).people
    assert person.known.tolist() == [True, False]
    assert np.isfinite(person.xy).all()
    assert np.isnan(person.length)


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the data pack with poses is not beside the checkout")
def test_the_data_pack() -> None:
    """Its validation people, with torsos that follow from their joints and a flip that follows from names."""
    found = open_people(DATA / "val.json", DATA / "images")
    assert len(found.people) == 150
    assert mirrored(found.skeleton.joints) == found.skeleton.flip
    place = {name: index for index, name in enumerate(found.skeleton.joints)}
    for person in found.people[:20]:
        sides = [("right_shoulder", "left_hip"), ("left_shoulder", "right_hip")]
        lengths = [np.linalg.norm(person.xy[place[a]] - person.xy[place[b]]) for a, b in sides]
        assert person.length == pytest.approx(np.mean(lengths), rel=0.01)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, "cannot be read"),
        ([{"image": "a.jpg", "joints": [[1, 2]], "joints_vis": [1]}], "16 pairs"),
        (coco(keypoints=[1, 2, 2]), "annotation 1 .* has 3 numbers for 5 joints"),
        (coco(image_id=9), "names the image 9, which it does not list"),
        (coco() | {"categories": []}, "0 categories with keypoints"),
        (coco() | {"images": [{"id": 7, "file_name": "no.jpg"}]}, r"no image .*no\.jpg"),
        (coco(bbox=[1, 2, 3]), "cannot be read"),
        (own(xy=[[1, 2]]), r"Person 0 of .*people\.json cannot be read: xy must be 2 pairs"),
        (own(xy=[[1, 2], [3, float("nan")]]), "Person 0 .* xy must be 2 pairs"),
        (own(xy=[[1, 2], [3]]), "Person 0 of "),
        (own(box=[1, 2, 3]), "Person 0 of "),
        (own(box=[3, 2, 1, 4]), r"the box \[3\.0, 2\.0, 1\.0, 4\.0\] must be left, top, right, bottom"),
        (own(flip=[1, 2]), r"has the flip \[1, 2\]: name each of the 2 joints, 0 to 1, once"),
        (own(flip=[1]), r"has the flip \[1\]"),
        (own(skeleton=[[0, 2]]), r"joins \[0, 2\] in its skeleton: joints are 0 to 1"),
    ],
)
def test_wrong_annotations_say_what_is_wrong(images: Path, entries: object, words: str) -> None:
    """The file, the entry, the rule."""
    with pytest.raises(DataError, match=words):
        open_people(written(images, entries), images)


@pytest.mark.parametrize("name", ["none.json", "none.mat", "text.mat"])
def test_a_file_that_is_none_is_named(images: Path, name: str) -> None:
    """Missing, or of another kind."""
    (images / "text.mat").write_text("nothing")
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        open_people(images / name, images)
