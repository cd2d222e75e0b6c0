"""From predictions to findings: joints lie in the image, where their heat is."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.model_zoo.anytime import Prediction
from interim.model_zoo.joints import heat_of
from interim.server.engine.arena import Pose, Slot
from interim.server.engine.device import Device
from interim.server.engine.reading import PoseReading
from interim.server.engine.request import Request

CPU = Device("cpu")


def read(heat: torch.Tensor, size: tuple[int, int]) -> Pose:
    """The pose in heat maps (1, J, h, w) at the padded size."""
    confidence = heat.amax(1).clamp(0, 1)
    request = Request(id=1, slot=Slot(0, 1), size=size, max_exit=4)
    return PoseReading(stride=4, device=CPU)(Prediction(heat, confidence, confidence >= 0.5), request)


@settings(max_examples=20)
@given(x=st.floats(4, 42), y=st.floats(4, 28))
def test_a_joint_is_where_its_heat_is(x: float, y: float) -> None:
    """To a quarter of a cell, in pixels of the working size."""
    pose = read(heat_of(torch.tensor([[[x, y]]]), (16, 16), stride=4, sigma=1.0), (33, 47))
    assert pose.joints.shape == (1, 3)
    assert np.abs(pose.joints[0, :2] - [x, y]).max() <= 1.01
    assert 0.5 < pose.joints[0, 2] <= 1.0


@pytest.mark.parametrize("size", [(1, 1), (33, 17), (31, 64)])
def test_the_padding_has_no_joints(size: tuple[int, int]) -> None:
    """However hot it is there; confidence and active cover the image alone, and heat is 0 to 1."""
    heat = torch.full((1, 2, 16, 16), -0.5)
    rows, columns = -(-size[0] // 4), -(-size[1] // 4)
    heat[:, :, rows:], heat[:, :, :, columns:] = 9.0, 9.0
    heat[0, 1, rows - 1, columns - 1] = 2.0
    pose = read(heat, size)
    assert pose.joints[1].tolist() == [4 * columns - 2.5, 4 * rows - 2.5, 1.0]
    assert pose.joints[0, 2] == 0.0
    assert pose.confidence.shape == pose.active.shape == (rows, columns)
    assert int(pose.active.sum()) == 1


def test_bfloat16_heat_is_read_as_well() -> None:
    """What a GPU or a processor with bfloat16 computes."""
    heat: Any = torch.zeros(1, 1, 16, 16, dtype=torch.bfloat16)
    heat[0, 0, 2, 5] = 0.5
    assert read(heat, (64, 64)).joints.tolist() == [[21.5, 9.5, 0.5]]
