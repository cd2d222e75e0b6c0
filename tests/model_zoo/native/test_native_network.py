"""The network on kernels answers as the one in torch, wherever masks and batches fall."""

import copy
import dataclasses
import itertools
from collections.abc import Sequence
from typing import cast

import pytest
import torch
from tests.model_zoo.native.literal import Literal
from torch import Tensor

from interim.model_zoo.anytime import AnytimeModel, Prediction, State, finish
from interim.model_zoo.confidence import MaxProbability, Seen
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.mask_choice import mask_choice
from interim.model_zoo.mask_rules import Doubt, Share, choose
from interim.model_zoo.native.kernels import Kernels
from interim.model_zoo.native.network import NativeHrnet
from interim.model_zoo.native.operations import Operations
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.prepare import prepare
from interim.model_zoo.registry import build


@pytest.fixture(scope="module", params=["hold", pytest.param("rbf", marks=pytest.mark.slow)])
def fill(request: pytest.FixtureRequest) -> str:
    """The networks of this file hold, and interpolate."""
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def made(half: AnytimeHrnet, kernels: Kernels) -> NativeHrnet:
    """The network on kernels in float32, masked."""
    return NativeHrnet(half, Operations(kernels, torch.float32), masking=True)


@pytest.fixture
def native(made: NativeHrnet) -> NativeHrnet:
    """The same; what is set on it stays in one test."""
    return copy.copy(made)


def literally(network: AnytimeHrnet) -> NativeHrnet:
    """The network on operations in torch."""
    operations = cast("Operations", Literal(torch.float64))  # has all that the network asks of one
    return NativeHrnet(network, operations, masking=network.masking)


@torch.inference_mode()
def states(model: AnytimeModel, images: Tensor) -> list[State]:
    """The state after every exit."""
    found = [model.start(images)]
    for exit_ in range(1, len(model.spec.exits) + 1):
        found.append(finish(model.stage(exit_, found[-1])))
    return found[1:]


def predictions(model: AnytimeModel, images: Tensor) -> list[Prediction]:
    return [state.prediction for state in states(model, images) if state.prediction is not None]


def assert_same(one: State, other: State, fill: str) -> None:
    """Two states are the same bit for bit; of maps, what their memory holds where all of it is written."""
    assert one.prediction is not None
    assert other.prediction is not None
    pairs = [
        *(zip(one.maps, other.maps, strict=True) if fill == "hold" else ()),
        (one.prediction.logits, other.prediction.logits),
        (one.prediction.confidence, other.prediction.confidence),
        (one.prediction.active, other.prediction.active),
    ]
    for a, b in pairs:
        assert torch.equal(a, b)


def close(found: Sequence[Prediction], expected: Sequence[Prediction], tolerance: float) -> None:
    for a, b in zip(found, expected, strict=True):
        scale = b.logits.abs().max().item()
        torch.testing.assert_close(a.logits.to(b.logits.dtype), b.logits, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize(
    "name",
    [
        "hrnet-w18s-adpc",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("hrnet-w18s", "hrnet-w18s-ee", "hrnet-w32-pose-adpc")
        ),
    ],
)
def test_every_network_is_put_together_as_in_torch(name: str, images: Tensor) -> None:
    """With operations in float64 and poison in every map, all networks give torch's numbers."""
    torch.manual_seed(0)
    network = build(name, classes=5).double().eval()
    network.masking = False
    found = predictions(literally(network), images[:1])
    close(found, predictions(network, images[:1]), 1e-9)


