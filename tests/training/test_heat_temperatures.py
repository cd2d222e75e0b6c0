"""Heat of a pose model's exits is made alike, and one threshold then serves all of them."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from tests.training.conftest import POSE_RECIPE, heat_at_joints
from torch import Tensor, nn

from interim.model_zoo.checkpoint import read
from interim.model_zoo.masked.conv import Conv
from interim.model_zoo.masked.fill import NoFill
from interim.model_zoo.masked.masks import Masks
from interim.model_zoo.networks.hrnet.heads import LogitSlices
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.networks.hrnet.transition import Maps
from interim.model_zoo.registry import build
from interim.model_zoo.temperature import temper
from interim.training.data.people.folder import open_people_folder
from interim.training.evaluation import run_exits
from interim.training.heat_temperatures import fit_heat_temperatures
from interim.training.main import main
from interim.training.recipe import RecipeError, read_recipe
from interim.training.tempered import Tempered


class Shy(nn.Module):
    """A head that is as hot as told where everybody's joints are."""

    def __init__(self, heat: Tensor, most: float) -> None:
        super().__init__()
        self.heat = heat
        self.classify = Conv(4, 4, filling=NoFill)
        self.classify.weight.data = most * torch.eye(4)[:, :, None, None]

    def slices(self, maps: Maps, masks: Masks) -> LogitSlices:
        yield
        logits: Tensor = self.classify(self.heat.expand(len(maps[0]), -1, -1, -1), masks)
        return logits


@pytest.fixture
def shy() -> AnytimeHrnet:
    """Exits that are the less hot the earlier they come, whatever they see."""
    model = build("hrnet-w18s-pose-adpc", classes=4, fill="hold").eval()
    model.spec = dataclasses.replace(model.spec, long_side=64)
    heat = heat_at_joints(sigma=3.0)
    for section, most in zip(model.sections, (0.1, 0.3, 0.4, 0.8), strict=True):
        section.head = Shy(heat, most)
    return model


def test_an_exit_that_is_an_eighth_as_hot_is_tempered_by_an_eighth(shy: AnytimeHrnet, people: Path) -> None:
    """After which all are as hot as the last one, and a second fit finds nothing to do."""
    folder = open_people_folder(people)
    assert fit_heat_temperatures(shy, folder, "val") == pytest.approx((0.125, 0.375, 0.5, 1.0), abs=1e-3)
    shy.masking = False
    image = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    first, *later = (each.confidence for each in run_exits(shy, image))
    for confidence in later:
        torch.testing.assert_close(confidence, first, atol=1e-3, rtol=0)
    assert fit_heat_temperatures(shy, folder, "val") == pytest.approx((1, 1, 1, 1), abs=1e-3)


def test_what_is_refined_in_training_is_what_is_refined_in_serving() -> None:
    """With the rule tempered, or the weights: the same positions; only with the rule heat stays what losses want."""
    torch.manual_seed(0)
    trained = build("hrnet-w18s-pose-adpc", classes=4, fill="hold").eval()
    served = build("hrnet-w18s-pose-adpc", classes=4, fill="hold").eval()
    served.load_state_dict(trained.state_dict())
    temperatures = (4.0, 2.0, 0.5, 1.0)
    trained.rule = Tempered(trained.rule, temperatures)
    temper(served, temperatures)
    images = torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8)
    middle = run_exits(served, images)[0].confidence.median().item()
    for model in (trained, served):
        model.spec = dataclasses.replace(model.spec, threshold=middle)
    one, other = (run_exits(model, images) for model in (trained, served))
    assert [torch.equal(a.active, b.active) for a, b in zip(one, other, strict=True)] == [True] * 4
    assert 0.3 < one[0].active.float().mean() < 0.7
    torch.testing.assert_close(one[0].logits / 4, other[0].logits)


@pytest.mark.slow
def test_a_pose_model_is_calibrated_and_trained_on(people: Path, tmp_path: Path) -> None:
    """`train` keeps a recipe's temperatures in the card; `calibrate` finds its own, and a threshold."""
    config, run, out = tmp_path / "tiny.toml", tmp_path / "run", tmp_path / "out"
    config.write_text(POSE_RECIPE.format(entry="temperatures = [0.3, 0.6, 1.0, 1.0]"))
    assert main(["train", str(config), "--data", str(people), "--run", str(run)]) == 0
    assert read(run / "latest").card.temperatures == (0.3, 0.6, 1.0, 1.0)
    words = ["calibrate", str(run / "latest"), "--data", str(people), "--thresholds", "0.01,0.2"]
    result = tmp_path / "result.json"
    assert main([*words, "--out", str(out), "--json", str(result)]) == 0
    said, card = json.loads(result.read_text()), read(out).card
    assert list(card.temperatures) == said["temperatures"]
    assert card.temperatures[-1] == 1
    assert card.threshold in {0.01, 0.2}
    assert card.adaptive is not None
    assert card.adaptive.metric == "PCK"
    assert "PCK of the last exit" in (out / "threshold.svg").read_text()
    assert not (out / "reliability.svg").exists()
    assert main([*words, "--temperatures", "0.5,0.5,2,1", "--out", str(out)]) == 0
    assert read(out).card.temperatures == (0.5, 0.5, 2.0, 1.0)


@pytest.mark.parametrize(
    ("temperatures", "rule"), [("0.5, 1.0", "2 temperatures do not fit"), ("1, 1, 0, 1", "must be above 0")]
)
def test_temperatures_that_do_not_fit_are_refused(
    people: Path, tmp_path: Path, temperatures: str, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One above 0 for each exit."""
    config = tmp_path / "wrong.toml"
    config.write_text(POSE_RECIPE.format(entry=f"temperatures = [{temperatures}]"))
    assert main(["train", str(config), "--data", str(people), "--run", str(tmp_path / "run")]) != 0
    assert rule in capsys.readouterr().err


def test_a_recipe_without_temperatures_has_none(tmp_path: Path) -> None:
    """Nothing is divided."""
    config = tmp_path / "plain.toml"
    config.write_text(POSE_RECIPE.format(entry="temperatures = []"))
    assert read_recipe(config).temperatures == ()
    config.write_text(POSE_RECIPE.format(entry='temperatures = ["hot"]'))
    with pytest.raises(RecipeError, match="must be a list of numbers"):
        read_recipe(config)
