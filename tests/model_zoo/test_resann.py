"""ResANN: an exit after every unit."""

import pytest
import torch
from torch import nn

from interim.model_zoo.layer_counting import layer_costs
from interim.model_zoo.networks.resann import ResAnn


def test_every_unit_has_an_exit() -> None:
    """Three blocks of n units; channels double and the size halves from block to block."""
    network = ResAnn(2, 4, 5).eval()
    logits = network(torch.zeros(3, 3, 32, 32))
    assert [each.shape for each in logits] == [(3, 5)] * 6
    assert [part.in_features for part in network.modules() if isinstance(part, nn.Linear)] == [
        4,
        4,
        8,
        8,
        16,
        16,
    ]


def test_a_network_may_end_early() -> None:
    """It is the beginning of the whole one."""
    torch.manual_seed(1)
    whole, part = ResAnn(2, 4, 5).eval(), ResAnn(2, 4, 5, depth=3).eval()
    part.load_state_dict({name: whole.state_dict()[name] for name in part.state_dict()})
    images = torch.randn(2, 3, 32, 32)
    assert all(torch.equal(a, b) for a, b in zip(part(images), whole(images), strict=False))
    assert len(part(images)) == 3


def test_units_cost_about_the_same() -> None:
    """Counted by hand: two 3x3 convolutions of c channels on 32x32, or what has twice the channels on half."""
    with torch.device("meta"):
        costs = [layer_costs(ResAnn(3, 8, 10, depth=depth), (3, 32, 32)).macs for depth in (1, 2, 3)]
    unit = 2 * 9 * 8 * 8 * 32 * 32
    assert costs[0] == 9 * 3 * 8 * 32 * 32 + unit + 8 * 10
    assert costs[2] - costs[1] == pytest.approx(unit, rel=0.001)
