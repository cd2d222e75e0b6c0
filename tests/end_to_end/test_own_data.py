"""From a folder of images and masks to a server that knows their classes, as docs/training.md says."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from interim.client import Client
from interim.training.main import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

COLORS = {"meadow": (0, 160, 0), "road": (90, 90, 90)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty images, 96x128: a grey road across a green meadow; masks in the classes' colours."""
    root = tmp_path / "fields"
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(20):
        mask = np.zeros((96, 128, 3), np.uint8)
        mask[:] = COLORS["meadow"]
        mask[:, 10 + 4 * index : 50 + 4 * index] = COLORS["road"]
        noisy = np.clip(mask + rng.normal(0, 12, mask.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(root / "images" / f"field {index}.jpg")
        Image.fromarray(mask).save(root / "masks" / f"field {index}.png")
    lines = [f"{name} {red} {green} {blue}" for name, (red, green, blue) in COLORS.items()]
    (root / "classes.txt").write_text("\n".join(lines))
    return root


@contextlib.contextmanager
def inside(path: Path) -> Iterator[None]:
    """The working directory, for a while."""
    before = Path.cwd()
    os.chdir(path)
    yield
    os.chdir(before)


def test_two_commands_make_a_model_that_is_served(
    folder: Path, tmp_path: Path, start_server: Callable[..., Any]
) -> None:
    """`recipe` and `train` (with fewer steps than it says), then a server with the folder's classes."""
    with inside(tmp_path):
        assert main(["recipe", "fields"]) == 0
        recipe = Path("fields.toml").read_text()
        short = re.sub(r"epochs = \d+", "epochs = 4", recipe)
        Path("fields.toml").write_text(short.replace("[[phases]]", "bfloat16 = false\n\n[[phases]]", 1))
        assert main(["train", "fields.toml", "--init", "default"]) == 0
    server = start_server("--model", str(tmp_path / "runs/fields/latest"), "--warm-sizes", "96x128")
    try:
        server.await_banner()
        with Client(server.grpc) as client:
            assert [each.name for each in client.model("").classes] == ["meadow", "road"]
            refinements = list(client.infer(folder / "images" / "field 3.jpg", budget_ms=60_000))
    finally:
        server.end()
    mask = refinements[-1].mask
    assert mask is not None
    truth = np.zeros((96, 128), np.uint8)
    truth[:, 22:62] = 1
    assert (mask == truth).mean() > 0.8
