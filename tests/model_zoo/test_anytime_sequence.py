"""Several networks as one anytime model."""

from pathlib import Path

import pytest
import torch

from interim.model_zoo.anytime import ClassSpec, Prediction, State, finish
from interim.model_zoo.deployment import ExitPlan, Plan
from interim.model_zoo.errors import BadInputError, CheckpointError
from interim.model_zoo.networks.staged import StagedExits
from interim.model_zoo.sequence import AnytimeSequence, Place, is_sequence, read_order, write_order

IMAGES = torch.randint(0, 256, (2, 3, 32, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def member(name: str, stem: int, classes: int = 3) -> StagedExits:
    """A network of two exits."""
    torch.manual_seed(stem)
    plan = Plan(
        name=name,
        layers=((4, 1, 1, 1), (4, 1, 1, 1)),
        stem=stem,
        classes=tuple(ClassSpec(str(index), (0, 0, index)) for index in range(classes)),
        exits=(ExitPlan(name="first", block=1), ExitPlan(name="last", block=2, quality=0.5)),
    )
    return StagedExits(plan.spec(), plan.network(), plan.strides()).eval()


@torch.inference_mode()
def predictions(model: AnytimeSequence | StagedExits, images: torch.Tensor = IMAGES) -> list[Prediction]:
    """Of every exit; batches are parted and joined between stages, as a server does."""
    found, state = [], model.start(images)
    for exit_ in range(1, len(model.spec.exits) + 1):
        state = State.join(finish(model.stage(exit_, state)).split())
        assert state.prediction is not None
        found.append(state.prediction)
    return found


def test_its_exits_are_its_members_useful_ones() -> None:
    """The same answers, in order; what is not useful is run where a later exit needs it and never shown."""
    small, large = member("small", 4), member("large", 8)
    both = AnytimeSequence([small, large], [Place(0, 1), Place(0, 2), Place(1, 2)], name="both")
    found = predictions(both)
    expected = [*predictions(small), predictions(large)[1]]
    assert all(one.logits.equal(other.logits) for one, other in zip(found, expected, strict=True))
    assert [exit_.name for exit_ in both.spec.exits] == ["small, first", "small, last", "large, last"]
    assert both.spec.exits[2].quality == 0.5
    assert both.spec.name == "both"


def test_the_next_network_computes_everything_of_an_unsure_image() -> None:
    """Before it begins all positions are active, or none of an image that is sure everywhere; else as the member says."""
    small, large = member("small", 4), member("large", 8)
    both = AnytimeSequence([small, large], [Place(0, 2), Place(1, 1)], name="both")
    for network in (small, large):
        for exit_ in network.network.exits:
            exit_.head.classify.weight.data *= 40  # type: ignore[union-attr, operator]  # so that some are sure
    between, last = predictions(both)
    plain = predictions(small)[1].active
    assert 0 < plain.float().mean() < 1
    assert between.active.flatten(1).all(1).equal(plain.flatten(1).any(1))
    assert last.active.equal(predictions(large)[0].active)


def test_members_must_fit_each_other() -> None:
    """Classes alike, exits that exist, in order."""
    small = member("small", 4)
    with pytest.raises(BadInputError, match="differ in classes"):
        AnytimeSequence([small, member("other", 4, classes=2)], [Place(0, 1)], name="none")
    for wrong in ([], [Place(0, 3)], [Place(0, 2), Place(0, 1)], [Place(1, 1)]):
        with pytest.raises(BadInputError, match="no sequence"):
            AnytimeSequence([small], wrong, name="none")


def test_an_order_is_kept(tmp_path: Path) -> None:
    """Folders beside it, and places."""
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_order(tmp_path)
    write_order(tmp_path, ["1", "2"], [Place(0, 1), Place(1, 2)])
    assert is_sequence(tmp_path)
    assert read_order(tmp_path) == ([tmp_path / "1", tmp_path / "2"], [Place(0, 1), Place(1, 2)])
