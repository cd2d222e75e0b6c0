"""Sheets of a pose model: joints where they are, the truth beside them, scores where there is one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from interim.model_zoo.anytime import ClassSpec
from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import load, write
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.registry import build
from interim.training.data.errors import DataError
from interim.training.main import main
from interim.training.paint import painted_joints
from interim.training.pose_showing import annotated_figure, pose_panels, whole_figure

RED, BLUE = (255, 0, 0), (0, 0, 255)
JOINTS = (ClassSpec("right_knee", RED), ClassSpec("right_ankle", BLUE))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, of crops of 64 pixels."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("pose")
    card = Card(name="p", network="hrnet-w18s-pose-adpc", classes=JOINTS, threshold=0.0, long_side=64)
    write(folder, build(card.network, classes=2).state_dict(), card)
    return folder


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> AnytimeHrnet:
    """The checkpoint's network."""
    return load(checkpoint)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """One annotated person in `val`."""
    (tmp_path / "images").mkdir()
    Image.new("RGB", (70, 90), (90, 90, 90)).save(tmp_path / "images/a.png")
    person = {"image": "a.png", "xy": [[20, 30], [50, 60]], "box": [15, 25, 55, 65], "torso": 30.0}
    entries = {"joints": ["right_knee", "right_ankle"], "skeleton": [[0, 1]], "flip": [0, 1]}
    (tmp_path / "val.json").write_text(json.dumps(entries | {"people": [person]}))
    return tmp_path


def test_joints_are_drawn_where_they_are() -> None:
    """Enlarged with the image; a cold one is a ring, one without heat is not there."""
    image = np.full((32, 64, 3), 128, np.uint8)
    xy = np.array([[9.5, 9.5], [49.5, 9.5]], np.float32)
    both = painted_joints(image, xy, np.array([0.9, 0.05], np.float32), JOINTS, [(0, 1)])
    one = painted_joints(image, xy, np.array([0.9, 0.0], np.float32), JOINTS, [(0, 1)])
    assert both.shape == one.shape == (320, 640, 3)
    assert tuple(both[100, 100]) == tuple(one[100, 100]) == tuple(both[100, 300]) == RED
    assert (both == BLUE).all(2).any()
    assert not (one == BLUE).all(2).any()
    assert (one[:, 200:] == 128).all()


@pytest.mark.slow
def test_every_exit_has_its_column_with_a_score(model: AnytimeHrnet, people: Path) -> None:
    """Joints against the annotated ones, heat, and the share that was computed."""
    rows = pose_panels(model, annotated_figure(people, "a.png", model.spec))
    assert [len(row) for row in rows] == [5, 5, 5]
    assert rows[0][0].caption == "a.png, 64x64"
    assert all(panel.caption.startswith(f"exit {n}: PCK ") for n, panel in enumerate(rows[0][1:], 1))
    assert rows[1][0].caption == "annotated"
    assert all(panel.caption.startswith("heat: at most ") for panel in rows[1][1:])
    assert rows[2][4].caption == "computes 100 %"


@pytest.mark.slow
def test_a_picture_alone_is_taken_whole(model: AnytimeHrnet, people: Path, checkpoint: Path) -> None:
    """As a server takes it: scaled to the model's size, with no truth and no score; the command writes it."""
    figure = whole_figure(people / "images/a.png", model.spec)
    assert figure.image.shape == (64, 50, 3)
    assert pose_panels(model, figure)[0][4].caption == "exit 4"
    out = people / "exits.png"
    assert main(["show", str(checkpoint), str(people / "images/a.png"), "--out", str(out)]) == 0
    assert main(["show", str(checkpoint), "a.png", "--data", str(people), "--out", str(out)]) == 0
    with pytest.raises(DataError, match=r"Nobody is annotated in an image b\.png"):
        annotated_figure(people, "b.png", model.spec)
