"""Lists cover their masks exactly, with as few runs as there can be."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.masked.masks import halved
from interim.model_zoo.native.kernels import Kernels
from interim.model_zoo.native.maps import LANES
from interim.model_zoo.native.runs import RunLists

from .conftest import windows_of


@pytest.fixture(scope="module")
def lists(kernels: Kernels) -> RunLists:
    return RunLists(kernels)


def covered(runs: npt.NDArray[np.void], shape: tuple[int, ...]) -> Tensor:
    """How often each position of (N, h, w) is listed; a run that leaves its row fails."""
    counts = torch.zeros(shape, dtype=torch.int)
    for y, x, lanes, image in runs.tolist():
        for lane in range(LANES):
            if lanes >> lane & 1:
                counts[image, y, x + lane] += 1
    return counts


def fewest(mask: Tensor) -> int:
    """How many runs the greedy way takes, row by row: nobody can do with less."""
    made = 0
    for row in mask.flatten(0, 1).tolist():
        x = 0
        while True in row[x:]:
            x = row.index(True, x) + LANES
            made += 1
    return made


@st.composite
def masks(draw: st.DrawFn) -> Tensor:
    """Masks of every kind that went wrong somewhere: counts about a multiple of 16, corners, one hole."""
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 4)), draw(st.integers(1, 70)))
    size = torch.Size(shape).numel()
    flat = torch.zeros(size, dtype=torch.bool)
    kind = draw(
        st.sampled_from(("empty", "full", "hole", "corners", "checkerboard", "first", "noise", "bands"))
    )
    generator = torch.Generator().manual_seed(draw(st.integers(0, 9999)))
    if kind in {"full", "hole"}:
        flat[:] = True
    if kind == "hole":
        flat[draw(st.integers(0, size - 1))] = False
    if kind == "checkerboard":
        flat[::2] = True
    if kind == "first":  # so many in a row, over the ends of rows
        flat[: draw(st.sampled_from((1, 15, 16, 17, 31, 32, 33)))] = True
    if kind == "noise":
        flat = torch.rand(size, generator=generator) < draw(st.sampled_from((0.02, 0.1, 0.5, 0.95)))
    mask = flat.view(shape)
    if kind == "corners":
        mask[..., [0, 0, -1, -1], [0, -1, 0, -1]] = True
    if kind == "bands":
        mask[..., draw(st.integers(0, shape[2])) :: draw(st.integers(1, 20))] = True
    return mask


@settings(deadline=None, max_examples=100)
@given(mask=masks())
def test_a_list_covers_its_mask_once_and_with_the_fewest_runs(lists: RunLists, mask: Tensor) -> None:
    """Every listed position once, no other, in order of image, row and column."""
    runs = lists.listed(mask)
    assert torch.equal(covered(runs.array, tuple(mask.shape)), mask.int())
    assert len(runs) == fewest(mask)
    assert runs.positions == mask.sum()
    keys = [(image, y, x) for y, x, _, image in runs.array.tolist()]
    assert keys == sorted(keys)


@settings(deadline=None, max_examples=100)
@given(mask=masks())
def test_pairs_cover_a_mask_once_and_share_no_lane(lists: RunLists, mask: Tensor) -> None:
    """Every position once, no other; both runs of a pair fit one vector; there are no more pairs than runs."""
    runs = lists.listed(mask)
    for pairs in (runs.pairs.array, runs.alone.array):
        each = np.concatenate([pairs["first"], pairs["second"]])
        assert torch.equal(covered(each, tuple(mask.shape)), mask.int())
        assert not (pairs["first"]["lanes"] & pairs["second"]["lanes"]).any()
        assert len(pairs) <= len(runs)
    assert not runs.alone.array["second"]["lanes"].any()


def tiles_of(windows: npt.NDArray[np.void]) -> dict[tuple[int, int, int], tuple[int, int]]:
    """Which positions of every tile (image, y, x) are listed, above and below; a tile that comes twice fails."""
    found: dict[tuple[int, int, int], tuple[int, int]] = {}
    for y, x, image, lanes, above, below in windows.tolist():
        for lane in range(LANES):
            rows = (above >> 2 * lane & 3, below >> 2 * lane & 3)
            assert lanes >> lane & 1 or rows == (0, 0)
            if any(rows):
                assert (image, y, x + lane) not in found
                found[image, y, x + lane] = rows
    return found


@pytest.mark.parametrize("side", [1, 2])
@settings(deadline=None, max_examples=50)
@given(mask=masks())
def test_vectors_hold_all_tiles_of_a_mask_once(lists: RunLists, side: int, mask: Tensor) -> None:
    """Every listed position once, no other; windows of a vector share no lane; no more than one vector is not full."""
    listed = lists.listed(mask)
    work = listed.windows if side == 2 else listed.positions_anywhere
    assert tiles_of(work.array) == tiles_of(windows_of(mask, side))
    vectors = [work.part(vector, 1).array["lanes"] for vector in range(len(work))]
    assert all(np.bitwise_or.reduce(lanes) == lanes.sum(dtype=int) for lanes in vectors)
    assert all(lanes[0] & 1 and not (lanes[1:] & 1).any() for lanes in vectors)
    assert sum(lanes.sum(dtype=int) != 0xFFFF for lanes in vectors) <= 1
    parts = [work.part(first, 2) for first in range(0, len(work), 2)]
    assert [row for part in parts for row in part.array.tolist()] == work.array.tolist()
    assert [part.behind for part in parts][-1:] in ([], [0])


def test_bands_are_the_list_in_parts(lists: RunLists) -> None:
    """The pairs of a list in their order, so many in each band, the last may have less."""
    runs = lists.listed(torch.rand(2, 9, 50, generator=torch.Generator().manual_seed(3)) < 0.3)
    parts = [band.pairs.array.tolist() for band in runs.bands(7)]
    assert [row for part in parts for row in part] == runs.pairs.array.tolist()
    assert {len(part) for part in parts[:-1]} == {7}


def test_the_end_of_a_part_and_the_beginning_of_another_are_one_vector(lists: RunLists) -> None:
    """Four columns before and four behind a multiple of 16, in four rows: as much as one and a half runs a row."""
    mask = torch.zeros(1, 4, 32, dtype=torch.bool)
    mask[..., 12:20] = True
    assert len(lists.listed(mask).pairs) == 4
    mask[..., 16:32] = True
    assert len(lists.listed(mask).pairs) == 8


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 9999))
def test_a_mask_is_halved_as_the_reference_does(lists: RunLists, seed: int) -> None:
    """A view with gaps too."""
    whole = torch.rand(2, 9, 50, generator=torch.Generator().manual_seed(seed)) < 0.2
    part = whole[:, 1:, 3:37]
    assert torch.equal(lists.halved(part), halved(part))


def test_runs_are_aligned_where_that_costs_none_more(lists: RunLists) -> None:
    """A blob over three words starts at a multiple of 16; one of 16 positions across two is one run."""
    mask = torch.zeros(2, 1, 64, dtype=torch.bool)
    mask[0, 0, 5:45] = True
    mask[1, 0, 20:36] = True
    assert lists.listed(mask).array["x"].tolist() == [0, 16, 32, 20]


def test_a_part_of_a_mask_needs_no_copy(lists: RunLists) -> None:
    """A view with gaps between rows and images is read as it is."""
    whole = torch.rand(3, 9, 50, generator=torch.Generator().manual_seed(1)) < 0.4
    part = whole[::2, ::3, :33]
    assert torch.equal(covered(lists.listed(part).array, tuple(part.shape)), part.int())


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 9999), factor=st.sampled_from((1, 2, 4, 8)))
def test_what_an_enlargement_reads_is_found(lists: RunLists, seed: int, factor: int) -> None:
    """Masked pixels do not change when everything outside the found positions does; nothing far is listed."""
    generator = torch.Generator().manual_seed(seed)
    fine = torch.rand(2, 32, 48, generator=generator) < 0.03
    read = lists.read_by_enlarging(fine, factor)
    coarse = torch.rand(2, 1, *read.shape[1:], generator=generator)
    poisoned = torch.where(read.unsqueeze(1), coarse, 9e9)
    large, other = (
        F.interpolate(x, scale_factor=factor, mode="bilinear").squeeze(1) for x in (coarse, poisoned)
    )
    assert torch.equal(large[fine], other[fine])
    near = F.max_pool2d(F.max_pool2d(fine.float(), factor), 3, 1, 1).bool()
    assert torch.equal(read, near)


def test_slices_of_a_list_are_its_runs(lists: RunLists) -> None:
    """Parts follow one another without a copy."""
    runs = lists.dense(1, 5, 40)
    parts = [runs.part(first, 4) for first in range(0, len(runs), 4)]
    assert [tuple(run) for part in parts for run in part.array.tolist()] == runs.array.tolist()
    assert [part.address for part in parts] == [part.array.ctypes.data for part in parts]
    assert [part.behind for part in parts] == [11, 7, 3, 0]


def test_masks_that_do_not_fit_are_refused(lists: RunLists) -> None:
    """Another dtype, columns with gaps, a size that is no multiple."""
    with pytest.raises(BadInputError, match="uint8"):
        lists.listed(torch.zeros(1, 2, 2, dtype=torch.uint8))
    with pytest.raises(BadInputError, match="does not fit"):
        lists.listed(torch.zeros(1, 4, 8, dtype=torch.bool)[:, :, ::2])
    with pytest.raises(BadInputError, match="4 times"):
        lists.read_by_enlarging(torch.zeros(1, 6, 8, dtype=torch.bool), 4)
