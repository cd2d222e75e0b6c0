"""A small training that can be broken off."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from interim.training.experiments import course
from interim.training.experiments.course import Course, follow
from interim.training.schemes import ExitDropout


class BrokenOffError(Exception):
    pass


def trained(file: Path, end: int | None = None) -> tuple[nn.Module, list[list[float]]]:
    """A linear layer trained for 12 steps, or broken off before step `end`; the weights its scheme gave."""
    torch.manual_seed(1)
    network, weighing, given = nn.Linear(3, 3), ExitDropout(3), []

    def loss(step: int) -> Tensor:
        if step == end:
            raise BrokenOffError
        weights = weighing.weights(torch.zeros(3))
        given.append(weights.tolist())
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
        answer: Tensor = network(x)
        return (answer.square().mean(0) * weights).sum()

    follow(Course(steps=12, learning_rate=0.1), network, loss, file, weighing)
    return network, given


@pytest.mark.slow
def test_a_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BrokenOffError off after a checkpoint and begun again it ends where an unbroken one does."""
    monkeypatch.setattr(course, "EVERY", 4)
    whole, turns = trained(tmp_path / "whole.pt")
    with pytest.raises(BrokenOffError):
        trained(tmp_path / "parts" / "one.pt", end=6)
    later, rest = trained(tmp_path / "parts" / "one.pt")
    assert rest == turns[4:]
    for left, right in zip(whole.parameters(), later.parameters(), strict=True):
        assert left.equal(right)


@pytest.mark.slow
def test_a_finished_training_is_only_loaded(tmp_path: Path) -> None:
    """Not one step more."""
    first, _ = trained(tmp_path / "one.pt")
    again, steps = trained(tmp_path / "one.pt", end=0)
    assert not steps
    assert all(left.equal(right) for left, right in zip(first.parameters(), again.parameters(), strict=True))
