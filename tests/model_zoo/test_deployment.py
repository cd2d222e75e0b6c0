"""Deployments: chosen exits as a model of their own."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from interim.model_zoo.anytime import ClassSpec, State, finish
from interim.model_zoo.deployment import ExitPlan, Plan, is_deployment, load, read, weights_of, write
from interim.model_zoo.errors import BadInputError, CheckpointError
from interim.model_zoo.image_confidence import Rule
from interim.model_zoo.networks.staged import StagedExits, normalised

CLASSES = tuple(ClassSpec(name, (9, 9, index)) for index, name in enumerate("abc"))
ALL = Plan(
    name="all",
    layers=((4, 2, 1, 1), (8, 2, 2, 1)),
    stem=4,
    classes=CLASSES,
    exits=(
        ExitPlan(name="cheap", block=2, reduction=2),
        ExitPlan(name="good", block=2, blocks=1, widening=True),
        ExitPlan(name="late", block=3),
        ExitPlan(name="last", block=4),
    ),
)
IMAGES = torch.randint(0, 256, (2, 3, 32, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def weights() -> dict[str, torch.Tensor]:
    """Of all exits, at random."""
    torch.manual_seed(7)
    return ALL.network().state_dict()


def served(folder: Path, names: str, *rules: Rule) -> StagedExits:
    """A deployment of these exits, as a server loads it."""
    named = {each.name: each for each in ALL.exits}
    plan = ALL.only([named[name] for name in names.split()], rules, name="few")
    write(folder, plan, weights_of(plan, ALL, weights()))
    return load(folder)


def states(model: StagedExits) -> list[State]:
    """After every exit."""
    found, state = [], model.start(IMAGES)
    for exit_ in range(1, len(model.spec.exits) + 1):
        state = finish(model.stage(exit_, state))
        found.append(state)
    return found


def test_chosen_exits_answer_as_in_the_whole(tmp_path: Path) -> None:
    """The same logits, at the finest exit's 1/4 of the image; blocks after the last chosen exit are left out."""
    whole = ALL.network().eval()
    whole.load_state_dict(weights())
    x = whole.backbone.stem(normalised(IMAGES))
    maps = []
    for block in whole.backbone.blocks:
        x = block(x)
        maps.append(x)
    model = served(tmp_path, "good late")
    assert is_deployment(tmp_path)
    assert len(model.network.backbone.blocks) == 3
    for state, exit_, at in zip(states(model), (1, 2), (2, 3), strict=True):
        assert state.prediction is not None
        assert state.exit == exit_
        answer = F.interpolate(
            whole.exits[exit_](maps[at - 1]), (8, 16), mode="bilinear", align_corners=False
        )
        assert torch.allclose(state.prediction.logits, answer, atol=1e-6)
    assert model.spec.stride == 4
    assert served(tmp_path, "late last").spec.stride == 8


@pytest.mark.parametrize(("least", "active"), [(0.0, False), (1.1, True)])
def test_an_image_that_leaves_has_no_active_position(tmp_path: Path, least: float, active: bool) -> None:
    """One that stays has all; at the last exit the cells say."""
    first, last = states(served(tmp_path, "cheap last", Rule(measure="edges 0.5", least=least)))
    assert first.prediction is not None
    assert last.prediction is not None
    assert (first.prediction.active == active).all()
    assert last.prediction.active.equal(last.prediction.confidence <= 0.998)


def test_each_image_of_a_batch_leaves_alone(tmp_path: Path) -> None:
    """By its own confidence: what lies between the two parts them."""
    free = states(served(tmp_path, "cheap last"))[0].prediction
    assert free is not None
    means = free.confidence.mean((1, 2))
    rule = Rule(measure="mean", least=means.mean().item())
    ruled = states(served(tmp_path, "cheap last", rule))[0].prediction
    assert ruled is not None
    assert ruled.active.any((1, 2)).tolist() == (means < rule.least).tolist()
    assert ruled.active.any((1, 2)).sum() == 1


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """No folder, other weights, an image of a wrong size."""
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(tmp_path)
    model = served(tmp_path, "late last")
    with pytest.raises(BadInputError):
        model.start(IMAGES[..., :31])
    plan, kept = read(tmp_path)
    write(tmp_path, plan, {name: each for name, each in kept.items() if "stem" not in name})
    with pytest.raises(CheckpointError, match="do not fit"):
        load(tmp_path)
