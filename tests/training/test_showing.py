"""Sheets of exits: every picture in its place, and pictures that show what they say."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from interim.model_zoo.anytime import ClassSpec
from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import load, write
from interim.model_zoo.registry import build
from interim.training.data.folder import open_folder
from interim.training.main import main
from interim.training.paint import HEAT, painted_classes, painted_confidence, painted_work
from interim.training.scenes.labels import CLASSES
from interim.training.sheet import COLUMN, Panel, sheet
from interim.training.showing import panels


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, and a threshold that some positions pass."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoint")
    card = Card(name="random", network="hrnet-w18s-adpc", classes=CLASSES, threshold=0.13)
    write(folder, build(card.network, classes=11).state_dict(), card)
    return folder


def test_classes_keep_their_colours_and_void_is_black() -> None:
    """On black, a class's colour is only darker."""
    classes = (ClassSpec("a", (200, 0, 0)), ClassSpec("b", (0, 100, 0)))
    drawn = painted_classes(np.zeros((1, 3, 3), np.uint8), np.array([[0, 1, 255]], np.uint8), classes)
    assert (drawn[0, 0, 0], drawn[0, 1, 1]) == (124, 62)
    assert drawn.sum() == 124 + 62


def test_confidence_runs_from_dark_to_yellow() -> None:
    """Both ends of the scale, and ever brighter between."""
    drawn = painted_confidence(np.linspace(0, 1, 50, dtype=np.float32)[None])[0].astype(int)
    assert (drawn[0] == HEAT[0]).all()
    assert (drawn[-1] == HEAT[-1]).all()
    assert (np.diff(drawn @ [3, 6, 1]) >= 0).all()


def test_what_is_not_computed_is_faint() -> None:
    """A mask of two positions over four by two pixels."""
    image = np.zeros((2, 4, 3), np.uint8)
    drawn = painted_work(image, np.array([[True, False]]))
    assert (drawn[:, :2] == 0).all()
    assert (drawn[:, 2:] > 200).all()


def test_a_sheet_holds_every_panel() -> None:
    """One row of a picture and a low one; names of many classes go into several lines."""
    red, blue = (np.full((40, 80, 3), color, np.uint8) for color in ((255, 0, 0), (0, 0, 255)))
    rows = [[Panel(picture=red, caption="red"), Panel(picture=blue[:5], caption="blue")]]
    few = sheet("t", rows, (ClassSpec("one", (9, 9, 9)),))
    many = sheet("t", rows, [ClassSpec(f"a class of number {index}", (9, 9, 9)) for index in range(20)])
    pixels = np.asarray(few)
    assert (pixels == (255, 0, 0)).all(2).sum() == pytest.approx(COLUMN * COLUMN / 2, rel=0.02)
    assert (pixels == (0, 0, 255)).all(2).sum() == pytest.approx(COLUMN * COLUMN / 16, rel=0.1)
    assert many.height > few.height
    assert many.width == few.width


def test_every_exit_has_its_column(checkpoint: Path, scenes: Path) -> None:
    """Classes with scores, confidence, and the share that was computed; with labels beside them."""
    data = open_folder(scenes)
    rows = panels(load(checkpoint), data.read(data.names("val")[0]))
    assert [len(row) for row in rows] == [5, 5, 5]
    assert rows[0][4].caption.startswith("exit 4: mIoU ")
    assert rows[1][0].caption == "labels"
    assert rows[2][1].caption == "computes 100 %"
    assert rows[2][4].caption != "computes 100 %"


def test_show_writes_a_picture(checkpoint: Path, scenes: Path, tmp_path: Path) -> None:
    """From files alone: no labels, no scores."""
    out = tmp_path / "sheet.png"
    images = sorted(str(path) for path in (scenes / "images").iterdir())[:2]
    assert main(["show", str(checkpoint), *images, "--masking", "off", "--out", str(out)]) == 0
    with Image.open(out) as drawn:
        assert drawn.width > 5 * COLUMN
        assert drawn.height > 4 * COLUMN * 96 / 128
