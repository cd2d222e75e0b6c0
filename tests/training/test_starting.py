"""Going on from trained weights: the trunk is copied, and what is known of the classes."""

import pytest
import torch

from interim.model_zoo.anytime import ClassSpec
from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import Checkpoint
from interim.model_zoo.errors import CheckpointError
from interim.model_zoo.registry import build
from interim.training.starting import start_from

GREY = (9, 9, 9)
OLD = tuple(ClassSpec(name, GREY) for name in ("Sky", "Road", "Car"))
NEW = tuple(ClassSpec(name, GREY) for name in ("car", "path"))
NETWORK = "hrnet-w18s-ee-rh"


def given() -> Checkpoint:
    """Three classes, every weight 0.5."""
    weights = {name: torch.full_like(value, 0.5) for name, value in build(NETWORK, 3).state_dict().items()}
    return Checkpoint(weights=weights, card=Card(name="old", network=NETWORK, classes=OLD, threshold=0.9))


def test_the_trunk_and_known_classes_are_copied() -> None:
    """Everything is 0.5 but the rows of the class that is new: these say nothing yet."""
    network = build(NETWORK, 2)
    assert start_from(network, given(), NEW) == ("car",)
    for name, value in network.state_dict().items():
        if ".classify." in name:
            assert (value[0] == 0.5).all()
            assert (value[1] == 0).all()
        elif not name.endswith("num_batches_tracked"):
            assert (value == 0.5).all()


def test_the_same_classes_are_all_copied() -> None:
    """In whatever order."""
    network = build(NETWORK, 3)
    assert start_from(network, given(), OLD[::-1]) == ("Car", "Road", "Sky")
    assert (network.state_dict()["sections.3.head.classify.weight"] == 0.5).all()


def test_another_network_is_refused() -> None:
    """Its weights would mean nothing."""
    with pytest.raises(
        CheckpointError, match="'old' do not fit hrnet-w18s-ee: they are of a hrnet-w18s-ee-rh"
    ):
        start_from(build("hrnet-w18s-ee", 2), given(), NEW)


def test_a_fill_of_its_own_starts_anew() -> None:
    """A checkpoint whose masked positions were filled otherwise lends all else."""
    network = build("hrnet-w18s-adpc", 3)
    trained = build("hrnet-w18s-adpc", 3).state_dict()
    weights = {name: torch.full_like(value, 0.5) for name, value in trained.items() if ".fill." not in name}
    card = Card(name="old", network="hrnet-w18s-adpc", classes=OLD, threshold=0.9, fill="hold")
    start_from(network, Checkpoint(weights=weights, card=card), OLD)
    state = network.state_dict()
    assert (state["sections.3.head.classify.weight"] == 0.5).all()
    assert state["sections.3.head.classify.fill.sharpness"] == 3
