"""What an anytime HRNet promises, stage by stage."""

import copy
import dataclasses
import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from interim.model_zoo.anytime import Prediction, Slices, State, finish
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.masked.conv import MergedConv
from interim.model_zoo.networks.hrnet import heads
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.registry import build


@pytest.fixture(scope="module", params=["rbf", "hold"])
def fill(request: pytest.FixtureRequest) -> str:
    """Every promise holds for both."""
    chosen: str = request.param
    return chosen


@torch.inference_mode()
def states(model: AnytimeHrnet, images: Tensor) -> list[State]:
    """The state before stage 1 and after every stage."""
    found = [model.start(images)]
    for exit_ in range(1, len(model.spec.exits) + 1):
        found.append(finish(model.stage(exit_, found[-1])))
    return found


def told(states: list[State]) -> list[Prediction]:
    return [state.prediction for state in states if state.prediction is not None]


def predictions(model: AnytimeHrnet, images: Tensor) -> list[Prediction]:
    return told(states(model, images))


@pytest.fixture(scope="module")
def run(half: AnytimeHrnet, images: Tensor) -> list[State]:
    """The states of `network` as it comes; nobody changes them."""
    return states(half, images)


@pytest.fixture(scope="module")
def apart(half: AnytimeHrnet, images: Tensor) -> list[list[State]]:
    """The same of each image for itself."""
    return [states(half, image) for image in torch.split(images, 1)]


def parts(state: State) -> list[Tensor]:
    """Every tensor of a state."""
    p = state.prediction
    return [*state.maps, *((p.logits, p.confidence, p.active) if p else ())]


def counted(slices: Slices) -> tuple[int, State]:
    """Run a stage to its end; how often it yielded, and the state it came to."""
    yields = 0
    while True:
        try:
            next(slices)
        except StopIteration as end:
            return yields, end.value
        yields += 1


def assert_same(one: State, other: State) -> None:
    assert one.exit == other.exit
    for a, b in zip(parts(one), parts(other), strict=True):
        assert torch.equal(a, b)


def test_every_exit_answers_for_every_position_at_a_quarter(run: list[State]) -> None:
    """Logits, confidence and activity have the shapes and types that the interface names."""
    for p in told(run):
        assert p.logits.shape == (3, 5, 16, 24)
        assert (p.confidence.shape, p.confidence.dtype) == ((3, 16, 24), torch.float32)
        assert (p.active.shape, p.active.dtype) == ((3, 16, 24), torch.bool)
        torch.testing.assert_close(p.confidence, p.logits.float().softmax(1).amax(1))


def test_masks_are_nested_and_sure_pixels_keep_their_logits(run: list[State]) -> None:
    """What an exit leaves alone stays alone, with the logits it had."""
    found = told(run)
    assert 0.4 < found[0].active.float().mean() < 0.6
    for before, after in itertools.pairwise(found):
        assert not (after.active & ~before.active).any()
        kept = ~before.active.unsqueeze(1).expand_as(before.logits)
        assert torch.equal(after.logits[kept], before.logits[kept])
        assert not torch.equal(after.logits[~kept], before.logits[~kept])


def test_a_full_mask_is_the_dense_network(network: AnytimeHrnet, images: Tensor) -> None:
    """With a threshold that nothing exceeds, confidence adaptivity changes no bit."""
    network.spec = dataclasses.replace(network.spec, threshold=1.0)
    masked = predictions(network, images)
    network.masking = False
    for a, b in zip(masked, predictions(network, images), strict=True):
        assert torch.equal(a.logits, b.logits)


def test_an_empty_mask_is_the_exit_before(network: AnytimeHrnet, images: Tensor) -> None:
    """Where everything is sure after exit 1, all later exits repeat it bit for bit."""
    network.spec = dataclasses.replace(network.spec, threshold=0.0)
    first, *later = predictions(network, images)
    assert not first.active.any()
    for p in later:
        assert torch.equal(p.logits, first.logits)
        assert torch.equal(p.confidence, first.confidence)


def test_a_batch_of_three_is_three_singles(run: list[State], apart: list[list[State]]) -> None:
    """Each image of a batch runs under its own masks."""
    batch = told(run)
    shares = batch[0].active.float().mean((1, 2))
    assert len(set(shares.tolist())) == 3
    for index, single in enumerate(map(told, apart)):
        for one, row in zip(single, batch, strict=True):
            torch.testing.assert_close(one.logits[0], row.logits[index], rtol=1e-9, atol=1e-9)
            assert torch.equal(one.active[0], row.active[index])


def test_states_split_and_join_without_loss(run: list[State]) -> None:
    """A batch that is split and joined again is the same batch, before and after every stage."""
    for state in run:
        rows = state.split()
        assert [row.maps[0].shape[0] for row in rows] == [1, 1, 1]
        assert_same(State.join(rows), state)
        assert_same(State.join(rows[:1]), rows[0])


