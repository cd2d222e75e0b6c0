"""Averaged weights have statistics of their own."""

import dataclasses

import pytest
import torch

from interim.model_zoo.masked.conv import ConvNorm
from interim.model_zoo.masked.masks import DENSE
from interim.model_zoo.registry import build
from interim.training.averaging import Average


@pytest.mark.slow
def test_settled_statistics_are_those_of_the_batches() -> None:
    """Their mean over the batches, all positions computed; nothing else about the average changes."""
    torch.manual_seed(0)
    average = Average(build("hrnet-w18s-adpc", classes=3, fill="hold"))
    first = average.module.get_submodule("sections.0.stages.0.stem.first")
    assert isinstance(first, ConvNorm)
    norm = first.norm
    assert isinstance(norm, torch.nn.BatchNorm2d)
    before = {name: value.clone() for name, value in average.module.state_dict().items()}
    batches = [torch.randint(0, high, (2, 3, 64, 64), dtype=torch.uint8) for high in (100, 256)]
    average.settle(batches)
    with torch.inference_mode():
        inputs = [average.module.start(images).maps[0] for images in batches]
        maps = [first.conv(x, DENSE) for x in inputs]
    expected = torch.stack([x.mean((0, 2, 3)) for x in maps]).mean(0)
    torch.testing.assert_close(norm.running_mean, expected, rtol=1e-4, atol=1e-5)
    assert average.module.masking
    assert not any(part.training for part in average.module.modules())
    assert norm.momentum == 0.01
    weights = [name for name in before if "running" not in name and "batches" not in name]
    after = average.module.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in weights)


@pytest.mark.slow
def test_statistics_may_be_settled_as_they_are_served() -> None:
    """With sure positions filled in: other ones than with all computed, and masking stays as it was."""
    torch.manual_seed(0)
    network = build("hrnet-w18s-adpc", classes=3)
    network.spec = dataclasses.replace(network.spec, threshold=0.0)  # every position is sure
    images = [torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)]
    found = []
    for masked in (False, True):
        average = Average(network)
        average.settle(images, masked=masked)
        assert average.module.masking
        found.append(average.module.state_dict())
    first, last = (
        "sections.0.stages.0.stem.first.norm.running_var",
        [name for name in found[0] if name.startswith("sections.3.") and name.endswith("running_var")],
    )
    assert torch.equal(found[0][first], found[1][first])
    assert any(not torch.equal(found[0][name], found[1][name]) for name in last)
