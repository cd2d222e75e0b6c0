"""A larger network begins as the smaller one that it grew from."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from interim.model_zoo.anytime import ClassSpec
from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import Checkpoint
from interim.model_zoo.errors import CheckpointError
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.registry import build
from interim.training.evaluation import run_exits
from interim.training.growing import count_new, fits_inside
from interim.training.starting import start_from

CLASSES = tuple(ClassSpec(name, (9, 9, 9)) for name in ("sky", "road", "car"))
SMALL = "hrnet-w18s-adpc"


def pictures() -> Tensor:
    """Two, of noise."""
    return torch.randint(
        0, 255, (2, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


@pytest.fixture(scope="module")
def small() -> AnytimeHrnet:
    """A network whose normalisations are not those it was born with."""
    torch.manual_seed(3)
    network = build(SMALL, 3, fill="hold").train()
    network.masking = False
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.2, 0.2)
            part.momentum = None
    with torch.no_grad():
        network(pictures())
    return network.eval()


@pytest.fixture
def large(small: AnytimeHrnet) -> AnytimeHrnet:
    """Wider and deeper, grown from the small one."""
    network = build("hrnet-w32-adpc", 3, fill="hold").eval()
    assert start_from(network, checkpoint(small), CLASSES) == ("sky", "road", "car")
    return network


def checkpoint(network: AnytimeHrnet) -> Checkpoint:
    """As it is read from a file."""
    card = Card(name="small", network=network.spec.name, classes=CLASSES, threshold=0.5, fill="hold")
    return Checkpoint(weights=network.state_dict(), card=card)


@pytest.mark.parametrize("masking", [False, True])
def test_it_answers_as_the_small_one_does(small: AnytimeHrnet, large: AnytimeHrnet, masking: bool) -> None:
    """At every exit, with masks that leave some positions out and without."""
    for network in (small, large):
        network.masking = masking
        network.spec = dataclasses.replace(network.spec, threshold=0.5)
    one, other = (run_exits(network, pictures()) for network in (small, large))
    for before, after in zip(one, other, strict=True):
        torch.testing.assert_close(after.logits, before.logits, atol=1e-4, rtol=1e-3)
    assert 0.05 < one[0].active.float().mean() < 0.95


def test_what_is_new_can_learn(large: AnytimeHrnet) -> None:
    """Whatever begins at 0 so that nothing changes has a slope to leave it by."""
    large.masking = False
    torch.stack([logits.square().mean() for logits in large.train()(pictures())]).sum().backward()  # type: ignore[no-untyped-call]
    state = dict(large.named_parameters())
    unit = "sections.2.stages.0.units"
    for new in (f"{unit}.3.branches.1.0.second.norm.weight", f"{unit}.3.fuse.rows.0.2.project.norm.weight"):
        assert (state[new] == 0).all()
        assert slope(state[new]).abs().sum() > 0
    old = state[f"{unit}.0.branches.0.0.first.conv.weight"]
    assert (old[:18, 18:] == 0).all()
    assert (old[18:] != 0).any()
    assert slope(old)[:18, 18:].abs().sum() > 0


def slope(parameter: Tensor) -> Tensor:
    """What the loss changes by with it."""
    assert parameter.grad is not None
    return parameter.grad


def test_statistics_of_what_is_new_are_counted(small: AnytimeHrnet, large: AnytimeHrnet) -> None:
    """New channels are normalised by what images make of them; old ones keep what they had, and the answers stay."""
    with torch.no_grad():
        before = large.eval()(pictures())
        count_new(large, small.state_dict(), [pictures(), pictures()])
        after = large(pictures())
    assert not large.training
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-3)
    state = large.state_dict()
    old = "sections.1.stages.0.units.0.branches.1.0.first.norm"
    assert torch.equal(state[f"{old}.running_var"][:36], small.state_dict()[f"{old}.running_var"])
    seen: list[Tensor] = []
    norm = large.get_submodule(old)
    hook = norm.register_forward_hook(lambda _norm, _given, found: seen.append(found))
    with torch.no_grad():
        large(pictures())
    hook.remove()
    new = seen[0][:, 36:]
    torch.testing.assert_close(new.mean((0, 2, 3)), torch.zeros(28), atol=1e-3, rtol=0)
    torch.testing.assert_close(new.std((0, 2, 3)), torch.ones(28), atol=1e-2, rtol=0)


def test_a_pose_network_grows_from_a_street_scene_model(small: AnytimeHrnet) -> None:
    """The trunk is the small one's; the exits, of another task, begin anew."""
    joints = tuple(ClassSpec(name, (9, 9, 9)) for name in ("head", "neck"))
    network = build("hrnet-w32-pose-adpc", 2, fill="hold")
    assert start_from(network, checkpoint(small), joints) == ()
    state, given = network.state_dict(), small.state_dict()
    for name in (
        "sections.0.stages.0.stem.first.conv.weight",
        "sections.0.stages.0.blocks.1.widen.norm.bias",
    ):
        assert torch.equal(state[name], given[name])
    name = "sections.3.stages.0.units.1.branches.3.1.second.conv.weight"
    assert torch.equal(state[name][:144, :144], given[name])
    assert (state["sections.3.head.classify.weight"] == 0).all()


def test_nothing_shrinks(small: AnytimeHrnet, large: AnytimeHrnet) -> None:
    """A smaller network cannot do what a larger one does."""
    with pytest.raises(
        CheckpointError, match="'small' do not fit hrnet-w18s-adpc: they are of a hrnet-w32-adpc"
    ):
        start_from(build(SMALL, 3, fill="hold"), checkpoint(large), CLASSES)


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        ("hrnet-w18s-adpc", "hrnet-w18-adpc", True),
        ("hrnet-w18s-adpc", "hrnet-w48-adpc", True),
        ("hrnet-w32-adpc", "hrnet-w32-pose-adpc", False),
        ("hrnet-w18s-adpc", "hrnet-w32-pose-adpc", True),
        ("hrnet-w32-adpc", "hrnet-w18-adpc", False),
        ("hrnet-w18s-ee", "hrnet-w32-adpc", False),
        ("mdeq-tiny", "hrnet-w32-adpc", False),
    ],
)
def test_what_fits_inside_what(one: str, other: str, fits: bool) -> None:
    """A network of the same kind of exits that is smaller in something and larger in nothing."""
    assert fits_inside(one, other) is fits
