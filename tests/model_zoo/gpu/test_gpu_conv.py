"""The list-driven convolution is torch's where positions are listed, and touches nothing else."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

pytest.importorskip("triton", reason="Triton is not installed: install interim[gpu]")

from tests.model_zoo.gpu.small import CLOSE, border_is_zero, everywhere, listed, map_of, noise

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.gpu.conv import Epilogue, PackedConv
from interim.model_zoo.gpu.positions import Positions
from interim.model_zoo.gpu.target import Target, Tiling

SMALL = Tiling(rows=16, columns=16, depth=32)
"""Several programs along every axis, and a rest."""

SIZE = (2, 5, 7)
MASK = noise(*SIZE) > 0.2


def convolved(
    target: Target,
    positions: Positions,
    *,
    kernel: int = 3,
    stride: int = 1,
    inputs: Sequence[int] = (14,),
    dtype: torch.dtype = torch.float32,
    tiling: Tiling = SMALL,
    epilogue: str = "residual, relu",
    scale: float = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """What the kernel made of noise, what was there before, and what torch makes of it; on the CPU.

    `scale`: numbers are rounded to whole ones after it, so that sums are exact in any order.
    """
    images, height, width = SIZE
    sources = [
        map_of(noise(images, count, stride * height, stride * width), target, dtype) for count in inputs
    ]
    weights = [noise(18, count, kernel, kernel, seed=1) / kernel / count**0.5 for count in inputs]
    if scale:
        weights = [(weight * scale).round() for weight in weights]
        for source in sources:
            source.values.round_()
    made = map_of(noise(images, 18, height, width, seed=2), target, dtype)
    bias, before = noise(18), made.values.float().cpu().clone()
    conv = PackedConv(weights, bias, stride=stride, dtype=dtype, target=target)
    after = Epilogue(residual=made if "residual" in epilogue else None, relu="relu" in epilogue)
    for launch in conv.launches(sources, made, positions, after, tiling=tiling):
        launch.run()
    assert border_is_zero(made)
    whole = torch.cat([x.values.float().cpu() for x in sources], 1)
    rounded = torch.cat(weights, 1).to(dtype).float()
    wanted = F.conv2d(whole, rounded, bias, stride, kernel // 2)
    wanted = wanted + before if "residual" in epilogue else wanted
    return made.values.float().cpu(), before, wanted.relu() if "relu" in epilogue else wanted


@pytest.mark.parametrize(
    ("kernel", "stride", "inputs"), [(3, 1, (14,)), (3, 2, (14,)), (1, 1, (14,)), (1, 1, (14, 9))]
)
def test_listed_positions_are_torchs_and_the_others_stay(
    target: Target, kernel: int, stride: int, inputs: tuple[int, ...]
) -> None:
    """With widths that are no multiple of 8, and lists that are none of a block."""
    found, before, wanted = convolved(
        target, listed(MASK, target), kernel=kernel, stride=stride, inputs=inputs
    )
    expected = torch.where(MASK[:, None], wanted, before)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(found[~MASK[:, None].expand_as(found)], before[~MASK[:, None].expand_as(before)])


@pytest.mark.parametrize("epilogue", ["", "residual", "relu"])
def test_each_epilogue_is_as_asked(target: Target, epilogue: str) -> None:
    """In bfloat16, at all positions."""
    found, _, wanted = convolved(
        target, everywhere(*SIZE, target), kernel=1, dtype=torch.bfloat16, epilogue=epilogue
    )
    torch.testing.assert_close(found, wanted, rtol=CLOSE[torch.bfloat16], atol=CLOSE[torch.bfloat16])


def test_images_that_are_not_there_are_not_computed(target: Target) -> None:
    """The device knows how many of a batch's places are taken."""
    found, before, wanted = convolved(target, everywhere(*SIZE, target, used=1), kernel=1)
    torch.testing.assert_close(found[0], wanted[0], rtol=1e-5, atol=1e-5)
    assert torch.equal(found[1], before[1])


def test_an_empty_list_writes_nothing(target: Target) -> None:
    """Every program returns at once."""
    found, before, _ = convolved(target, listed(torch.zeros(SIZE, dtype=torch.bool), target))
    assert torch.equal(found, before)


def test_a_split_sum_is_the_same_sum(target: Target) -> None:
    """Three parts of five steps, added in order; the residual is the target."""
    tiling = replace(SMALL, split=3)
    found, before, wanted = convolved(target, listed(MASK, target), tiling=tiling)
    expected = torch.where(MASK[:, None], wanted, before)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_the_order_of_a_list_changes_no_bit(target: Target) -> None:
    """Lists are made by many programs at once, so none has an order; the interpreter's sums have one."""
    scale = 8 if target.interpreted else 0
    straight = listed(MASK, target)
    assert straight.entries is not None
    shuffled = straight.entries.clone()
    count = int(straight.count)
    shuffled[:count] = shuffled[:count].flip(0)
    first = convolved(target, straight, kernel=1, scale=scale)[0]
    second = convolved(target, replace(straight, entries=shuffled), kernel=1, scale=scale)[0]
    assert torch.equal(first, second)


def test_only_neighbours_of_listed_positions_are_read(target: Target) -> None:
    """NaN everywhere else changes nothing."""
    mask = torch.zeros(1, 6, 6, dtype=torch.bool)
    mask[0, 2, 2] = True
    x = torch.full((1, 8, 6, 6), torch.nan)
    x[:, :, 1:4, 1:4] = 1
    made = map_of(torch.zeros(1, 8, 6, 6), target)
    conv = PackedConv([torch.ones(8, 8, 3, 3)], None, stride=1, dtype=torch.float32, target=target)
    for launch in conv.launches([map_of(x, target)], made, listed(mask, target), Epilogue(), tiling=SMALL):
        launch.run()
    assert made.values[0, :, 2, 2].tolist() == [72.0] * 8
    assert made.values.sum() == 72 * 8


def test_what_does_not_fit_is_refused(target: Target) -> None:
    """A kernel would read beyond."""
    with pytest.raises(BadInputError, match="2 maps 3x3"):
        PackedConv([noise(8, 8, 3, 3)] * 2, None, stride=1, dtype=torch.float32, target=target)
    conv = PackedConv([noise(8, 8, 1, 1)], None, stride=1, dtype=torch.float32, target=target)
    small, large = map_of(noise(1, 8, 2, 2), target), map_of(noise(1, 8, 4, 4), target)
    with pytest.raises(BadInputError, match="do not fit"):
        conv.launches([small], large, everywhere(1, 4, 4, target), Epilogue())
