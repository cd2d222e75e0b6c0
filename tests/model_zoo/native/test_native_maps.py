"""What maps promise: values go in and come out, and their borders are zero."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.native.maps import LANES, LEAD_CELLS, Map, MapShape, memory_of

DTYPES = st.sampled_from([torch.bfloat16, torch.float32])


@st.composite
def shapes(draw: st.DrawFn) -> MapShape:
    """Small maps of any kind, some of whose widths are at and around whole vectors."""
    return MapShape(
        channels=draw(st.integers(1, 7)),
        height=draw(st.integers(1, 6)),
        width=draw(st.sampled_from([1, 14, 15, 16, 17, 31, 33])),
        dtype=draw(DTYPES),
        images=draw(st.integers(1, 3)),
    )


def outside(shape: MapShape) -> torch.Tensor:
    """Which cells of a plane are border, by the layout's own words."""
    border = torch.ones(shape.plane_stride, dtype=torch.bool)
    for y in range(shape.height):
        start = LEAD_CELLS + (y + 1) * shape.row_pitch
        border[start : start + shape.width] = False
    return border


@given(shape=shapes())
@settings(max_examples=40, deadline=None)
def test_values_come_back_and_the_border_stays_zero(shape: MapShape) -> None:
    """A filled map holds its images, rounded to its dtype, and no border cell changes."""
    images = torch.randn(shape.images, shape.channels, shape.height, shape.width)
    map_ = Map(shape)
    map_.fill(images)
    assert torch.equal(map_.tensor(), images.to(shape.dtype))
    assert not map_.all_cells[..., outside(shape)].any()


@given(shape=shapes())
@settings(max_examples=40, deadline=None)
def test_loads_of_kernels_stay_inside_the_allocation(shape: MapShape) -> None:
    """A run at any position, its neighbours, and twice its lanes for stride 2 end before the memory does."""
    first = LEAD_CELLS - 1
    last_row = (
        (shape.images * shape.planes - 1) * shape.plane_stride
        + LEAD_CELLS
        + (shape.height + 1) * shape.row_pitch
    )
    assert first >= 0
    assert last_row + (shape.width - 1) + 1 + 2 * LANES <= shape.cells


def test_the_second_channel_of_an_odd_last_cell_is_zero() -> None:
    """Kernels multiply both channels of a cell, so one that does not exist must be zero."""
    map_ = Map(MapShape(channels=3, height=2, width=2, dtype=torch.bfloat16))
    map_.fill(torch.ones(1, 3, 2, 2))
    assert map_.values[:, 1, 1].eq(0).all()
    assert map_.values[:, 1, 0].eq(1).all()


def test_memory_is_lent_and_refused_when_it_does_not_fit() -> None:
    """A map lies in the memory it is given; too little, of another kind or askew is an error."""
    shape = MapShape(channels=2, height=3, width=4, dtype=torch.float32)
    memory = memory_of(shape.cells + 1)
    Map(shape, memory).fill(torch.ones(1, 2, 3, 4))
    assert memory.count_nonzero() == 2 * 3 * 4
    for wrong in (memory[:9], memory.float(), memory[1:]):
        with pytest.raises(BadInputError):
            Map(shape, wrong)


@pytest.mark.parametrize(
    "change", [{"dtype": torch.float16}, {"channels": 0}, {"width": 65536}], ids=["dtype", "empty", "large"]
)
def test_shapes_without_a_layout_are_refused(change: dict[str, Any]) -> None:
    """A kind of number without kernels, nothing at all, and what a run cannot name."""
    fine: dict[str, Any] = {"channels": 1, "height": 1, "width": 1, "dtype": torch.float32}
    MapShape(**fine)
    with pytest.raises(BadInputError):
        MapShape(**(fine | change))


def test_images_of_another_shape_are_refused() -> None:
    """Nothing is resized or cut in silence."""
    with pytest.raises(BadInputError, match="do not fit"):
        Map(MapShape(channels=2, height=3, width=4, dtype=torch.float32)).fill(torch.ones(1, 2, 4, 3))
