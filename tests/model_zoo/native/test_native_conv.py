"""What the convolution kernels promise, on every path of this machine."""

import ctypes
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.native.conv import PackedConv
from interim.model_zoo.native.kernels import Kernels
from interim.model_zoo.native.maps import LEAD_CELLS, Map, MapShape
from interim.model_zoo.native.runs import RunLists
from interim.model_zoo.native.strided import StridedConv, can_stride
from interim.model_zoo.native.winograd import TiledConv, can_tile

from .conftest import runs_of, scattered, windows_of

if TYPE_CHECKING:
    import numpy as np

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
KINDS = [(1, 1), (3, 1), (3, 2)]
PATHS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["bfloat16", "float32"])
def dtype(request: pytest.FixtureRequest, kernels: Kernels) -> torch.dtype:
    """Every kind of number that a path computes with."""
    if request.param not in kernels.dtypes:
        pytest.skip(f"{kernels.path} has no {request.param}")
    found: torch.dtype = getattr(torch, request.param)
    return found


Listing = Callable[[Tensor, int], "np.ndarray[tuple[int], np.dtype[np.void]]"]


@dataclass
class Case:
    """A convolution, what it reads and adds, and where it is wanted.

    `anywhere`: by what puts any 16 tiles or positions into a vector, where that can be.
    """

    weight: Tensor
    bias: Tensor
    stride: int
    source: Tensor
    residual: Tensor | None
    relu: bool
    mask: Tensor
    anywhere: bool

    def literal(self, dtype: torch.dtype) -> Tensor:
        """In float64, of numbers rounded as the kernels round them."""
        weight, source = (x.to(dtype).double() for x in (self.weight, self.source))
        made = F.conv2d(source, weight, self.bias.double(), self.stride, weight.shape[-1] // 2)
        if self.residual is not None:
            made = made + self.residual.to(dtype).double()
        return made.relu() if self.relu else made

    def read(self) -> Tensor:
        """Which positions of the source the listed outputs read, (N, h, w) bool."""
        kernel, (height, width) = self.weight.shape[-1], self.source.shape[-2:]
        ones = torch.ones(1, 1, kernel, kernel).double()
        spread = F.conv_transpose2d(self.mask[:, None].double(), ones, stride=self.stride)
        border = kernel // 2
        return spread[:, 0, border : border + height, border : border + width] > 0


@st.composite
def masks(draw: st.DrawFn, images: int, height: int, width: int) -> Tensor:
    """Masks (N, h, w) of the kinds that lists go wrong on."""
    mask = torch.zeros(images, height, width, dtype=torch.bool)
    kind = draw(st.sampled_from(["random", "corners", "last row", "checkerboard", "all but one"]))
    if kind == "random":
        return torch.rand(mask.shape) < draw(st.sampled_from([0.0, 0.05, 0.5, 0.9, 1.0]))
    if kind == "corners":
        mask[:, :: max(height - 1, 1), :: max(width - 1, 1)] = True
    elif kind == "last row":
        mask[-1, -1] = True
    elif kind == "checkerboard":
        mask[:, ::2, ::2] = mask[:, 1::2, 1::2] = True
    else:
        mask[:] = True
        mask[-1, draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = False
    return mask


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small convolutions of any kind; masks from empty to full."""
    kernel, stride = draw(st.sampled_from(KINDS))
    images, inputs, outputs = draw(st.integers(1, 2)), draw(st.integers(1, 9)), draw(st.integers(1, 15))
    height, width = draw(st.integers(1, 7)), draw(st.sampled_from([1, 2, 15, 16, 17, 33, 70, 130]))
    torch.manual_seed(draw(st.integers(0, 2**16)))
    made = (images, outputs, -(-height // stride), -(-width // stride))
    mask = draw(masks(images, *made[2:]))
    weight = torch.randn(outputs, inputs, kernel, kernel) / (inputs * kernel**2) ** 0.5
    source = torch.randn(images, inputs, height, width)
    anywhere = kernel == 3 and draw(st.booleans())
    if (
        anywhere
    ):  # small whole numbers, and quarters of them: bfloat16 has what tiles make of them to the last bit
        weight = torch.randint(-2, 3, weight.shape) / 4
        source = torch.randint(-2, 3, source.shape).float()
    return Case(
        weight=weight,
        bias=torch.randn(outputs),
        stride=stride,
        source=source,
        residual=torch.randn(made) if draw(st.booleans()) else None,
        relu=draw(st.booleans()),
        mask=mask,
        anywhere=anywhere,
    )


def filled(images: Tensor, dtype: torch.dtype) -> Map:
    """A map of images."""
    count, channels, height, width = images.shape
    map_ = Map(MapShape(channels=channels, height=height, width=width, dtype=dtype, images=count))
    map_.fill(images)
    return map_


def poisoned(case: Case, dtype: torch.dtype) -> Map:
    """A target whose insides are not numbers; one that is the residual too where there is one."""
    count, height, width = case.mask.shape
    poison = torch.full((count, len(case.weight), height, width), torch.nan)
    return filled(poison if case.residual is None else case.residual, dtype)


def packed(
    kernels: Kernels,
    weight: Tensor,
    bias: Tensor,
    *,
    stride: int,
    dtype: torch.dtype,
    anywhere: bool,
    shift: Tensor | None = None,
) -> PackedConv:
    """A convolution; `anywhere`: as in `Case`."""
    if anywhere and stride == 1 and can_tile(kernels, weight, dtype):
        return TiledConv(kernels, weight, bias, dtype=dtype, shift=shift)
    if anywhere and stride == 2 and can_stride(kernels, weight, dtype):
        return StridedConv(kernels, weight, bias, dtype=dtype, shift=shift)
    return PackedConv(kernels, weight, bias, stride=stride, dtype=dtype, shift=shift)


def work_of(
    conv: PackedConv, mask: Tensor, tiles: Listing = windows_of
) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    """The listed positions as a convolution takes them."""
    if isinstance(conv, TiledConv | StridedConv):
        return tiles(mask, 2 if isinstance(conv, TiledConv) else 1)
    return runs_of(mask, conv.stride)


def computed(
    kernels: Kernels,
    case: Case,
    dtype: torch.dtype,
    *,
    order: slice = slice(None),
    threads: int = 1,
    tiles: Listing = windows_of,
) -> Map:
    """The target after the kernel; the residual is the target itself. `tiles`: how they are listed."""
    target = poisoned(case, dtype)
    conv = packed(kernels, case.weight, case.bias, stride=case.stride, dtype=dtype, anywhere=case.anywhere)
    work = work_of(conv, case.mask, tiles)
    bound = conv.bind(
        [filled(case.source, dtype)],
        target,
        residual=None if case.residual is None else target,
        relu=case.relu,
    )
    assert bound.run(work[order].copy(), threads=threads)
    return target


@given(case=cases())
@PATHS
def test_listed_positions_are_the_convolution(kernels: Kernels, dtype: torch.dtype, case: Case) -> None:
    """Within 1e-5 (float32) or 1e-2 (bfloat16) of a literal float64 one, residual and ReLU included."""
    assert_close(kernels, dtype, case, TOLERANCE[dtype])


@pytest.mark.parametrize("channels", [36, 72, 144])
def test_tiles_are_the_convolution_at_the_widths_of_networks(
    kernels: Kernels, dtype: torch.dtype, channels: int
) -> None:
    """The errors' root mean square is within 1e-2 in bfloat16; a single one may be twice that.

    Not the inputs are rounded but sums of four of them, twice as large, and what comes of nine of those is added
    up: an output that is small by chance then bears the rounding of large ones.
    """
    torch.manual_seed(channels)
    case = Case(
        weight=torch.randn(channels, channels, 3, 3) / (9 * channels) ** 0.5,
        bias=torch.randn(channels),
        stride=1,
        source=torch.randn(1, channels, 6, 70),
        residual=torch.randn(1, channels, 6, 70),
        relu=True,
        mask=torch.rand(1, 6, 70) < 0.8,
        anywhere=True,
    )
    assert_close(kernels, dtype, case, 2 * TOLERANCE[dtype])


def assert_close(kernels: Kernels, dtype: torch.dtype, case: Case, each: float) -> None:
    """Every listed output within `each`, their root mean square within the tolerance."""
    listed = case.mask[:, None].expand(-1, len(case.weight), -1, -1)
    found, wanted = computed(kernels, case, dtype).tensor().double()[listed], case.literal(dtype)[listed]
    assert torch.allclose(found, wanted, rtol=each, atol=each)
    assert (found - wanted).norm() <= TOLERANCE[dtype] * (wanted.norm() + listed.sum().sqrt())


@given(case=cases())
@PATHS
def test_nothing_but_listed_positions_is_written(kernels: Kernels, dtype: torch.dtype, case: Case) -> None:
    """All other cells keep their bits, borders and the slack between planes too."""
    before, after = poisoned(case, dtype), computed(kernels, case, dtype)
    kept = torch.ones_like(before.all_cells, dtype=torch.bool)
    rows = before.shape.row_pitch
    for image, y, x in case.mask.nonzero().tolist():
        kept[image, :, LEAD_CELLS + (y + 1) * rows + x] = False
    assert torch.equal(before.all_cells[kept], after.all_cells[kept])


@given(case=cases())
@PATHS
def test_what_no_listed_position_reads_may_be_anything(
    kernels: Kernels, dtype: torch.dtype, case: Case
) -> None:
    """Not-a-number everywhere outside the needed set leaves the result the same, bit for bit."""
    clean = computed(kernels, case, dtype)
    case.source = torch.where(case.read()[:, None], case.source, torch.nan)
    for tiles in (windows_of, scattered):
        assert torch.equal(computed(kernels, case, dtype, tiles=tiles).all_cells, clean.all_cells)


@given(case=cases())
@PATHS
def test_order_and_threads_change_no_bit(kernels: Kernels, dtype: torch.dtype, case: Case) -> None:
    """A list backwards, and two threads, give what the list gives in order."""
    plain = computed(kernels, case, dtype).all_cells
    assert torch.equal(computed(kernels, case, dtype, order=slice(None, None, -1)).all_cells, plain)
    assert torch.equal(computed(kernels, case, dtype, threads=2).all_cells, plain)


@given(case=cases(), seed=st.integers(0, 99))
@settings(PATHS, max_examples=12)
def test_where_tiles_lie_in_a_vector_changes_no_bit(
    kernels: Kernels, dtype: torch.dtype, case: Case, seed: int
) -> None:
    """Tiles in any order, each by itself, and as lists hold them, give what whole windows give; so do two threads."""
    if not can_tile(kernels, torch.ones(1, 1, 3, 3), dtype):
        pytest.skip(f"the kernels of {kernels.path} compute neighbours alone")
    case.anywhere = case.weight.shape[-1] == 3
    plain = computed(kernels, case, dtype)

    def as_listed(mask: Tensor, side: int) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
        runs = RunLists(kernels).listed(mask)
        return (runs.windows if side == 2 else runs.positions_anywhere).array

    listings: list[Listing] = [lambda mask, side: scattered(mask, side, seed=seed), as_listed]
    for tiles in listings:
        for threads in (1, 2):
            found = computed(kernels, case, dtype, tiles=tiles, threads=threads)
            assert torch.equal(found.all_cells, plain.all_cells)


@given(case=cases())
@PATHS
def test_stride_2_anywhere_is_the_plain_one(kernels: Kernels, dtype: torch.dtype, case: Case) -> None:
    """To the last bit, noise included."""
    if not can_stride(kernels, torch.ones(1, 1, 3, 3), dtype):
        pytest.skip(f"the kernels of {kernels.path} compute neighbours alone")
    if case.stride != 2:
        return
    case.weight, case.source = torch.randn_like(case.weight), torch.randn_like(case.source)
    found = [computed(kernels, replace(case, anywhere=anywhere), dtype) for anywhere in (False, True)]
    assert torch.equal(found[0].all_cells, found[1].all_cells)


@pytest.mark.parametrize(("kernel", "stride"), KINDS)
def test_sources_stand_for_their_concatenation(
    kernels: Kernels, dtype: torch.dtype, kernel: int, stride: int
) -> None:
    """Three maps, of odd channels too, give what one map of all their channels gives."""
    torch.manual_seed(0)
    weight, source = torch.randn(5, 9, kernel, kernel), torch.randn(2, 9, 6, 20)
    one = PackedConv(kernels, weight, stride=stride, dtype=dtype)
    several = PackedConv(kernels, weight, stride=stride, dtype=dtype, inputs=(3, 5, 1))
    targets = [filled(torch.zeros(2, 5, 6 // stride, 20 // stride), dtype) for _ in range(2)]
    runs = runs_of(torch.ones(2, 6 // stride, 20 // stride, dtype=torch.bool), stride)
    one.bind([filled(source, dtype)], targets[0]).run(runs)
    several.bind([filled(part, dtype) for part in torch.split(source, [3, 5, 1], 1)], targets[1]).run(runs)
    found, wanted = (target.tensor().double() for target in targets)
    assert torch.allclose(found, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    assert wanted.count_nonzero()


@pytest.mark.parametrize("anywhere", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), KINDS)
def test_raw_sums_come_beside_what_is_made_of_them(
    kernels: Kernels, dtype: torch.dtype, kernel: int, stride: int, anywhere: bool
) -> None:
    """They lack shift, residual and ReLU; the target is what a convolution with the shift in its bias gives."""
    torch.manual_seed(0)
    weight, bias, shift = torch.randn(7, 4, kernel, kernel), torch.randn(7), torch.randn(7)
    source, before = filled(torch.randn(2, 4, 6, 40), dtype), torch.randn(2, 7, 6 // stride, 40 // stride)
    mask = torch.rand(2, *before.shape[2:]) < 0.4
    made = functools.partial(packed, kernels, weight, stride=stride, dtype=dtype, anywhere=anywhere)
    late, bare, whole = made(bias, shift=shift), made(bias), made(bias + shift)
    work = work_of(late, mask)
    target, raw, wanted, sums = (filled(before, dtype) for _ in range(4))
    late.bind([source], target, residual=target, raw=raw, relu=True).run(work)
    bare.bind([source], sums).run(work)
    whole.bind([source], wanted, residual=wanted, relu=True).run(work)
    assert torch.equal(raw.all_cells, sums.all_cells)
    assert torch.allclose(target.tensor().float(), wanted.tensor().float(), rtol=TOLERANCE[dtype], atol=1e-5)


def test_a_raised_flag_stops_the_work(kernels: Kernels, dtype: torch.dtype) -> None:
    """Nothing is computed once the flag is up, and the caller is told."""
    target = filled(torch.full((1, 3, 4, 20), 7.0), dtype)
    conv = PackedConv(kernels, torch.ones(3, 2, 1, 1), dtype=dtype)
    bound = conv.bind([filled(torch.ones(1, 2, 4, 20), dtype)], target)
    runs, flag = runs_of(torch.ones(1, 4, 20, dtype=torch.bool)), ctypes.c_int32(1)
    for threads in (1, 2):
        assert not bound.run(runs, threads=threads, give_up=ctypes.addressof(flag))
    assert target.tensor().eq(7).all()
    flag.value = 0
    assert bound.run(runs, give_up=ctypes.addressof(flag))
    assert target.tensor().eq(2).all()


def test_maps_that_do_not_fit_are_refused(kernels: Kernels) -> None:
    """Another width, size, kind or the target as a source: an error before any memory is touched."""
    conv = PackedConv(kernels, torch.ones(3, 2, 3, 3), dtype=torch.float32)
    source, target = (
        filled(torch.ones(1, 2, 4, 5), torch.float32),
        filled(torch.ones(1, 3, 4, 5), torch.float32),
    )
    conv.bind([source], target)
    for sources, wrong in (
        ([target], target),
        ([source], source),
        ([source, source], target),
        ([filled(torch.ones(1, 2, 5, 5), torch.float32)], target),
        ([filled(torch.ones(1, 2, 4, 5), torch.bfloat16)], target),
        ([filled(torch.ones(2, 2, 4, 5), torch.float32)], target),
    ):
        with pytest.raises(BadInputError):
            conv.bind(sources, wrong)
    with pytest.raises(BadInputError, match="residual"):
        conv.bind([source], target, residual=source)
    with pytest.raises(BadInputError, match="raw map"):
        conv.bind([source], target, raw=source)


@pytest.mark.parametrize(
    ("shape", "stride"),
    [((1, 1, 5, 5), 1), ((1, 1, 1, 3), 1), ((1, 1, 1, 1), 2)],
    ids=["5x5", "1x3", "1x1 by 2"],
)
def test_convolutions_without_a_kernel_are_refused(
    kernels: Kernels, shape: tuple[int, ...], stride: int
) -> None:
    """Anything but 3x3, and 1x1 at stride 1."""
    with pytest.raises(BadInputError, match="no kernel"):
        PackedConv(kernels, torch.ones(shape), stride=stride, dtype=torch.float32)


def test_only_a_matrix_unit_limits_what_an_output_reads(kernels: Kernels) -> None:
    """What it multiplies is put side by side first, in a buffer."""
    if "bfloat16" not in kernels.dtypes:
        pytest.skip(f"the {kernels.path} kernels have no bfloat16")
    weight = torch.ones(2, 2000, 3, 3)
    if not kernels.instructions.matrix:
        PackedConv(kernels, weight, dtype=torch.bfloat16)
        return
    with pytest.raises(BadInputError, match="may read 8192 cells for an output, not 9000"):
        PackedConv(kernels, weight, dtype=torch.bfloat16)


def test_sources_that_make_other_channels_are_refused(kernels: Kernels) -> None:
    """The channels of all sources are the convolution's inputs."""
    with pytest.raises(BadInputError, match="sources"):
        PackedConv(kernels, torch.ones(1, 4, 1, 1), dtype=torch.float32, inputs=(1, 2))
