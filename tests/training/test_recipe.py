"""A recipe is read whole or refused with the entry that is wrong."""

from pathlib import Path

import pytest

import interim.training.recipe as module
from interim.model_zoo.registry import names
from interim.training.recipe import RecipeError, read_recipe

PHASE = '[[phases]]\nname = "a"\nepochs = 1\nlearning_rate = 1e-3\n'
HEAD = 'name = "x"\nnetwork = "hrnet-w18s-ee"\n'


def written(folder: Path, text: str) -> Path:
    """A recipe file with this text."""
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_every_shipped_recipe_can_be_read() -> None:
    """And names a network that exists."""
    paths = sorted((Path(module.__file__).parent / "recipes").glob("*.toml"))
    assert [read_recipe(path).network in names() for path in paths] == [True] * len(paths)
    assert paths


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    """Name, network and a phase are enough."""
    recipe = read_recipe(written(tmp_path, HEAD + PHASE))
    assert recipe.batch == 8
    assert recipe.phases[0].masking is False
    assert recipe.threshold is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "no readable TOML"),
        (HEAD, r"no \[\[phases\]\]"),
        (HEAD + "bacth = 3\n" + PHASE, "unknown entry 'bacth'"),
        (HEAD + PHASE + "epoch = 3\n", "unknown entry 'epoch'"),
        ('name = "x"\n' + PHASE, "lacks an entry of its recipe: 'network'"),
        (HEAD + "crop = [100, 64]\n" + PHASE, "multiples of 32"),
        (HEAD + "batch = 0\n" + PHASE, "batch must be at least 1"),
        (HEAD + "threshold = 1.5\n" + PHASE, "threshold must lie in 0 to 1"),
        (HEAD + PHASE.replace("epochs = 1", "epochs = 0"), "at least one epoch"),
        (HEAD + PHASE.replace("epochs = 1", "epochs = 1.5"), r"epochs is 1\.5, and must be a whole number"),
        (HEAD + PHASE + 'masking = "false"\n', "masking is 'false', and must be true or false"),
        (HEAD + PHASE + "masked_from = 2\n", "masked_from must lie in 0 to 1"),
        (HEAD + "phases = [1, 2]\n", r"no \[\[phases\]\]"),
        (HEAD + "batch = 2.5\n" + PHASE, "batch is .* a whole number"),
        (HEAD + "batch = true\n" + PHASE, "batch is True, and must be a whole number"),
        (HEAD + "data = 5\n" + PHASE, "data is 5, and must be text"),
        (HEAD + 'jitter = "a"\n' + PHASE, "jitter is 'a', and must be a number"),
        (HEAD + "jitter = nan\n" + PHASE, "jitter must not be below 0"),
        (HEAD + "scales = [1.0]\n" + PHASE, "scales is .* two numbers"),
        (HEAD + "crop = [0, 32]\n" + PHASE, "crop must be two multiples of 32"),
        (HEAD + "settling = -1\n" + PHASE, "settling must not be below 0"),
        (HEAD + "seed = -1\n" + PHASE, "seed must not be below 0"),
        (HEAD + "temperatures = [inf]\n" + PHASE, "temperatures must be above 0"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    """The message names the entry and the rule."""
    with pytest.raises(RecipeError, match=words):
        read_recipe(written(tmp_path, text))


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    """No file, no guess."""
    with pytest.raises(RecipeError, match=r"no recipe .*none\.toml"):
        read_recipe(tmp_path / "none.toml")
