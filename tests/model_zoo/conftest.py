"""One small network with believable normalisation statistics, and pictures to show it."""

import copy
import dataclasses
import functools

import pytest
import torch
from torch import Tensor

from interim.model_zoo.anytime import finish
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.registry import build


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Test processes run side by side; one thread each."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def images() -> Tensor:
    """Three smooth pictures (3, 3, 64, 96) uint8."""
    return _images()


@functools.cache
def _images() -> Tensor:
    coarse = torch.rand(3, 3, 4, 6, generator=torch.Generator().manual_seed(1))
    return (torch.nn.functional.interpolate(coarse, (64, 96), mode="bicubic").clamp(0, 1) * 255).byte()


@pytest.fixture(scope="module")  # not longer: pytest would take one file's network for another's
def fill() -> str:
    """What the network has at masked positions; a module that wants another overrides this."""
    return "rbf"


@pytest.fixture(scope="module")
def settled(fill: str) -> AnytimeHrnet:
    """`hrnet-w18s-adpc` in float64 whose statistics, scales and λ are not those of the start."""
    return _settled(fill)


@functools.cache
def _settled(fill: str) -> AnytimeHrnet:
    torch.manual_seed(0)
    model = build("hrnet-w18s-adpc", classes=5, fill=fill)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("sharpness"):
                parameter.uniform_(0.3, 2)
            elif parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) / 10)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # the average over all batches so far
        model.train()(_images())
    return model.double().eval()


@pytest.fixture(scope="module")
def half(settled: AnytimeHrnet, images: Tensor) -> AnytimeHrnet:
    """The network with a threshold that leaves about half of the positions active after exit 1."""
    with torch.inference_mode():
        prediction = finish(settled.stage(1, settled.start(images))).prediction
    assert prediction is not None
    model = copy.copy(settled)
    threshold = prediction.confidence.median().item() + 1e-5  # no position's own
    model.spec = dataclasses.replace(settled.spec, threshold=threshold)
    return model


@pytest.fixture
def network(half: AnytimeHrnet) -> AnytimeHrnet:
    """The same, its weights too; `spec` and `masking` set on it stay in one test."""
    return copy.copy(half)