def test_masked_positions_are_never_computed_nor_read_before_they_are(
    network: AnytimeHrnet, images: Tensor, fill: str
) -> None:
    """Under masks, with poison wherever nothing was written, the numbers are torch's, and so are streams that hold."""
    literal = literally(network)
    expected, found = states(network, images), states(literal, images)
    active = []
    for a, b in zip(found, expected, strict=True):
        assert a.prediction is not None
        assert b.prediction is not None
        assert torch.equal(a.prediction.active, b.prediction.active)
        close([a.prediction], [b.prediction], 1e-9)
        for x, y in zip(a.maps, b.maps, strict=True) if fill == "hold" else ():
            torch.testing.assert_close(x, y, rtol=0, atol=1e-9 * y.abs().max().item())
        active.append(a.prediction.active.float().mean().item())
    assert 0.1 < active[1] < active[0] < 0.6


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("share=0.5/0.3", marks=pytest.mark.slow),
        pytest.param("cascade", marks=pytest.mark.slow),
        pytest.param("entropy=0.5", marks=pytest.mark.slow),
    ],
)
def test_masking_rules_are_followed_as_in_torch(
    half: AnytimeHrnet, images: Tensor, fill: str, text: str
) -> None:
    """Whatever chooses the positions; where nothing is masked, sure positions keep their answers all the same."""
    choice = mask_choice(text)
    network = copy.copy(half)
    if text == "cascade":
        network = build("hrnet-w18s-adpc", classes=5, fill="whole").double().eval()
        network.load_state_dict(half.state_dict(), strict=fill == "hold")
        network.spec = half.spec
    choose(network, choice)
    for a, b in zip(predictions(literally(network), images), predictions(network, images), strict=True):
        assert torch.equal(a.active, b.active)
        close([a], [b], 1e-9)
    assert 0 < b.active.double().mean() < 0.6


def test_kernels_measure_confidence_for_every_rule(kernels: Kernels) -> None:
    """Bit for bit as for the rule that they know, and the rule's own positions."""
    logits = torch.randn(2, 5, 8, 12, generator=torch.Generator().manual_seed(0))
    rule, plain = Share(MaxProbability(), Doubt(), (0.25,)), MaxProbability()
    operations = Operations(kernels, torch.float32)
    before = torch.rand(2, 8, 12, generator=torch.Generator().manual_seed(1)) < 0.8
    confidence, active = operations.surety(logits, rule, 0.5, before, exit_=2)
    known, _ = operations.surety(logits, plain, 0.5, before, exit_=2)
    assert torch.equal(confidence, known)
    seen = Seen(logits=logits, confidence=confidence, exit_=2, before=before)
    assert torch.equal(active, rule.active(seen, 0.5))
    assert active.sum() == 2 * 24


@pytest.mark.parametrize("masking", [True, False])
def test_kernels_agree_with_the_literal_network(
    network: AnytimeHrnet, native: NativeHrnet, images: Tensor, masking: bool
) -> None:
    """In float32 every exit has the same labels on 99.9 % of the positions, given the same masks."""
    network.masking = native.masking = masking
    expected = states(network, images)
    with torch.inference_mode():
        state = native.start(images)
        for exit_, wanted in enumerate(expected, 1):
            state = finish(native.stage(exit_, state))
            assert state.prediction is not None
            assert wanted.prediction is not None
            same = state.prediction.logits.argmax(1) == wanted.prediction.logits.argmax(1)
            assert same.float().mean() >= 0.999
            assert (state.prediction.active == wanted.prediction.active).float().mean() >= 0.999
            injected = dataclasses.replace(state.prediction, active=wanted.prediction.active)
            state = dataclasses.replace(state, prediction=injected)


def test_bfloat16_is_as_close_as_torch_in_bfloat16(
    network: AnytimeHrnet, images: Tensor, kernels: Kernels
) -> None:
    """Against float64, errors of every exit are not larger than those of the prepared network."""
    if "bfloat16" not in kernels.dtypes:
        pytest.skip(f"the {kernels.path} kernels have no bfloat16")
    network.masking = False
    native = NativeHrnet(network, Operations(kernels, torch.bfloat16), masking=False)
    rough = prepare(network, dtype=torch.bfloat16)
    for exact, ours, theirs in zip(
        *(predictions(model, images) for model in (network, native, rough)), strict=True
    ):
        mine, other = ((p.logits.double() - exact.logits).norm() for p in (ours, theirs))
        assert mine <= 1.2 * other


def test_a_full_mask_is_the_dense_network(native: NativeHrnet, images: Tensor) -> None:
    """With a threshold that nothing exceeds, masks change no bit."""
    native.spec = dataclasses.replace(native.spec, threshold=1.0)
    masked = predictions(native, images)
    native.masking = False
    for a, b in zip(masked, predictions(native, images), strict=True):
        assert torch.equal(a.logits, b.logits)


