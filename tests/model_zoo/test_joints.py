"""Heat maps say where joints are, and joints what heat maps should be."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.model_zoo.joints import heat_of, joints_of


@settings(max_examples=30)
@given(x=st.floats(6, 57), y=st.floats(6, 41), sigma=st.floats(0.7, 2))
def test_a_joint_is_found_where_its_heat_was_drawn(x: float, y: float, sigma: float) -> None:
    """To a quarter of a cell of 4 pixels, on either axis."""
    xy = torch.tensor([[[x, y]]])
    found = joints_of(heat_of(xy, (12, 16), stride=4, sigma=sigma), stride=4)
    assert (found.xy - xy).abs().max() <= 1.01
    assert found.heat.item() > 0.5


def test_the_bell_is_one_at_its_joint_and_falls_as_told() -> None:
    """A joint in the middle of a cell: 1 there, exp(-1/2) one standard deviation beside it."""
    heat = heat_of(torch.tensor([[[9.5, 5.5]]]), (4, 4), stride=4, sigma=1.0)[0, 0]
    assert heat[1, 2].item() == pytest.approx(1)
    assert heat[1, 3].item() == pytest.approx(0.60653, abs=1e-5)
    assert heat[2, 2].item() == pytest.approx(0.60653, abs=1e-5)


def test_each_joint_and_each_image_is_its_own() -> None:
    """Peaks in different places of different maps, one of them in a corner, where nothing leans."""
    heat = torch.zeros(2, 2, 4, 8)
    heat[0, 0, 1, 2] = heat[0, 1, 0, 0] = heat[1, 0, 3, 7] = heat[1, 1, 2, 5] = 2
    heat[1, 1, 2, 4] = 1  # hotter to the left
    found = joints_of(heat, stride=1)
    assert found.xy.tolist() == [[[2, 1], [0, 0]], [[7, 3], [4.75, 2]]]
    assert found.heat.tolist() == [[2, 2], [2, 2]]
