"""A backbone with exits: where they stand and what they answer."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from interim.model_zoo.networks.dilated import FcnHead, resnet50_dilated, resnet_dilated
from interim.model_zoo.networks.multi_exit import MultiExit, exit_points, head_cost, way_costs

LAYERS = ((4, 1, 1, 1), (4, 1, 2, 1), (8, 1, 1, 2))


def network() -> MultiExit:
    torch.manual_seed(0)
    backbone = resnet_dilated(LAYERS, stem=4)
    return MultiExit(backbone, (1, 3), [FcnHead(16, 5), FcnHead(32, 5)]).eval()


def test_every_exit_answers_at_its_maps_size() -> None:
    """The first at 1/4 of the image here, the last at 1/8; alone as beside the others."""
    made, images = network(), torch.randn(2, 3, 32, 64)
    with torch.inference_mode():
        first, last = made(images)
        assert first.shape == (2, 5, 8, 16)
        assert last.shape == (2, 5, 4, 8)
        assert made(images, only=[1])[0].equal(last)
        assert len(made(images, only=[0])) == 1


def test_costs_grow_along_the_way() -> None:
    """Each block adds to the last, and the whole is the backbone's."""
    with torch.device("meta"):
        costs = way_costs(resnet_dilated(LAYERS, stem=4), (3, 32, 64))
    assert len(costs) == 3
    assert 0 < costs[0] < costs[1] < costs[2]


def test_a_head_costs_what_its_convolutions_do() -> None:
    """Two operations for each normalised value beside the multiply-accumulates, as MESS counts."""
    with torch.device("meta"):
        head: nn.Module = FcnHead(16, 5)
    expected = (16 * 4 * 9 + 4 * 5 + 2 * 4) * 4 * 8
    assert head_cost(head, (16, 4, 8)) == pytest.approx(expected / 1e9)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=30), st.integers(1, 8))
def test_exits_stand_at_equal_distances_of_work(blocks: list[float], count: int) -> None:
    """No block's end lies nearer to what was wanted; the last exit ends the network."""
    costs = [sum(blocks[: index + 1]) for index in range(len(blocks))]
    try:
        points = exit_points(costs, count)
    except ValueError:
        return
    assert points[-1] == len(costs)
    for index, point in enumerate(points, 1):
        wanted = costs[-1] * index / count
        assert abs(costs[point - 1] - wanted) == min(abs(cost - wanted) for cost in costs)


def test_too_many_exits_are_refused() -> None:
    """Two would stand after one block."""
    with pytest.raises(ValueError, match="4 exits are too many for 3 blocks"):
        exit_points([1.0, 2.0, 3.0], 4)


@pytest.mark.slow
def test_the_papers_places_are_where_it_says() -> None:
    """Six exits on DRN-50 (figure 3): its cheapest budgeted exit is at block 9, its anytime exit at block 13."""
    with torch.device("meta"):
        points = exit_points(way_costs(resnet50_dilated(), (3, 512, 512)), 6)
    assert len(points) == 6
    assert points[-1] == 16
