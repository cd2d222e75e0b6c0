"""A run that is stopped goes on as if nothing had been."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from interim.model_zoo.registry import build
from interim.training.data.batches import Batches
from interim.training.data.crops import CropRule
from interim.training.data.folder import open_folder
from interim.training.lessons import PixelLessons
from interim.training.recipe import Phase, Recipe, RecipeError
from interim.training.run import Run
from interim.training.scenes.labels import CLASSES


def begun(recipe: Recipe, data: Path, folder: Path) -> Run:
    """A run over the scenes, new or resumed."""
    source = open_folder(data)
    samples = [source.read(name) for name in source.names("train")]
    rule = CropRule(height=recipe.crop[0], width=recipe.crop[1], scales=(0.8, 1.2))
    batches = Batches(samples=samples, scenes=[], rule=rule, size=recipe.batch, seed=recipe.seed)
    torch.manual_seed(recipe.seed)
    network = build(recipe.network, classes=11, fill=recipe.fill)
    return Run(recipe, network, PixelLessons(batches=batches, weights=torch.ones(11)), folder)


@pytest.mark.slow
def test_stopped_and_resumed_is_the_same_to_the_bit(recipe: Recipe, scenes: Path, tmp_path: Path) -> None:
    """Four steps, or one, a save, a new process's worth of objects, and three more: equal weights."""
    whole = begun(recipe, scenes, tmp_path / "whole")
    losses = [whole.advance().losses for _ in range(whole.steps)]
    first = begun(recipe, scenes, tmp_path / "parts")
    parts = [first.advance().losses]
    first.save()
    second = begun(recipe, scenes, tmp_path / "parts")
    assert second.step == 1
    parts += [second.advance().losses for _ in range(second.steps - 1)]
    assert parts == losses
    for mine, theirs in ((whole.network, second.network), (whole.average.module, second.average.module)):
        ours, others = mine.state_dict(), theirs.state_dict()
        assert all(torch.equal(ours[name], others[name]) for name in ours)


@pytest.mark.slow
def test_a_tiny_set_can_be_learnt_by_heart(recipe: Recipe, scenes: Path, tmp_path: Path) -> None:
    """Every exit's loss falls well below where it began."""
    phase = Phase(name="dense", epochs=12, learning_rate=3e-3)
    run = begun(dataclasses.replace(recipe, phases=(phase,)), scenes, tmp_path)
    reports = [run.advance() for _ in range(run.steps)]
    first = torch.tensor([report.losses for report in reports[:2]]).mean(0)
    last = torch.tensor([report.losses for report in reports[-4:]]).mean(0)
    assert (last < 0.75 * first).all()


@pytest.mark.slow
def test_masking_follows_the_phase(recipe: Recipe, scenes: Path, tmp_path: Path) -> None:
    """Off in the first phase, on in the second, at the recipe's threshold; λ is learnt only then."""
    run = begun(recipe, scenes, tmp_path)
    sharpness = next(part for name, part in run.network.named_parameters() if name.endswith("sharpness"))
    before = sharpness.item()
    for _ in range(2):
        run.advance()
    assert run.network.masking is False
    assert sharpness.item() == before
    run.advance()
    assert run.network.masking is True
    assert run.network.spec.threshold == recipe.threshold
    assert any(
        part.item() != before for name, part in run.network.named_parameters() if name.endswith("sharpness")
    )


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [False, True])
def test_statistics_may_be_kept(frozen: bool, recipe: Recipe, scenes: Path, tmp_path: Path) -> None:
    """Every step changes weights; running statistics follow dense steps only, or none at all."""
    phase = dataclasses.replace(
        recipe.phases[1], dense_every=2, masked_statistics=frozen, frozen_statistics=frozen
    )
    run = begun(dataclasses.replace(recipe, fill="hold", phases=(phase,)), scenes, tmp_path)

    def changed() -> tuple[bool, bool]:
        before = {name: value.clone() for name, value in run.network.state_dict().items()}
        assert all(loss > 0 for loss in run.advance().losses)
        names = {
            name for name, value in run.network.state_dict().items() if not torch.equal(value, before[name])
        }
        statistics = {name for name in names if "running" in name or "batches" in name}
        return bool(names - statistics), bool(statistics)

    assert changed() == (True, not frozen)
    assert changed() == (True, False)


@pytest.mark.slow
def test_a_folder_of_another_run_is_refused(recipe: Recipe, scenes: Path, tmp_path: Path) -> None:
    """A state of another network, fill or classes would not fit; the way out is in the message."""
    run = begun(recipe, scenes, tmp_path)
    run.save()
    other = dataclasses.replace(recipe, network="hrnet-w18s-ee")
    with pytest.raises(
        RecipeError, match=r"holds a run of the network hrnet-w18s-adpc, not of .*-ee: .*--run"
    ):
        begun(other, scenes, tmp_path)
    with pytest.raises(RecipeError, match=r"holds a run of the fill rbf, not of hold: .*--run"):
        begun(dataclasses.replace(recipe, fill="hold"), scenes, tmp_path)
    run.network.spec = dataclasses.replace(run.network.spec, classes=CLASSES)
    run.save()
    with pytest.raises(RecipeError, match=r"the classes Sky, .*, not of class 0, .*--run"):
        begun(recipe, scenes, tmp_path)


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_run(recipe: Recipe, scenes: Path, tmp_path: Path) -> None:
    """Before weights are spoilt; the step is named."""
    run = begun(recipe, scenes, tmp_path)
    before = {name: value.clone() for name, value in run.network.named_parameters()}
    with torch.no_grad():
        broken = next(part for name, part in run.network.named_parameters() if name.endswith("classify.bias"))
        broken.fill_(torch.nan)
    with pytest.raises(RecipeError, match=r"Step 1 of 4 has the losses nan, .*lower learning_rate"):
        run.advance()
    kept = dict(run.network.named_parameters())
    assert all(torch.equal(kept[name], value) for name, value in before.items() if kept[name] is not broken)


@pytest.mark.parametrize(("entry", "count"), [("exit_weights", 3), ("temperatures", 5)])
def test_every_exit_has_a_number_of_its_own(
    recipe: Recipe, scenes: Path, tmp_path: Path, entry: str, count: int
) -> None:
    """Weights of losses and temperatures alike; who gives no weights weighs all exits alike."""
    changes: dict[str, Any] = {entry: (1.0,) * count}
    with pytest.raises(RecipeError, match=f"{count} {entry} do not fit hrnet-w18s-adpc: give 4"):
        begun(dataclasses.replace(recipe, **changes), scenes, tmp_path)


def test_a_recipe_without_a_threshold_has_the_networks_own(
    recipe: Recipe, scenes: Path, tmp_path: Path
) -> None:
    """What is right for a share is far too much for a heat."""
    silent = dataclasses.replace(recipe, threshold=None, network="hrnet-w18s-pose-adpc")
    assert begun(silent, scenes, tmp_path).network.spec.threshold == 0.002
    assert begun(recipe, scenes, tmp_path).network.spec.threshold == recipe.threshold
