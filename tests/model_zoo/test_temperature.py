"""Temperature divides logits and nothing else."""

from pathlib import Path

import pytest
import torch

from interim.model_zoo.anytime import ClassSpec
from interim.model_zoo.card import Card, Gain
from interim.model_zoo.checkpoint import load, read, write
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.registry import build
from interim.model_zoo.temperature import temper

TEMPERATURES = (0.5, 2.0, 1.0, 1.25)


@pytest.mark.parametrize("name", ["hrnet-w18s-ee", "hrnet-w18s-ee-rh"])
def test_each_exits_logits_are_divided_by_its_temperature(name: str) -> None:
    """Plain and redesigned heads; the classes stay as they are."""
    torch.manual_seed(0)
    network = build(name, classes=3).eval()
    images = torch.randint(0, 255, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        before = network(images)
        temper(network, TEMPERATURES)
        after = network(images)
    for raw, scaled, temperature in zip(before, after, TEMPERATURES, strict=True):
        assert (scaled * temperature - raw).abs().max() < 1e-5 * raw.abs().max()


def test_none_given_changes_nothing() -> None:
    """An old card has no temperatures."""
    network = build("hrnet-w18s-ee", classes=3)
    before = network.sections[0].head.classify.weight.clone()  # type: ignore[operator, union-attr]
    temper(network, ())
    assert torch.equal(network.sections[0].head.classify.weight, before)  # type: ignore[arg-type, union-attr]


@pytest.mark.parametrize("temperatures", [(1.0,), (1.0, 1.0, 1.0, 0.0)])
def test_what_does_not_fit_is_refused(temperatures: tuple[float, ...]) -> None:
    """Too few, or one that would divide by nothing."""
    with pytest.raises(BadInputError, match="give 4 numbers above 0"):
        temper(build("hrnet-w18s-ee", classes=3), temperatures)


def test_a_checkpoint_keeps_them_in_its_card(tmp_path: Path) -> None:
    """Weights are stored as they were trained; loading divides, unless it is told not to."""
    classes = tuple(ClassSpec(name, (0, 0, 0)) for name in "abc")
    gains = (Gain(exit=1, intercept=0.1, slope=0.2, correlation=0.3),)
    card = Card(
        name="x", network="hrnet-w18s-ee", classes=classes, threshold=0.9,
        temperatures=TEMPERATURES, gains=gains,
    )  # fmt: skip
    network = build(card.network, classes=3)
    write(tmp_path, network.state_dict(), card)
    assert read(tmp_path).card == card
    raw, tempered = (load(tmp_path, tempered=on).state_dict() for on in (False, True))
    name = "sections.1.head.classify.weight"
    assert torch.equal(raw[name], 2 * tempered[name])
