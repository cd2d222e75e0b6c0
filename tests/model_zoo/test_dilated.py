"""The figures of the MESS paper that can be counted (GFLOPs at 512x512, 21 classes; tables 2 and 7)."""

import functools

import pytest
import torch
from torch import nn

from interim.model_zoo.layer_counting import layer_costs
from interim.model_zoo.networks.dilated import (
    Backbone,
    DeepLabHead,
    FcnHead,
    MessExit,
    mobilenet_v2_dilated,
    resnet50_dilated,
)

IMAGE = (3, 512, 512)
MIDDLE = (1024, 64, 64)
PRINTED = 0.0125
"""Figures have two digits, some cut off instead of rounded, and those of exits lack 0.01: the classifier's share."""


@functools.cache
def resnet() -> Backbone:
    with torch.device("meta"):
        return resnet50_dilated().eval()


@pytest.mark.slow
def test_the_backbones_cost_what_the_paper_says() -> None:
    """DRN-50, DeepLabV3 on the same layers, and MobileNetV2 with an FCN head on its 320 channels."""
    with torch.device("meta"):
        networks = {
            138.63: nn.Sequential(resnet(), FcnHead(2048, 21)),
            163.86: nn.Sequential(resnet(), DeepLabHead(2048, 21)),
            8.78: nn.Sequential(mobilenet_v2_dilated(), FcnHead(320, 21)),
        }
    for printed, network in networks.items():
        assert layer_costs(network, IMAGE).giga == pytest.approx(printed, abs=PRINTED)


@pytest.mark.parametrize(("blocks", "printed"), [(9, 28.34 - 8.01), (13, 39.32 - 0.69)])
def test_the_way_to_an_early_exit_costs_what_the_paper_says(blocks: int, printed: float) -> None:
    """After 9 and after 13 of 16 blocks of DRN-50, without the exit."""
    cut = Backbone(resnet().stem, list(resnet().blocks)[:blocks], resnet().channels[:blocks])
    assert layer_costs(cut, IMAGE).giga == pytest.approx(printed, abs=PRINTED)


@pytest.mark.parametrize(("reduction", "blocks", "printed"), [(2, 3, 8.01), (4, 3, 2.54), (8, 0, 0.69)])
def test_exits_of_the_papers_cost_are_in_its_space(reduction: int, blocks: int, printed: float) -> None:
    """On 1024 channels, with FCN heads: budgeted, input-dependent and anytime."""
    with torch.device("meta"):
        exit_ = MessExit(1024, 21, reduction=reduction, blocks=blocks)
    assert layer_costs(exit_, MIDDLE).giga == pytest.approx(printed, abs=PRINTED)


@pytest.mark.parametrize("widening", [False, True])
@pytest.mark.parametrize("deeplab", [False, True])
def test_every_exit_keeps_the_maps_size(widening: bool, deeplab: bool) -> None:
    """Whatever its parts are."""
    exit_ = MessExit(32, 5, reduction=2, blocks=2, widening=widening, deeplab=deeplab).eval()
    assert exit_(torch.zeros(2, 32, 9, 7)).shape == (2, 5, 9, 7)


@pytest.mark.slow
@pytest.mark.parametrize(("stride", "side"), [(8, 8), (16, 4)])
def test_mobilenet_dilates_instead_of_striding(stride: int, side: int) -> None:
    """17 blocks; dilations double where a stride is left out."""
    with torch.device("meta"):
        network = mobilenet_v2_dilated(stride).eval()
        assert network(torch.empty(1, 3, 64, 64)).shape == (1, 320, side, side)
    assert len(network.blocks) == len(network.channels) == 17
    dilations = {part.dilation for part in network.modules() if isinstance(part, nn.Conv2d)}
    assert dilations == {(2**power, 2**power) for power in range(3 if stride == 8 else 2)}
