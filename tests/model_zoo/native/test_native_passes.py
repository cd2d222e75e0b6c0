"""Enlarging, halving, images in and logits out do what torch does, and write only what is listed."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.masked import rbf
from interim.model_zoo.native.interpolation import Interpolation
from interim.model_zoo.native.kernels import Kernels
from interim.model_zoo.native.maps import Map, MapShape
from interim.model_zoo.native.passes import Passes
from interim.model_zoo.native.runs import RunLists
from interim.model_zoo.networks.hrnet.intake import WithOnes

TOLERANCE = {torch.float32: 1e-6, torch.bfloat16: 2**-8}
POISON = 1e30

Make = Callable[..., tuple[Map, Tensor]]


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def dtype(request: pytest.FixtureRequest, kernels: Kernels) -> torch.dtype:
    chosen: torch.dtype = request.param
    if not kernels.computes(chosen):
        pytest.skip(f"{kernels.path} computes in {kernels.dtypes}")
    return chosen


@pytest.fixture
def passes(kernels: Kernels, dtype: torch.dtype) -> Passes:
    return Passes(kernels, dtype)


@pytest.fixture
def make(dtype: torch.dtype) -> Make:
    """Maps of noise, and what they hold, rounded as they round it."""

    def made(images: int, channels: int, height: int, width: int, seed: int = 0) -> tuple[Map, Tensor]:
        map_ = Map(MapShape(channels=channels, height=height, width=width, dtype=dtype, images=images))
        map_.fill(torch.randn(images, channels, height, width, generator=torch.Generator().manual_seed(seed)))
        return map_, map_.tensor().float()

    return made


def noise(shape: tuple[int, int, int], share: float = 0.4) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(9)) < share


def borders(map_: Map) -> Tensor:
    """All cells of a map but those that hold something."""
    whole = map_.all_cells.clone()
    shape = map_.shape
    room = whole[:, :, 16 : 16 + (shape.height + 2) * shape.row_pitch]
    room.view(*room.shape[:2], -1, shape.row_pitch)[:, :, 1:-1, : shape.width] = 0
    return whole


@pytest.mark.parametrize("factors", [(2,), (4,), (8,), (2, 4), (2, 4, 8)])
@pytest.mark.parametrize(
    ("size", "onto", "relu"), [((8, 8), True, True), ((16, 40), False, False), ((24, 56), True, False)]
)
def test_enlarging_is_torchs(
    *,
    kernels: Kernels,
    passes: Passes,
    make: Make,
    dtype: torch.dtype,
    factors: tuple[int, ...],
    size: tuple[int, int],
    onto: bool,
    relu: bool,
) -> None:
    """Bilinear, added up, on the mask alone; what is outside the mask and the border stay bit for bit."""
    target, before = make(2, 5, *size)
    coarse = [make(2, 5, size[0] // factor, size[1] // factor, factor) for factor in factors]
    mask = noise((2, *size))
    passes.enlarge([x for x, _ in coarse], target, RunLists(kernels).listed(mask).pairs, onto=onto, relu=relu)
    wanted = before if onto else torch.zeros(())
    for _, x in coarse:
        wanted = wanted + F.interpolate(x, size, mode="bilinear", align_corners=False)
    wanted = wanted.relu() if relu else wanted
    found, where = target.tensor().float(), mask.unsqueeze(1).expand(before.shape)
    assert torch.equal(found[~where], before[~where])
    torch.testing.assert_close(found[where], wanted[where], rtol=TOLERANCE[dtype], atol=2 * TOLERANCE[dtype])
    assert not borders(target).any()


@pytest.mark.parametrize("size", [(4, 5), (9, 33)])
@pytest.mark.parametrize("relu", [True, False])
def test_halving_is_torchs(
    *, kernels: Kernels, passes: Passes, make: Make, dtype: torch.dtype, size: tuple[int, int], relu: bool
) -> None:
    """The mean of 2x2, on the mask alone."""
    source, x = make(2, 7, 2 * size[0], 2 * size[1])
    target, before = make(2, 7, *size, 3)
    mask = noise((2, *size))
    passes.halve(source, target, RunLists(kernels).listed(mask), relu=relu)
    wanted = F.avg_pool2d(x, 2)
    wanted = wanted.relu() if relu else wanted
    found, where = target.tensor().float(), mask.unsqueeze(1).expand(before.shape)
    assert torch.equal(found[~where], before[~where])
    torch.testing.assert_close(found[where], wanted[where], rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    assert not borders(target).any()


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("size", [(2, 1), (5, 15), (9, 33), (4, 64)])
@pytest.mark.parametrize(("added", "relu"), [(True, True), (False, False)])
def test_interpolating_is_the_references(
    *,
    kernels: Kernels,
    passes: Passes,
    make: Make,
    dtype: torch.dtype,
    sharpness: float,
    size: tuple[int, int],
    added: bool,
    relu: bool,
) -> None:
    """Every position from what is known of the 7x7 around it, to the border; the rest may be NaN."""
    known = noise((2, *size), 0.6)
    source, x = make(2, 5, *size)
    source.fill(torch.where(known.unsqueeze(1), x, torch.nan))
    target, before = make(2, 5, *size, 3)
    line, shift = rbf.line(torch.tensor(sharpness, dtype=torch.float64)), torch.randn(5)
    mask = ~known & noise((2, *size), 0.9)
    lists, around = RunLists(kernels), Interpolation.around(line, shift)
    residual = target if added else None
    passes.interpolation(around, source, lists.listed(known), target, residual=residual, relu=relu).run(
        lists.listed(mask)
    )
    wanted = rbf.columns(rbf.rows((x * known.unsqueeze(1)).double(), line), line)
    wanted = (wanted + shift.view(-1, 1, 1) + (before if added else 0)).float()
    wanted = wanted.relu() if relu else wanted
    found, where = target.tensor().float(), mask.unsqueeze(1).expand(before.shape)
    assert torch.equal(found[~where], before[~where])
    torch.testing.assert_close(
        found[where], wanted[where], rtol=10 * TOLERANCE[dtype], atol=10 * TOLERANCE[dtype]
    )
    assert not borders(target).any()


def test_interpolating_reads_no_farther_than_what_counts(
    kernels: Kernels, passes: Passes, make: Make, dtype: torch.dtype
) -> None:
    """What lies beyond may be anything; neighbours that count nothing are not read at all."""
    around = Interpolation.around(rbf.line(torch.tensor(3.0)), torch.zeros(4))
    assert around.radius == 1
    mask = torch.zeros(1, 9, 40, dtype=torch.bool)
    mask[0, 4, 20] = True
    made = []
    for beyond in (0.0, torch.nan):
        source, _ = make(1, 4, 9, 40)
        held = torch.full((1, 4, 9, 40), beyond)
        held[:, :, 3:6, 19:22] = 1
        source.fill(held)
        target, _ = make(1, 4, 9, 40, 1)
        lists = RunLists(kernels)
        passes.interpolation(around, source, lists.dense(1, 9, 40), target).run(lists.listed(mask))
        made.append(target.all_cells)
    assert torch.equal(*made)


@pytest.mark.parametrize("channels", [1, 4, 19])
def test_unpacking_gives_the_values(kernels: Kernels, passes: Passes, make: Make, channels: int) -> None:
    """Listed positions exactly; the tensor keeps its others."""
    source, x = make(2, channels, 5, 37)
    mask = noise((2, 5, 37))
    target = torch.full((2, channels, 5, 37), POISON)
    passes.unpack(source, target, RunLists(kernels).listed(mask))
    assert torch.equal(target, torch.where(mask.unsqueeze(1), x, POISON))


@pytest.mark.parametrize("width", [1, 8, 9, 31, 64])
@pytest.mark.parametrize("interleaved", [True, False])
def test_images_come_in_exactly(passes: Passes, make: Make, width: int, interleaved: bool) -> None:
    """Bytes and ones as the reference has them, whatever the strides; the border stays zero."""
    images = torch.randint(0, 256, (2, 3, 6, width), dtype=torch.uint8)
    if interleaved:
        images = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    target, _ = make(2, 4, 6, width)
    passes.pixels(images, target)
    assert torch.equal(target.tensor().float(), WithOnes()(images, torch.float32))
    assert not borders(target).any()


def test_images_come_in_by_rows(passes: Passes, make: Make) -> None:
    """Rows outside the range stay as they were."""
    images = torch.randint(0, 256, (2, 3, 6, 20), dtype=torch.uint8)
    target, before = make(2, 4, 6, 20)
    passes.pixels(images, target, first=4, count=3)
    wanted = WithOnes()(images, torch.float32)
    wanted[0, :, :4], wanted[1, :, 1:] = before[0, :, :4], before[1, :, 1:]
    assert torch.equal(target.tensor().float(), wanted)


def test_results_do_not_depend_on_the_list_or_the_threads(
    kernels: Kernels, dtype: torch.dtype, make: Make
) -> None:
    """Bit for bit: one position at a time, all at once, by two threads."""
    coarse, _ = make(1, 6, 8, 24, 1)
    lists = RunLists(kernels)
    made = []
    for threads, masks in (
        (1, [torch.ones(1, 16, 48, dtype=torch.bool)]),
        (2, [m := noise((1, 16, 48)), ~m]),
    ):
        target, _ = make(1, 6, 16, 48)
        for mask in masks:
            Passes(kernels, dtype, threads=threads).enlarge([coarse], target, lists.listed(mask).pairs)
        made.append(target.all_cells)
    assert torch.equal(*made)


def test_what_does_not_fit_is_refused(kernels: Kernels, passes: Passes, make: Make) -> None:
    """Sizes, channels and kinds of number are checked before C sees them."""
    small, _ = make(1, 4, 8, 8)
    large, _ = make(1, 4, 16, 24)
    runs = RunLists(kernels).dense(1, 16, 24)
    with pytest.raises(BadInputError, match="cannot be enlarged"):
        passes.enlarge([small], large, runs.pairs)
    with pytest.raises(BadInputError, match="not shaped like"):
        passes.interpolation(Interpolation.itself(torch.zeros(4)), small, runs, large)
    with pytest.raises(BadInputError, match="not half"):
        passes.halve(large, small, runs)
    with pytest.raises(BadInputError, match="do not fit"):
        passes.pixels(torch.zeros(1, 3, 8, 9, dtype=torch.uint8), small)
    with pytest.raises(BadInputError, match="do not compute in"):
        Passes(kernels, torch.float64)