def test_requests_may_join_after_an_exit(network: AnytimeHrnet, apart: list[list[State]]) -> None:
    """Requests that ran apart go on together, each as if it were alone."""
    with torch.inference_mode():
        together = finish(network.stage(3, State.join([single[2] for single in apart])))
    for single, row in zip(apart, together.split(), strict=True):
        for alone, joined in zip(parts(single[3]), parts(row), strict=True):
            torch.testing.assert_close(alone, joined, rtol=1e-9, atol=1e-9)


def test_a_stage_can_be_given_up_and_leaves_its_state_as_it_was(
    network: AnytimeHrnet, run: list[State]
) -> None:
    """A stage yields often, and nothing it does shows in the state it started from."""
    for exit_, state in enumerate(run[:-1], 1):
        untouched = copy.deepcopy(parts(state))
        with torch.inference_mode():
            slices = network.stage(exit_, state)
            for _ in range(4):
                next(slices)
            slices.close()
            again = finish(network.stage(exit_, state))
        assert_same(again, run[exit_])
        assert all(torch.equal(a, b) for a, b in zip(parts(state), untouched, strict=True))


@torch.inference_mode()
def test_a_stage_yields_between_blocks(network: AnytimeHrnet, images: Tensor) -> None:
    """More often than there are residual blocks, in every stage."""
    state = network.start(images[:1])
    for exit_ in (1, 2, 3, 4):
        blocks = sum(
            type(part).__name__ in {"BasicBlock", "Bottleneck"}
            for part in network.sections[exit_ - 1].modules()
        )
        yields, state = counted(network.stage(exit_, state))
        assert yields > blocks


def literal_merge(self: MergedConv, maps: tuple[Tensor, ...], masks: object) -> Tensor:
    size = [self.scale * side for side in maps[0].shape[-2:]]
    enlarged = [F.interpolate(x, size, mode="bilinear", align_corners=False) for x in maps]
    filled: Tensor = self.fill(F.conv2d(torch.cat(enlarged, 1), self.weight, self.bias), masks)
    return filled


def literal_pool(maps: tuple[Tensor, ...]) -> Tensor:
    size = maps[0].shape[-2:]
    return F.avg_pool2d(
        torch.cat([F.interpolate(x, size, mode="bilinear", align_corners=False) for x in maps], 1), 2
    )


@pytest.mark.parametrize("masking", [True, False])
def test_the_shortcuts_give_the_literal_numbers(
    network: AnytimeHrnet, images: Tensor, masking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Convolving before enlarging, and pooling without the fine map, are exact in float64."""
    network.masking = masking
    images = images[1:]
    short = predictions(network, images)
    monkeypatch.setattr(MergedConv, "forward", literal_merge)
    monkeypatch.setattr(heads, "pooled", literal_pool)
    for a, b in zip(short, predictions(network, images), strict=True):
        torch.testing.assert_close(a.logits, b.logits, rtol=1e-9, atol=1e-9)
        assert torch.equal(a.active, b.active)


@pytest.mark.parametrize(
    "name", ["hrnet-w18s-adpc", pytest.param("hrnet-w32-pose-adpc", marks=pytest.mark.slow)]
)
def test_gradients_of_all_exits_reach_every_part(name: str, fill: str) -> None:
    """Training sees every parameter, λ included, through masks and carry-over."""
    torch.manual_seed(0)
    model = build(name, fill=fill).train()
    model.spec = dataclasses.replace(model.spec, threshold=0.07 if "pose" not in name else 0.5)
    logits = model(torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8))
    torch.autograd.backward([exit_.square().mean() for exit_ in logits])
    assert [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()
    ] == []


def test_training_takes_bytes_or_what_start_makes_of_them(network: AnytimeHrnet, images: Tensor) -> None:
    """`forward` gives the same logits for an image and for its normalised form."""
    images = images[:1]
    with torch.inference_mode():
        for a, b in zip(network(images), network(network.start(images).maps[0]), strict=True):
            assert torch.equal(a, b)


def test_an_image_is_normalised_as_imagenet_is(network: AnytimeHrnet) -> None:
    """A white pixel becomes (1 - mean) / std in each channel."""
    white = network.start(torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)).maps[0]
    expected = torch.tensor(
        [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225], dtype=torch.float64
    )
    torch.testing.assert_close(white[0, :, 7, 7], expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    "shape", [(1, 3, 60, 64), (1, 3, 64, 33), (1, 1, 64, 64), (3, 64, 64), (0, 3, 64, 64), (1, 3, 0, 64)]
)
def test_images_that_do_not_fit_are_refused(network: AnytimeHrnet, shape: tuple[int, ...]) -> None:
    """One sentence names the shape and the rule."""
    with pytest.raises(BadInputError, match="do not fit"):
        network.start(torch.zeros(shape, dtype=torch.uint8))


def test_pose_leaves_the_background_alone(images: Tensor) -> None:
    """Pixels whose heat is below the threshold are not refined; heat is the confidence."""
    torch.manual_seed(0)
    model = build("hrnet-w32-pose-adpc").eval()
    first = predictions(model, images[:1])[0]
    assert first.logits.shape == (1, 16, 16, 24)
    assert torch.equal(first.active, first.logits.amax(1) >= 0.002)
    assert torch.equal(first.confidence, first.logits.amax(1).clamp(0, 1))
