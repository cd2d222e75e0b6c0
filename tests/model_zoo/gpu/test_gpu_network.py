"""The network on GPU kernels answers as the one in torch, masked, batched, and again and again."""

import copy
import dataclasses
import itertools

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton", reason="Triton is not installed: install interim[gpu]")

from tests.model_zoo.gpu.small import picture, tiny

from interim.model_zoo.anytime import AnytimeModel, Prediction, State, finish
from interim.model_zoo.gpu.library import Ready, made
from interim.model_zoo.gpu.network import GpuHrnet
from interim.model_zoo.gpu.operations import Operations
from interim.model_zoo.gpu.target import Target
from interim.model_zoo.gpu.trial import fault
from interim.model_zoo.label_map import LabelMap, label_map
from interim.model_zoo.native.kernels import Missing
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["segmentation", "pose"])
def network(request: pytest.FixtureRequest) -> AnytimeHrnet:
    """A tiny network whose threshold leaves some positions active after exit 1."""
    return half(tiny(request.param))


def half(network: AnytimeHrnet) -> AnytimeHrnet:
    with torch.inference_mode():
        prediction = finish(network.stage(1, network.start(picture(1, 32, 64)))).prediction
    assert prediction is not None
    threshold = prediction.confidence.mean().item()  # no position's own
    network.spec = dataclasses.replace(network.spec, threshold=threshold)
    return network


@pytest.fixture(scope="module")
def model(target: Target) -> GpuHrnet:
    """The one for segmentation on kernels in float32, masked."""
    return GpuHrnet(half(tiny("segmentation")), Operations(torch.float32, target), masking=True)


@torch.inference_mode()
def states(model: AnytimeModel, images: Tensor) -> list[State]:
    """The state after every exit."""
    found = [model.start(images)]
    for exit_ in range(1, len(model.spec.exits) + 1):
        found.append(finish(model.stage(exit_, found[-1])))
    return found[1:]


def prediction(state: State) -> Prediction:
    assert state.prediction is not None
    return state.prediction


def assert_same(one: State, other: State, target: Target) -> None:
    """Two states are the same bit for bit; in the interpreter nearly, whose sums depend on a row's neighbours."""
    off = 1e-4 if target.interpreted else 0
    a, b = prediction(one), prediction(other)
    assert torch.equal(a.active, b.active)
    for x, y in [
        *zip(one.maps, other.maps, strict=True),
        (a.logits, b.logits),
        (a.confidence, b.confidence),
    ]:
        torch.testing.assert_close(x, y, rtol=off, atol=off)


def test_it_answers_as_the_network_in_torch(network: AnytimeHrnet, target: Target) -> None:
    """Logits, confidence, masks and maps of every exit, under the masks that come of it; sure pixels keep their bits."""
    images = picture(1, 32, 64)
    ours = GpuHrnet(network, Operations(torch.float32, target), masking=True)
    theirs = copy.deepcopy(network).double()
    found, wanted = states(ours, images.to(target.device)), states(theirs, images)
    for mine, other in zip(found, wanted, strict=True):
        a, b = prediction(mine), prediction(other)
        scale = b.logits.abs().max().item()
        torch.testing.assert_close(a.logits.double().cpu(), b.logits, rtol=0, atol=1e-4 * scale)
        torch.testing.assert_close(a.confidence.cpu(), b.confidence, rtol=0, atol=1e-4)
        assert (a.active.cpu() == b.active).float().mean() >= 0.98
        for x, y in zip(mine.maps, other.maps, strict=True):
            inside = x[:, 1:-1, 1:-1, : y.shape[1]].permute(0, 3, 1, 2).double().cpu()
            torch.testing.assert_close(inside, y, rtol=0, atol=1e-3 * y.abs().max().item())
    for before, after in itertools.pairwise(map(prediction, found)):
        assert not (after.active & ~before.active).any()
        kept = ~before.active.unsqueeze(1).expand_as(before.logits)
        assert torch.equal(after.logits[kept], before.logits[kept])
    assert 0 < prediction(found[0]).active.float().mean() < 1


def test_a_batch_is_its_images_bit_for_bit(model: GpuHrnet, target: Target) -> None:
    """Three run in room for four; joined after an exit, too; and what a state holds stays as it was."""
    images = picture(3, 32, 64).to(target.device)
    batch, single = states(model, images), states(model, images[1:2])
    for state, alone in zip(batch, single, strict=True):
        assert_same(state.split()[1], alone, target)
    with torch.inference_mode():
        together = finish(model.stage(3, State.join([single[1], batch[1].split()[2]])))
    assert_same(together.split()[0], single[2], target)
    assert_same(together.split()[1], batch[2].split()[2], target)


@torch.inference_mode()
def test_full_and_empty_masks(model: GpuHrnet, target: Target) -> None:
    """Where nothing is sure masks change no bit of any logits; where all is, the exit before stands."""
    first = finish(model.stage(1, model.start(picture(1, 32, 64).to(target.device))))
    before = prediction(first)

    def second(active: Tensor, *, masking: bool = True) -> Prediction:
        model.masking = masking
        injected = dataclasses.replace(before, active=active)
        after = prediction(finish(model.stage(2, dataclasses.replace(first, prediction=injected))))
        model.masking = True
        return after

    everything = torch.ones_like(before.active)
    assert torch.equal(second(everything).logits, second(everything, masking=False).logits)
    nothing = second(~everything)
    assert torch.equal(nothing.logits, before.logits)
    assert torch.equal(nothing.confidence, before.confidence)
    assert not nothing.active.any()


@torch.inference_mode()
def test_stages_do_not_run_across_each_other(model: GpuHrnet, target: Target) -> None:
    """They share memory; one that was given up does no harm."""
    images = picture(1, 32, 64).to(target.device)
    before = finish(model.stage(1, model.start(images)))
    first, second = (model.stage(1, model.start(images)) for _ in range(2))
    next(first)
    assert_same(finish(second), before, target)
    with pytest.raises(RuntimeError, match="one runs at a time"):
        finish(first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_trial_passes_here(dtype: torch.dtype, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is run before a model is served."""
    if target.interpreted:
        monkeypatch.setattr("interim.model_zoo.gpu.trial.ROUNDS", 1)
    network = tiny("segmentation")
    assert isinstance(made(network, dtype=dtype, masking=True, target=target, path="here"), Ready)


def test_the_trial_finds_a_wrong_network(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other weights, or labels of something else; the exit is named."""
    network, other = tiny("segmentation"), tiny("segmentation")
    with torch.no_grad():
        for parameter in other.sections[1].parameters():
            parameter.mul_(1.5)

    def trial(model: AnytimeHrnet, labels: LabelMap) -> str | None:
        return fault(network, model, labels, dtype=torch.float32, device=torch.device("cpu"))

    assert trial(network, label_map) is None
    found = trial(other, label_map)
    assert found
    assert found.startswith("exit 2 is off by")
    assert (
        trial(network, lambda logits, size, *, stride=4: label_map(-logits, size, stride=stride))
        == "label maps"
    )
    monkeypatch.setattr("interim.model_zoo.gpu.trial.fault", lambda *_, **__: "exit 3 is off by 9.0%")
    refused = made(other, dtype=torch.float32, masking=True, target=target, path="sm90")
    assert refused == Missing("the GPU kernels fail their test on sm90 (exit 3 is off by 9.0%)")
