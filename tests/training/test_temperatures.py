"""The temperature found is the one that the logits were spoilt by."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from interim.model_zoo.anytime import ClassSpec, ExitSpec, ModelSpec, Prediction, Slices, State, Task
from interim.model_zoo.masked.conv import Conv
from interim.model_zoo.masked.fill import NoFill
from interim.model_zoo.masked.masks import DENSE
from interim.training.data.folder import LabelledFolder, open_folder
from interim.training.temperatures import best_temperature, fit_temperatures


@settings(max_examples=10, deadline=None)
@given(spoilt=st.floats(0.2, 5.0), seed=st.integers(0, 100))
def test_a_known_temperature_is_found(spoilt: float, seed: int) -> None:
    """Labels drawn from the softmax of logits; the logits are then multiplied."""
    torch.manual_seed(seed)
    logits = 2 * torch.randn(4000, 5)
    labels = torch.multinomial(logits.softmax(1), 1)[:, 0]
    assert best_temperature(spoilt * logits, labels) == pytest.approx(spoilt, rel=0.12)


def test_without_pixels_nothing_changes() -> None:
    """An exit that is never asked keeps its logits."""
    assert best_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)) == 1


class Parrot:
    """Tells an image's class from its red, with a gap of 3 between its two logits, at both exits.

    Exit 1 is much surer (a gap of 30) of images that have some green; exit 2 refines the others.
    """

    spec = ModelSpec(
        name="parrot",
        task=Task.SEGMENTATION,
        classes=(ClassSpec("a", (0, 0, 0)), ClassSpec("b", (9, 9, 9))),
        exits=(ExitSpec("one"), ExitSpec("two")),
    )

    def __init__(self, *, masking: bool) -> None:
        self.masking = masking
        heads = [Conv(2, 2, filling=NoFill) for _ in self.spec.exits]
        for head in heads:
            torch.nn.init.eye_(head.weight[:, :, 0, 0])
        self.sections = [SimpleNamespace(head=SimpleNamespace(classify=head)) for head in heads]

    def start(self, images: torch.Tensor) -> State:
        """The image at a quarter of its size."""
        return State((images[:, :, ::4, ::4].float(),))

    def stage(self, exit_: int, state: State) -> Slices:
        """One class for the whole image."""
        yield
        red, green = state.maps[0][:, 0], state.maps[0][:, 1]
        gap = torch.where((green > 50) & (exit_ == 1), 30.0, 3.0) * (2.0 * (red > 50) - 1)
        logits = self.sections[exit_ - 1].head.classify(torch.stack([-gap / 2, gap / 2], 1), DENSE)
        return State(state.maps, Prediction(logits, logits.softmax(1).amax(1), green < 50), exit_)


@pytest.fixture
def parroted(tmp_path: Path) -> LabelledFolder:
    """Six images: green ones of which all is said right, and others of which four pixels in five are."""
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for index in range(6):
        class_, green = index % 2, index < 3
        labels = np.full((64, 64), class_, np.uint8)
        labels[::5] = class_ if green else 1 - class_
        Image.new("RGB", (64, 64), (200 * class_, 200 * green, 0)).save(tmp_path / "images" / f"{index}.png")
        Image.fromarray(labels).save(tmp_path / "labels" / f"{index}.png")
    (tmp_path / "classes.txt").write_text("a\nb\n")
    (tmp_path / "val.txt").write_text("\n".join("012345"))
    return open_folder(tmp_path)


def test_an_exit_is_fitted_on_what_it_will_be_asked(parroted: LabelledFolder) -> None:
    """Exit 1 is sure of the green images, so exit 2 is fitted on the others: odds of four to one."""
    model: Any = Parrot(masking=True)
    _, second = fit_temperatures(model, parroted, "val")
    assert second == pytest.approx(3 / np.log(4), rel=0.06)
    assert torch.allclose(model.sections[1].head.classify.weight[0, 0], torch.tensor(1 / second))


def test_without_masking_it_is_fitted_on_all(parroted: LabelledFolder) -> None:
    """Nine pixels in ten are right of both kinds together."""
    model: Any = Parrot(masking=False)
    _, second = fit_temperatures(model, parroted, "val")
    assert second == pytest.approx(3 / np.log(9), rel=0.06)
