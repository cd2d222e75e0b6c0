"""From a folder of images and masks to a recipe that can be trained, with every surprise said."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import read
from interim.model_zoo.registry import FILLS
from interim.training.data.survey import SplitSurvey
from interim.training.main import main
from interim.training.recipe import read_recipe
from interim.training.tuning import tuning_recipe

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five images, 72x100, with black and white masks, in one's own layout."""
    root = tmp_path / "paths"
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    for index in range(5):
        Image.new("RGB", (100, 72), (index * 40, 90, 90)).save(root / "images" / f"p{index}.jpg")
        mask = np.zeros((72, 100), np.uint8)
        mask[40:] = 255
        Image.fromarray(mask).save(root / "masks" / f"p{index}.png")
    (root / "classes.txt").write_text("ground 0\npath 255\n")
    return root


def surveyed(count: int, size: tuple[int, int]) -> SplitSurvey:
    """So many images of one size."""
    counts = np.ones(3, np.int64)
    return SplitSurvey(split="train", count=count, pixels=counts, images=counts, size=size)


def card(network: str, fill: str = "rbf") -> Card:
    """Weights to start from."""
    return Card(name="start", network=network, classes=(), threshold=0.9, fill=fill)


def test_the_recipe_can_be_trained(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """It is read again as it was meant: the default's network, the folder's name, a crop that fits."""
    out = tmp_path / "mine.toml"
    assert main(["recipe", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert f"Next: interim-zoo train {out} --init default" in said.out
    assert said.err == ""
    recipe = read_recipe(out)
    assert (recipe.name, recipe.network, recipe.data) == ("paths", "hrnet-w18s-adpc", str(folder))
    assert recipe.crop == (64, 96)
    assert recipe.batch == 4
    assert [phase.masking for phase in recipe.phases] == [False, True]
    assert (recipe.fill, recipe.threshold) == (read("default").card.fill, read("default").card.threshold)


def test_what_is_there_is_counted(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """Pixels by class and split, as JSON."""
    out = tmp_path / "mine.toml"
    assert main(["recipe", str(folder), "--out", str(out), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recipe"] == str(out)
    assert found["splits"]["train"] == {
        "images": 4,
        "size": [72, 100],
        "pixels": {"ground": 4 * 4000, "path": 4 * 3200, "not labelled": 0},
    }
    assert found["splits"]["val"]["images"] == 1


def test_a_class_nobody_labelled_is_told(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """White masks that are read as "not labelled" would train a model that knows one class."""
    (folder / "classes.txt").write_text("ground\npath\n")
    assert main(["recipe", str(folder), "--out", str(tmp_path / "mine.toml")]) == 0
    said = capsys.readouterr().err
    assert "path has no pixel in train" in said
    assert "write NAME 255 in classes.txt" in said


def test_images_that_are_listed_twice_are_told(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """In one split, or in both, where they make a model look better than it is; a list may begin with a mark."""
    (folder / "train.txt").write_text("p0\np1\np1\np2\n", encoding="utf-8-sig")
    (folder / "val.txt").write_text("p2\np3\n")
    assert main(["recipe", str(folder), "--out", str(tmp_path / "mine.toml")]) == 0
    said = capsys.readouterr().err
    assert "p1 is listed 2 times in train" in said
    assert "1 of val's 2 images are in train too (p2)" in said


def test_a_recipe_that_is_there_is_kept(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    """Somebody may have changed it by hand; the way out is in the message."""
    out = tmp_path / "mine.toml"
    out.write_text("mine")
    assert main(["recipe", str(folder), "--out", str(out)]) == 2
    assert f"{out} is there already: remove it, or name another file with --out" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_large_images_are_zoomed_towards_what_is_served(tmp_path: Path) -> None:
    """Photographs of 12 megapixels are trained at the scale that a server will see."""
    path = tmp_path / "recipe.toml"
    path.write_text(
        tuning_recipe(
            surveyed(40, (3000, 4000)),
            Path("d"),
            card("hrnet-w18s-ee"),
            name='a "b" \U0001f600',
            start="x",
            file="f",
        )
    )
    recipe = read_recipe(path)
    assert recipe.name == 'a "b" \U0001f600'
    assert recipe.crop == (320, 384)
    assert recipe.scales == pytest.approx((0.128, 0.384))
    assert [phase.name for phase in recipe.phases] == ["dense"]
    assert recipe.phases[0].epochs == 20


def test_few_images_make_a_small_batch(tmp_path: Path) -> None:
    """Two images: two a step, and as many steps as for twenty."""
    path = tmp_path / "recipe.toml"
    path.write_text(
        tuning_recipe(
            surveyed(2, (40, 40)), Path("d"), card("hrnet-w18s-adpc"), name="n", start="s", file="f"
        )
    )
    recipe = read_recipe(path)
    assert (recipe.batch, recipe.crop, recipe.phases[0].epochs) == (2, (32, 32), 200)


@pytest.mark.parametrize("fill", sorted(FILLS))
def test_what_fills_skipped_positions_stays(tmp_path: Path, fill: str) -> None:
    """Weights trained with one fill go on with it; holding ones take turns with dense steps."""
    path = tmp_path / "recipe.toml"
    given = card("hrnet-w18s-adpc", fill)
    path.write_text(tuning_recipe(surveyed(8, (64, 64)), Path("d"), given, name="n", start="s", file="f"))
    recipe = read_recipe(path)
    assert (recipe.fill, recipe.threshold) == (fill, 0.9)
    assert recipe.phases[1].masking
    assert bool(recipe.phases[1].dense_every) == (fill == "hold")
