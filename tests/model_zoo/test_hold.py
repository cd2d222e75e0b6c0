"""What a network that holds promises: nothing happens at masked positions, and nobody notices."""

import contextlib
import dataclasses
import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from interim.model_zoo.anytime import State, finish
from interim.model_zoo.masked.conv import Conv
from interim.model_zoo.masked.hold import HoldFill
from interim.model_zoo.masked.masks import DENSE, Masks
from interim.model_zoo.networks.hrnet.blocks import BasicBlock
from interim.model_zoo.networks.hrnet.fuse import Down, Fuse, Up
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.networks.hrnet.transition import Maps, Transition

WIDTHS = (4, 6, 8)

masks = st.lists(st.integers(0, 2**16 - 1), min_size=8, max_size=8).map(
    lambda rows: HoldFill.masks(
        torch.tensor([[row >> bit & 1 for bit in range(16)] for row in rows]).bool()[None]
    )
)


@pytest.fixture(scope="module")
def fill() -> str:
    """The network of this file holds."""
    return "hold"


def settle(part: nn.Module) -> nn.Module:
    """A part in float64 whose statistics are not those of the start."""
    torch.manual_seed(0)
    for name, value in part.double().eval().state_dict().items():
        if "norm" in name and value.is_floating_point():
            value.uniform_(0.5, 1.5)
    return part


def streams(seed: int) -> Maps:
    """One map a branch, as they come out of a ReLU."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(1, width, 8 >> level, 16 >> level, generator=generator, dtype=torch.float64).relu()
        for level, width in enumerate(WIDTHS)
    )


def mask_of(masks: Masks, x: Tensor) -> Tensor:
    mask = masks.at((x.shape[-2], x.shape[-1]))
    assert mask is not None
    return mask


BLOCK = settle(BasicBlock(WIDTHS[0], filling=HoldFill))
FUSE = settle(Fuse(WIDTHS, 3, filling=HoldFill))
TRANSITION = settle(Transition((4, 5), (4, 6, 8), filling=HoldFill))


@settings(deadline=None, max_examples=25)
@given(masks=masks)
def test_a_coarser_position_is_active_where_anything_within_it_is(masks: Masks) -> None:
    """At every level; a 2x2 maximum, then another."""
    fine = masks.levels[8, 16].double()
    assert list(masks.levels) == [(8, 16), (4, 8), (2, 4), (1, 2)]
    for level, mask in enumerate(masks.levels.values()):
        assert torch.equal(mask.double(), F.max_pool2d(fine, 2**level, 2**level))


@settings(deadline=None, max_examples=25)
@given(masks=masks, seed=st.integers(0, 99))
@torch.no_grad()
def test_a_block_is_zero_inside_and_keeps_its_input_where_masked(masks: Masks, seed: int) -> None:
    """Written out: the inner map is 0 at masked positions, and the outcome is chosen by the mask."""
    assert isinstance(BLOCK, BasicBlock)
    x = streams(seed)[0]
    mask = mask_of(masks, x)
    inner = torch.where(mask, BLOCK.first(x, DENSE).relu(), 0.0)
    expected = torch.where(mask, (BLOCK.second(inner, DENSE) + x).relu(), x)
    found = BLOCK(x, masks)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(found[~mask.expand_as(x)], x[~mask.expand_as(x)])


@torch.no_grad()
def chain(path: Down, x: Tensor, masks: Masks) -> Tensor:
    """Convolutions of stride 2, every one but the last with a ReLU and 0 at masked positions."""
    *inner, last = path.steps
    for step in inner:
        x = step(x, DENSE).relu()
        x = torch.where(mask_of(masks, x), x, 0.0)
    halved: Tensor = last(x, DENSE)
    return halved


@settings(deadline=None, max_examples=25)
@given(masks=masks, seed=st.integers(0, 99))
@torch.no_grad()
def test_a_fuse_keeps_its_branch_where_masked_and_resizes_exactly(masks: Masks, seed: int) -> None:
    """Written out: projections of the held maps everywhere, chains masked step by step."""
    assert isinstance(FUSE, Fuse)
    maps = streams(seed)
    for target, found in enumerate(finish_fuse(FUSE, maps, masks)):
        total = maps[target]
        for source, x in enumerate(maps):
            path = FUSE.get_submodule(f"rows.{target}.{source}")
            if isinstance(path, Up):
                size = list(maps[target].shape[-2:])
                total = total + F.interpolate(path.project(x, DENSE), size, mode="bilinear")
            if isinstance(path, Down):
                total = total + chain(path, x, masks)
        expected = torch.where(mask_of(masks, found), total.relu(), maps[target])
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def finish_fuse(fuse: Fuse, maps: Maps, masks: Masks) -> Maps:
    slices = fuse.slices(maps, masks)
    while True:
        try:
            next(slices)
        except StopIteration as end:
            found: Maps = end.value
            return found


@settings(deadline=None, max_examples=5)
@given(masks=masks)
@torch.no_grad()
def test_what_begins_a_branch_is_computed_everywhere(masks: Masks) -> None:
    """So that every position has a value to hold; bit for bit the dense one."""
    generator = torch.Generator().manual_seed(1)
    maps = (
        torch.randn(1, 4, 8, 16, generator=generator, dtype=torch.float64),
        torch.randn(1, 5, 4, 8, generator=generator, dtype=torch.float64),
    )
    for a, b in zip(TRANSITION(maps, masks), TRANSITION(maps, DENSE), strict=True):
        assert torch.equal(a, b)


@torch.inference_mode()
def answers(model: AnytimeHrnet, images: Tensor) -> list[Tensor]:
    """Every tensor of every state after the first."""
    found: list[Tensor] = []
    state: State = model.start(images)
    for exit_ in range(1, len(model.spec.exits) + 1):
        state = finish(model.stage(exit_, state))
        assert state.prediction is not None
        found += [*state.maps, state.prediction.logits, state.prediction.active]
    return found


def test_what_is_skipped_is_never_read(network: AnytimeHrnet, images: Tensor) -> None:
    """Poison at the masked positions of every skipping convolution changes no bit of any answer."""
    clean = answers(network, images)

    def poison(_module: nn.Module, inputs: tuple[Tensor, Masks], output: Tensor) -> Tensor:
        mask = inputs[1].at((output.shape[-2], output.shape[-1]))
        return output if mask is None else torch.where(mask, output, 1e30)

    skipping = [part for part in network.modules() if isinstance(part, Conv) and part.fill.skips]
    assert len(skipping) > 90
    with contextlib.ExitStack() as hooks:
        for part in skipping:
            hooks.callback(part.register_forward_hook(poison).remove)
        poisoned = answers(network, images)
    assert all(torch.equal(a, b) for a, b in zip(clean, poisoned, strict=True))


@torch.inference_mode()
def test_streams_are_never_negative_and_hold_where_all_is_sure(network: AnytimeHrnet, images: Tensor) -> None:
    """With nothing active a stage's old branches leave as they came."""
    state = finish(network.stage(2, finish(network.stage(1, network.start(images)))))
    assert state.prediction is not None
    nothing = dataclasses.replace(state.prediction, active=torch.zeros_like(state.prediction.active))
    after = finish(network.stage(3, dataclasses.replace(state, prediction=nothing)))
    for before, kept in itertools.zip_longest(state.maps, after.maps[:-1]):
        assert (before >= 0).all()
        assert torch.equal(before, kept)
