"""Loss schemes: weights as the paper has them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from interim.training.schemes import AdaLoss, ExitDropout, scheme

GIVEN = (0.5, 0.6, 0.9, 1.0)


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("given", GIVEN),
        ("const", (1, 1, 1, 1)),
        ("linear", (0.25, 0.5, 0.75, 1)),
        ("half-end", (1 / 3, 1 / 3, 1 / 3, 1)),
    ],
)
def test_fixed_weights_are_what_their_names_say(name: str, weights: tuple[float, ...]) -> None:
    """Whatever the losses are, and without anything to keep."""
    made = scheme(name, GIVEN)
    assert made.weights(torch.rand(4)).tolist() == pytest.approx(weights)
    assert made.state() == {}


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=6))
def test_adaloss_weighs_in_inverse_proportion(losses: list[float]) -> None:
    """At gamma 0 all weighted losses are the least one; at 1 all weigh 1; the largest weight is 1."""
    found = torch.tensor(losses)
    assert (AdaLoss(gamma=0).weights(found) * found).tolist() == pytest.approx([min(losses)] * len(losses))
    assert AdaLoss(gamma=1).weights(found).tolist() == pytest.approx([1] * len(losses))
    assert AdaLoss().weights(found).max().item() == pytest.approx(1)


def test_adaloss_follows_the_mean_and_not_one_step() -> None:
    """A single odd step moves the weights a tenth of the way at momentum 0.9."""
    steady = AdaLoss(gamma=0)
    for _ in range(200):
        steady.weights(torch.tensor([2.0, 1.0]))
    after = steady.weights(torch.tensor([12.0, 1.0]))
    assert after.tolist() == pytest.approx([1 / 3, 1])


def test_adaloss_goes_on_from_its_state() -> None:
    """Stopped and resumed it weighs as if it had not been."""
    whole, first, second = AdaLoss(), AdaLoss(), AdaLoss()
    losses = torch.tensor([[3.0, 1.0], [1.0, 2.0], [2.0, 2.0]])
    expected = [whole.weights(each).tolist() for each in losses]
    found = [first.weights(losses[0]).tolist()]
    second.load(first.state())
    found += [second.weights(each).tolist() for each in losses[1:]]
    assert found == expected


def test_an_unknown_scheme_is_refused() -> None:
    """With the names there are."""
    with pytest.raises(ValueError, match="no loss scheme 'best': there are given, const"):
        scheme("best", GIVEN)


def test_exit_dropout_takes_turns() -> None:
    """The last exit at every step and one early exit beside it, each as often as the others."""
    made = ExitDropout(4)
    found = torch.stack([made.weights(torch.rand(4)) for _ in range(6)])
    assert found[:3].tolist() == [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]]
    assert found.sum(0).tolist() == [2, 2, 2, 6]
    assert ExitDropout(1).weights(torch.rand(1)).tolist() == [1]


def test_exit_dropout_goes_on_whose_turn_it_is() -> None:
    """Stopped and resumed; an empty state begins anew."""
    first, second = scheme("exit-dropout", GIVEN), scheme("exit-dropout", GIVEN)
    first.weights(torch.rand(4))
    second.load(first.state())
    assert second.weights(torch.rand(4)).tolist() == [0, 1, 0, 1]
    second.load({})
    assert second.weights(torch.rand(4)).tolist() == [1, 0, 0, 1]
