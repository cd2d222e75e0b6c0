"""MDEQ: an iteration a stage, all sharing one cell."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.model_zoo import checkpoint, equilibrium
from interim.model_zoo.anytime import Prediction, State, finish
from interim.model_zoo.errors import BadInputError, CheckpointError
from interim.model_zoo.networks.mdeq.anderson import mixed
from interim.model_zoo.networks.mdeq.network import MEMORY, AnytimeMdeq

IMAGES = torch.randint(0, 256, (2, 3, 32, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def network(iterations: int = MEMORY + 2) -> AnytimeMdeq:
    """A small one."""
    torch.manual_seed(1)
    return equilibrium.build("mdeq-tiny", iterations=iterations).eval()


@torch.inference_mode()
def states(model: AnytimeMdeq, images: torch.Tensor = IMAGES) -> list[State]:
    """After every stage; the batch is parted and joined between, as a server does."""
    found, state = [], model.start(images)
    for exit_ in range(1, len(model.spec.exits) + 1):
        state = State.join(finish(model.stage(exit_, state)).split())
        found.append(state)
    return found


def answer(state: State) -> Prediction:
    """The prediction of a state that has one."""
    assert state.prediction is not None
    return state.prediction


def test_every_iteration_answers_at_a_quarter_of_the_image() -> None:
    """From the image alone, and in few slices too long; the solver's memory does not grow for ever."""
    found = states(network())
    assert [answer(each).logits.shape for each in found] == [(2, 19, 8, 16)] * (MEMORY + 2)
    assert [each.maps[2].shape[1] for each in found] == [1, 2, 3, 4, 4, 4]
    assert len(list(network().stage(1, network().start(IMAGES)))) == 11


def test_images_of_a_batch_do_not_meet() -> None:
    """Each as it would be alone."""
    together = states(network())
    for row in range(2):
        alone = states(network(), IMAGES[row : row + 1])
        for one, both in zip(alone, together, strict=True):
            assert torch.allclose(answer(one).logits[0], answer(both).logits[row], atol=1e-3)


def test_the_first_iteration_is_the_cell_of_nothing() -> None:
    """The solver starts from zero and has nothing to mix yet."""
    model = network(1)
    with torch.inference_mode():
        state = finish(model.stage(1, model.start(IMAGES)))
        injected, z = state.maps[:2]
        zero = [torch.zeros(2, count, 8 >> level, 16 >> level) for level, count in enumerate((8, 16, 32, 64))]
        slices = model.cell.slices(zero, injected)
        try:
            while True:
                next(slices)
        except StopIteration as end:
            expected = torch.cat([each.flatten(1) for each in end.value], 1)
    assert z.equal(expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.6, 0.95))
def test_mixing_finds_the_fixed_point_sooner(seed: int, contraction: float) -> None:
    """Of a linear function of three values that all have far to go: a hundred times nearer after five steps."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))[0]
    rates = torch.tensor([contraction, contraction / 2, -contraction / 3], dtype=torch.float64)
    signs = torch.randint(0, 2, (3,), generator=generator).double() * 2 - 1
    matrix = basis @ torch.diag(rates) @ basis.T
    shift = basis @ (signs * (0.5 + torch.rand(3, generator=generator, dtype=torch.float64)))
    goal = torch.linalg.solve(torch.eye(3, dtype=torch.float64) - matrix, shift)
    z = plain = torch.zeros(3, dtype=torch.float64)
    inputs, outputs = torch.zeros(2, 1, 0, 3, dtype=torch.float64)
    for _ in range(5):
        inputs = torch.cat([inputs, z[None, None]], 1)[:, -4:]
        outputs = torch.cat([outputs, (matrix @ z + shift)[None, None]], 1)[:, -4:]
        z, plain = mixed(inputs, outputs)[0], matrix @ plain + shift
    assert (z - goal).norm() <= (plain - goal).norm() / 100


def test_training_reaches_every_weight() -> None:
    """The iterations unrolled: gradients from all answers."""
    model = network(3).train()
    torch.stack([each.square().mean() for each in model(torch.randn(2, 3, 32, 64))]).sum().backward()  # type: ignore[no-untyped-call]
    assert all(each.grad is not None and each.grad.isfinite().all() for each in model.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "cell"), [("mdeq-small", 98.14 / 2), ("mdeq-xl", 878.31 / 2)])
def test_an_iteration_costs_what_adpc_counts(name: str, cell: float) -> None:
    """Table 3 of ADP-C: each iteration counts the cell twice; stem and head once, and one iteration before."""
    parts = equilibrium.work(name, (1024, 2048))
    assert parts.cell == pytest.approx(cell, abs=0.005)
    first = {"mdeq-small": 227.2, "mdeq-xl": 1983.0}[name]
    assert parts.stem + parts.head + 2 * 2 * parts.cell == pytest.approx(first, abs=0.05)


def test_a_checkpoint_is_read_again(tmp_path: Path) -> None:
    """As many iterations as its card has scores; other weights are refused."""
    model = network(2)
    card = replace(
        checkpoint.read("default").card,
        name="mine",
        network="mdeq-tiny",
        temperatures=(),
        adaptive=None,
        dense=None,
    )
    checkpoint.write(tmp_path, equilibrium.build("mdeq-tiny", card.classes).state_dict(), card)
    assert equilibrium.is_equilibrium(str(tmp_path))
    assert not equilibrium.is_equilibrium("default")
    found = equilibrium.load(str(tmp_path))
    assert found.spec.name == "mine"
    assert len(found.spec.exits) == equilibrium.ITERATIONS
    assert len(found.spec.classes) == 11
    checkpoint.write(tmp_path, model.stem.state_dict(), card)
    with pytest.raises(CheckpointError, match="do not fit"):
        equilibrium.load(str(tmp_path))
    with pytest.raises(BadInputError):
        model.start(IMAGES[..., :31])