def test_an_empty_mask_is_the_exit_before(native: NativeHrnet, images: Tensor) -> None:
    """Where everything is sure after exit 1, all later exits repeat it bit for bit."""
    native.spec = dataclasses.replace(native.spec, threshold=0.0)
    first, *later = predictions(native, images)
    for p in later:
        assert torch.equal(p.logits, first.logits)
        assert torch.equal(p.confidence, first.confidence)
        assert not p.active.any()


def test_sure_pixels_keep_their_logits(native: NativeHrnet, images: Tensor) -> None:
    """Masks are nested, and what an exit leaves alone keeps its bits."""
    for before, after in itertools.pairwise(predictions(native, images)):
        assert not (after.active & ~before.active).any()
        kept = ~before.active.unsqueeze(1).expand_as(before.logits)
        assert torch.equal(after.logits[kept], before.logits[kept])
        assert not torch.equal(after.logits[~kept], before.logits[~kept])


def test_a_batch_is_its_images_bit_for_bit(native: NativeHrnet, images: Tensor, fill: str) -> None:
    """Together, apart, or joined after an exit: nobody notices the others."""
    batch = states(native, images)
    singles = [states(native, image) for image in torch.split(images, 1)]
    for index, state in enumerate(batch):
        for row, single in zip(state.split(), singles, strict=True):
            assert_same(row, single[index], fill)
    with torch.inference_mode():
        together = finish(native.stage(3, State.join([run[1] for run in singles])))
    for row, single in zip(together.split(), singles, strict=True):
        assert_same(row, single[2], fill)


def test_threads_share_the_work_bit_for_bit(
    native: NativeHrnet, half: AnytimeHrnet, kernels: Kernels, images: Tensor, fill: str
) -> None:
    """Two threads give what one gives."""
    two = NativeHrnet(half, Operations(kernels, torch.float32, threads=2), masking=True)
    for one, other in zip(states(native, images[:1]), states(two, images[:1]), strict=True):
        assert_same(one, other, fill)


def test_a_stage_can_be_given_up_and_leaves_its_state_as_it_was(
    native: NativeHrnet, images: Tensor, fill: str
) -> None:
    """Whenever it ends, what it started from is whole, and the next run of it is none the wiser."""
    before = states(native, images)
    for exit_, state in enumerate(before[:-1], 2):
        untouched = [part.clone() for part in state.maps]
        with torch.inference_mode():
            for slices in (1, 5, 40):
                for _ in itertools.islice(native.stage(exit_, state), slices):
                    pass
            assert_same(finish(native.stage(exit_, state)), before[exit_ - 1], fill)
        assert all(torch.equal(a, b) for a, b in zip(state.maps, untouched, strict=True))


def test_nothing_is_allocated_after_the_first_requests(native: NativeHrnet, images: Tensor) -> None:
    """Given up or not, a request's maps serve the next one."""
    states(native, images[:1])
    made = native.operations.pool.made
    for image in torch.split(images, 1):
        states(native, image)
        with torch.inference_mode():
            next(native.stage(1, native.start(image)))
    assert native.operations.pool.made == made


def test_old_memory_does_not_show(native: NativeHrnet, images: Tensor) -> None:
    """Maps that were poisoned inside before they were lent give the same bits."""
    clean = [(p.logits.clone(), p.active.clone()) for p in predictions(native, images)]
    native.poison(torch.nan)
    for (logits, active), p in zip(clean, predictions(native, images), strict=True):
        assert torch.equal(p.logits, logits)
        assert torch.equal(p.active, active)


def test_memory_is_good_in_and_out_of_inference_mode(native: NativeHrnet, images: Tensor, fill: str) -> None:
    """What one request ran in, the next one need not."""
    inside = states(native, images[:1])
    state = native.start(images[:1])
    for exit_, expected in enumerate(inside, 1):
        state = finish(native.stage(exit_, state))
        assert_same(state, expected, fill)


def test_images_that_do_not_fit_are_refused(native: NativeHrnet) -> None:
    """In the words of the network in torch."""
    with pytest.raises(BadInputError, match="60x64 images do not fit"):
        native.start(torch.zeros(1, 3, 60, 64, dtype=torch.uint8))
