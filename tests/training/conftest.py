"""What tests of training share: a folder of small scenes, and a recipe that trains in seconds."""

from pathlib import Path

import pytest
import torch

from interim.training.main import main
from interim.training.recipe import Phase, Recipe


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
