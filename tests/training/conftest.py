"""What tests of training share: a folder of small scenes, and a recipe that trains in seconds."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from interim.model_zoo.joints import heat_of
from interim.training.main import main
from interim.training.recipe import Phase, Recipe

JOINTS = ["left_shoulder", "right_shoulder", "left_hip", "right_hip"]

POSE_RECIPE = """
name = "tiny"
task = "pose"
network = "hrnet-w18s-pose-adpc"
batch = 4
crop = [64, 64]
threshold = 0.05
fill = "hold"
bfloat16 = false
{entry}
[[phases]]
name = "joint"
epochs = 1
learning_rate = 1e-3
masking = true
dense_every = 2
"""
"""Of people such as `people` has, with another entry."""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Test processes run side by side; one thread each."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of six scenes, 96x128, all in `train` and two in `val`."""
    folder = tmp_path_factory.mktemp("scenes")
    for split, count in (("train", 6), ("val", 2)):
        words = ["scenes", "--out", str(folder), "--count", str(count), "--size", "96x128", "--split", split]
        assert main(words) == 0
    return folder


@pytest.fixture
def recipe() -> Recipe:
    """Two epochs of two steps, dense then masked, without scenes of its own."""
    return Recipe(
        name="tiny",
        network="hrnet-w18s-adpc",
        seed=3,
        batch=3,
        crop=(64, 64),
        bfloat16=False,
        threshold=0.5,
        phases=(
            Phase(name="dense", epochs=1, learning_rate=1e-3),
            Phase(name="adaptive", epochs=1, learning_rate=1e-3, masking=True),
        ),
    )


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A folder of eight people in `train` and two in `val`, who are four dots each."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "people"
    (folder / "images").mkdir(parents=True)
    for split, count in (("train", 8), ("val", 2)):
        found = []
        for index in range(count):
            name = f"{split}{index}.png"
            Image.fromarray(rng.integers(0, 255, (80, 70, 3), np.uint8)).save(folder / "images" / name)
            xy = (np.array([[20, 20], [45, 20], [22, 55], [42, 55]]) + rng.integers(-4, 5, (4, 2))).tolist()
            found.append({"image": name, "xy": xy, "box": [15, 15, 50, 60], "torso": 40.0})
        entries = {"joints": JOINTS, "skeleton": [[0, 1]], "flip": [1, 0, 3, 2], "people": found}
        (folder / f"{split}.json").write_text(json.dumps(entries))
    return folder


def heat_at_joints(*, sigma: float, mirrored: bool = False) -> torch.Tensor:
    """Heat maps (1, 4, 16, 16) of where everybody of `people` has joints, cut out as 64x64 pixels, or upside down."""
    xy = torch.tensor([[20, 20], [45, 20], [22, 55], [42, 55]]) - torch.tensor([32.5, 37.5])
    place = (xy * (-1 if mirrored else 1) * (64 / 45 / 1.25) + 31.5).unsqueeze(0)
    return heat_of(place, (16, 16), stride=4, sigma=sigma)
