"""A prepared network answers as the one it was made from."""

import pytest
import torch
from torch import Tensor, nn

from interim.model_zoo.anytime import Prediction, finish
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.prepare import prepare
from interim.model_zoo.registry import build


@pytest.fixture(scope="module", params=["rbf", "hold"])
def fill(request: pytest.FixtureRequest) -> str:
    """Every promise holds for both."""
    chosen: str = request.param
    return chosen


@torch.inference_mode()
def predictions(model: AnytimeHrnet, images: Tensor) -> list[Prediction]:
    state, found = model.start(images), []
    for exit_ in range(1, len(model.spec.exits) + 1):
        state = finish(model.stage(exit_, state))
        assert state.prediction is not None
        found.append(state.prediction)
    return found


@pytest.mark.parametrize("masking", [True, False])
def test_folding_is_exact(network: AnytimeHrnet, images: Tensor, masking: bool) -> None:
    """In float64 a prepared network gives the same logits, with masks and without."""
    images = images[:1]
    served = prepare(network, dtype=torch.float64, masking=masking)
    network.masking = masking
    for a, b in zip(predictions(network, images), predictions(served, images), strict=True):
        torch.testing.assert_close(b.logits, a.logits, rtol=1e-9, atol=1e-9)
        assert torch.equal(a.active, b.active)


def test_no_normalisation_is_left(network: AnytimeHrnet) -> None:
    """Every batch normalisation is folded, and the original keeps all of its own."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    served = prepare(network)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in served.modules())
    assert not any(p.requires_grad for p in served.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("masking", [True, False])
def test_bfloat16_stays_close(network: AnytimeHrnet, images: Tensor, masking: bool) -> None:
    """The stem agrees to bfloat16's precision, exit 1 in its labels; confidence is float32 all the way."""
    images = images[:2]
    served = prepare(network, dtype=torch.bfloat16, masking=masking)
    with torch.inference_mode():
        exact, rough = (
            model.get_submodule("sections.0.stages.0.stem")(model.start(images).maps[0])
            for model in (network, served)
        )
    assert (rough - exact).norm() / exact.norm() < 1e-2
    first, rough = predictions(network, images)[0], predictions(served, images)
    assert (first.logits.argmax(1) == rough[0].logits.argmax(1)).float().mean() > 0.95
    for p in rough:
        assert p.logits.dtype == torch.bfloat16
        assert p.confidence.dtype == torch.float32
        assert p.logits.isfinite().all()
    if masking:
        assert not (rough[2].active & ~rough[1].active).any()


def test_a_network_without_masks_cannot_be_served_with_them() -> None:
    """The refusal names the network and the way out."""
    with pytest.raises(BadInputError, match="hrnet-w18s-ee has no masked convolutions"):
        prepare(build("hrnet-w18s-ee"), masking=True)
