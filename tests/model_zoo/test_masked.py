"""What the masked convolution promises: ADP-C's arithmetic, to the letter."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from interim.model_zoo.masked.conv import Conv, ConvNorm, MergedConv
from interim.model_zoo.masked.fill import NoFill, RbfFill
from interim.model_zoo.masked.masks import DENSE, Masks

SIZE = (8, 16)


def literal(values: Tensor, mask: Tensor, sharpness: float) -> Tensor:
    """ADP-C's interpolation written out: 48 neighbours, one after the other."""
    height, width = values.shape[-2:]
    known = F.pad(values * mask, (3, 3, 3, 3))
    total, weights = torch.zeros_like(values), 0.0
    for dy in range(-3, 4):
        for dx in range(-3, 4):
            if (dy, dx) != (0, 0):
                weight = math.exp(-(sharpness**2) * (dy**2 + dx**2))
                weights += weight
                total += weight * known[..., 3 + dy : 3 + dy + height, 3 + dx : 3 + dx + width]
    return torch.where(mask, values, total / (weights + 1e-5))


def fill_of(sharpness: float) -> RbfFill:
    fill = RbfFill().double()
    torch.nn.init.constant_(fill.sharpness, sharpness)
    return fill


masks = st.lists(st.integers(0, 2 ** SIZE[1] - 1), min_size=SIZE[0], max_size=SIZE[0]).map(
    lambda rows: torch.tensor([[row >> bit & 1 for bit in range(SIZE[1])] for row in rows]).bool()[None]
)


@settings(deadline=None, max_examples=60)
@given(mask=masks, sharpness=st.floats(0, 4), seed=st.integers(0, 99))
def test_a_masked_position_is_the_written_out_sum_of_its_active_neighbours(
    mask: Tensor, sharpness: float, seed: int
) -> None:
    """The separable kernel equals the literal one of 7x7, for any mask and λ."""
    values = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    filled = fill_of(sharpness)(values, Masks.of(mask))
    torch.testing.assert_close(
        filled, literal(values, mask[:, None], fill_of(sharpness).sharpness.item()), rtol=1e-5, atol=1e-12
    )


@pytest.mark.parametrize(("sharpness", "share"), [(3.0, 0.245), (1e-4, 21 / 48)])
def test_beside_a_straight_active_edge_the_share_is_the_papers(sharpness: float, share: float) -> None:
    """Missing neighbours count as zeros: 0.245 of the edge at λ = 3, 21/48 as λ goes to 0."""
    mask = torch.zeros(1, 16, 16, dtype=torch.bool)
    mask[:, :, :8] = True
    filled = fill_of(sharpness)(torch.ones(1, 1, 16, 16, dtype=torch.float64), Masks.of(mask))
    assert filled[0, 0, 8, 8].item() == pytest.approx(share, abs=5e-4)
    assert (filled[..., 11:] == 0).all()


def test_with_every_position_active_the_fill_changes_nothing() -> None:
    """A full mask is the dense convolution, bit for bit."""
    values = torch.randn(2, 3, *SIZE)
    assert torch.equal(RbfFill()(values, Masks.of(torch.ones(2, *SIZE, dtype=torch.bool))), values)


def test_without_masks_or_without_a_fill_everything_is_computed() -> None:
    """Dense is dense, and what comes before the first exit ignores masks."""
    values = torch.randn(1, 3, *SIZE)
    assert torch.equal(RbfFill()(values, DENSE), values)
    assert torch.equal(NoFill()(values, Masks.of(torch.zeros(1, *SIZE, dtype=torch.bool))), values)


def test_a_frozen_fill_is_the_same_fill() -> None:
    """Computing the kernel ahead changes no bit."""
    values, mask = torch.randn(1, 3, *SIZE), Masks.of(torch.rand(1, *SIZE) < 0.5)
    fill = RbfFill()
    assert torch.equal(fill.frozen()(values, mask), fill(values, mask))


@given(mask=masks)
@settings(deadline=None, max_examples=20)
def test_masks_are_resized_to_the_nearest(mask: Tensor) -> None:
    """Each level is torch's nearest resizing, which ADP-C applies to the logits."""
    levels = Masks.of(mask).levels
    assert list(levels) == [(8, 16), (4, 8), (2, 4), (1, 2)]
    for size, level in levels.items():
        assert torch.equal(level.float(), F.interpolate(mask[:, None].float(), size, mode="nearest"))


@pytest.mark.parametrize("sharpness", [0.2, 0.7, 3.0])
def test_gradients_are_those_of_the_arithmetic(sharpness: float) -> None:
    """By the values and by λ, as finite differences find them."""
    values, mask = torch.randn(1, 2, *SIZE, dtype=torch.float64), Masks.of(torch.rand(1, *SIZE) < 0.5)
    fill = fill_of(sharpness)

    def filled(values: Tensor, sharpness: Tensor) -> Tensor:
        result: Tensor = torch.func.functional_call(fill, {"sharpness": sharpness}, (values, mask))
        return result

    assert torch.autograd.gradcheck(filled, (values.requires_grad_(), fill.sharpness))


@pytest.mark.parametrize("scale", [1, 2])
def test_a_merged_convolution_is_that_of_the_enlarged_maps_side_by_side(scale: int) -> None:
    """Convolving first and enlarging after gives the literal numbers."""
    maps = [torch.randn(2, 3 + level, 8 >> level, 16 >> level, dtype=torch.float64) for level in range(4)]
    conv = MergedConv(18, 5, bias=True, scale=scale, filling=RbfFill).double()
    assert conv.bias is not None
    torch.nn.init.normal_(conv.bias)
    size = (8 * scale, 16 * scale)
    mask = Masks.of(torch.rand(2, *size) < 0.5)
    enlarged = torch.cat([F.interpolate(x, size, mode="bilinear", align_corners=False) for x in maps], 1)
    expected = conv.fill(F.conv2d(enlarged, conv.weight, conv.bias), mask)
    torch.testing.assert_close(conv(maps, mask), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_folding_a_normalisation_is_exact_with_and_without_masks(masked: bool, bias: bool) -> None:
    """The folded pair gives the numbers of the pair, at active and at filled positions."""
    pair = ConvNorm(Conv(3, 4, kernel=3, bias=bias, filling=RbfFill)).double().eval()
    for moment in pair.norm.state_dict().values():
        moment.copy_(torch.rand_like(moment.double()) + 0.5)
    x = torch.randn(1, 3, *SIZE, dtype=torch.float64)
    given_masks = Masks.of(torch.rand(1, *SIZE) < 0.5) if masked else DENSE
    with torch.no_grad():
        expected = pair(x, given_masks)
        pair.fold(masked=masked)
        torch.testing.assert_close(pair(x, given_masks), expected, rtol=0, atol=1e-12)
