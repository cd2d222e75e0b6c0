"""Networks by name."""

import pytest
import torch

from interim.model_zoo.anytime import Task
from interim.model_zoo.errors import BadInputError, UnknownModelError
from interim.model_zoo.registry import build, names

SMALL = ("hrnet-w18s-adpc", "hrnet-w18s-pose-adpc")


@pytest.mark.parametrize(
    "name",
    [name if name.startswith(SMALL) else pytest.param(name, marks=pytest.mark.slow) for name in names()],
)
def test_every_name_builds_what_it_says(name: str) -> None:
    """Its name, task, exits and the width of its answer."""
    model = build(name)
    pose = "-pose" in name
    assert model.spec.name == name
    assert model.spec.task is (Task.POSE if pose else Task.SEGMENTATION)
    assert len(model.spec.exits) == (4 if name.endswith(("-ee", "-ee-rh", "-adpc")) else 1)
    assert model.masking is name.endswith("-adpc")
    model.masking = False
    with torch.inference_mode():
        logits = model.eval()(torch.zeros(2, 3, 64, 32, dtype=torch.uint8))
    assert [exit_.shape for exit_ in logits] == [(2, 16 if pose else 19, 16, 8)] * len(model.spec.exits)


def test_the_names_are_widths_and_variants() -> None:
    """Four widths for segmentation and two for pose, each in four variants."""
    assert len(names()) == 24
    assert {"hrnet-w48-adpc", "hrnet-w18s", "hrnet-w18-ee", "hrnet-w32-pose-ee-rh", "hrnet-w18s-pose"} <= set(
        names()
    )


def test_classes_can_be_chosen() -> None:
    """Logits and class list follow."""
    model = build("hrnet-w18s-adpc", classes=11)
    assert len({spec.color for spec in model.spec.classes}) == len(model.spec.classes) == 11


def test_an_unknown_name_is_told_its_neighbours() -> None:
    """One sentence names the wrong name and those like it."""
    with pytest.raises(UnknownModelError, match=r"'hrnet-w18s-adcp'.*hrnet-w18s-adpc"):
        build("hrnet-w18s-adcp")


def test_a_fill_can_be_chosen_for_adaptive_networks() -> None:
    """Holding learns no λ; a network without masks has nothing to fill."""
    held, plain = (build(name, fill="hold") for name in ("hrnet-w18s-adpc", "hrnet-w18s-ee"))
    assert held.masking
    assert not plain.masking
    assert not any("sharpness" in name for name, _ in held.named_parameters())
    with pytest.raises(BadInputError, match="no fill 'zero': there are rbf, hold"):
        build("hrnet-w18s-adpc", fill="zero")


@pytest.mark.parametrize("classes", [0, -3, 256])
def test_an_absurd_number_of_classes_is_refused(classes: int) -> None:
    """Label maps are bytes, and 255 is no class."""
    with pytest.raises(BadInputError, match="from 1 to 255"):
        build("hrnet-w18s", classes=classes)
