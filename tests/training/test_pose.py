"""Pose: trained, stopped, measured like any other task."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from tests.training.conftest import JOINTS, POSE_RECIPE, heat_at_joints

from interim.model_zoo.anytime import ClassSpec
from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import Checkpoint, read
from interim.model_zoo.joints import heat_of
from interim.model_zoo.masked.masks import Masks
from interim.model_zoo.networks.hrnet.heads import LogitSlices
from interim.model_zoo.networks.hrnet.transition import Maps
from interim.model_zoo.registry import build
from interim.training.data.errors import DataError
from interim.training.data.people.folder import open_people_folder
from interim.training.losses import heat_losses
from interim.training.main import main
from interim.training.pose_evaluation import evaluate_pose
from interim.training.recipe import RecipeError, read_recipe
from interim.training.starting import start_from


@pytest.mark.slow
def test_a_pose_model_is_trained_and_measured_by_the_same_commands(people: Path, tmp_path: Path) -> None:
    """`train`, then `card`: PCK for every exit, with masking on and off, and the crop's size."""
    config = tmp_path / "tiny.toml"
    config.write_text(POSE_RECIPE.format(entry='loss_scheme = "adaloss"'))
    run, out = tmp_path / "run", tmp_path / "out"
    assert main(["train", str(config), "--data", str(people), "--run", str(run)]) == 0
    assert main(["card", str(run / "latest"), "--data", str(people), "--out", str(out)]) == 0
    card = read(out).card
    assert [each.name for each in card.classes] == JOINTS
    assert card.long_side == 64
    assert card.bones == ((0, 1),)
    for measured in (card.dense, card.adaptive):
        assert measured is not None
        assert (measured.metric, measured.images, len(measured.miou), measured.ece) == ("PCK", 2, 4, ())
    assert "PCK %" in (out / "card.md").read_text()
    result = tmp_path / "result.json"
    assert main(["evaluate", str(out), "--data", str(people), "--json", str(result)]) == 0
    assert set(json.loads(result.read_text())["joint_pck"]) == set(JOINTS)


@pytest.mark.parametrize(("mirrored", "score"), [(False, 1.0), (True, 0.0)])
def test_right_answers_score_one(people: Path, mirrored: bool, score: float) -> None:
    """Heat where everybody's joints are, and upside down: all within half of the torso, and none."""
    model = build("hrnet-w18s-pose-ee", classes=4).eval()
    model.spec = dataclasses.replace(model.spec, long_side=64)
    heat = heat_at_joints(sigma=1.5, mirrored=mirrored)
    for section in model.sections:
        section.head = Always(heat)
    found = evaluate_pose(model, open_people_folder(people), "val")
    assert found.measured.miou == found.measured.quality == (score,) * 4
    assert found.classes.tolist() == [[score] * 4] * 4


class Always(torch.nn.Module):
    """A head that has one answer."""

    def __init__(self, heat: torch.Tensor) -> None:
        super().__init__()
        self.heat = heat

    def slices(self, maps: Maps, masks: Masks) -> LogitSlices:
        yield
        return self.heat.expand(len(maps[0]), -1, -1, -1)


def test_the_heat_loss_is_one_for_nothing_and_zero_for_the_truth() -> None:
    """Unknown joints do not count, wherever they are said to be."""
    xy = torch.tensor([[[16.0, 20.0], [30.0, 30.0]]])
    truth = heat_of(xy, (16, 16), stride=4, sigma=1.5)
    xy[0, 1] = torch.nan
    half = truth.clone()
    half[:, 1] = 9
    known = torch.tensor([[True, False]])
    losses = heat_losses([torch.zeros_like(truth), truth, half], xy, known, stride=4, sigma=1.5)
    assert losses.tolist() == pytest.approx([1, 0, 0], abs=1e-3)


def test_the_trunk_of_another_task_is_a_beginning() -> None:
    """Segmentation weights fill everything but classifiers, which begin at 0."""
    source, target = build("hrnet-w18s-ee-rh", 3), build("hrnet-w18s-pose-ee-rh", 4)
    card = Card(name="old", network="hrnet-w18s-ee-rh", classes=source.spec.classes[:2], threshold=0.9)
    weights = {name: torch.full_like(value, 0.5) for name, value in source.state_dict().items()}
    joints = tuple(ClassSpec(name, (0, 0, 0)) for name in JOINTS)
    assert start_from(target, Checkpoint(weights=weights, card=card), joints) == ()
    for name, value in target.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert (value == (0 if ".classify." in name else 0.5)).all(), name


def test_task_and_network_go_together(tmp_path: Path) -> None:
    """A pose recipe with a segmentation network is refused."""
    config = tmp_path / "wrong.toml"
    config.write_text(POSE_RECIPE.format(entry="").replace("-pose-adpc", "-adpc"))
    with pytest.raises(RecipeError, match="pose network"):
        read_recipe(config)


def test_a_folder_without_the_split_is_told_what_it_lacks(people: Path) -> None:
    """The file that is missing is named."""
    with pytest.raises(DataError, match=r"no .*test\.json"):
        open_people_folder(people).people("test")
