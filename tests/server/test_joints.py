"""Joints on the wire: in pixels of the image that was sent, never outside it."""

from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from interim.server.engine.arena import Maps, Pose
from interim.server.front.encoding import encode
from interim.server.front.extras import NO_EXTRAS, Extras
from interim.server.front.joints import WantedJoints
from interim.server.front.masks import WantedMask
from interim.v1 import inference_pb2 as pb

CELLS = np.ones((2, 3), np.uint8)
SIDES = st.tuples(st.integers(1, 500), st.integers(1, 500))


def wanted(size: Any, working: Any, extras: Extras = NO_EXTRAS) -> WantedJoints:
    return WantedJoints(names=("head", "foot"), size=size, working=working, extras=extras)


def pose(*joints: tuple[float, float, float]) -> Pose:
    return Pose(np.array(joints, np.float32), CELLS * 7, CELLS)


def test_joints_have_names_and_places_in_the_image_as_sent() -> None:
    """The middle of a pixel of a half as large image lies between two of its pixels."""
    found = pose((0.0, 10.0, 0.25), (3.5, 0.5, 1.0))
    message = encode(found, wanted((64, 40), (32, 20))).refinement
    assert [(each.name, each.x, each.y, each.confidence) for each in message.pose.joints] == [
        ("head", 0.5, 20.5, 0.25),
        ("foot", 7.5, 1.5, 1.0),
    ]
    assert not message.HasField("mask")
    assert not message.HasField("confidence")


@given(size=SIDES, working=SIDES, x=st.floats(-8, 600), y=st.floats(-8, 600))
def test_no_joint_is_outside_the_image(size: Any, working: Any, x: float, y: float) -> None:
    """The last cell may reach over its edge."""
    (joint, _) = encode(pose((x, y, 0.5), (0, 0, 0.5)), wanted(size, working)).refinement.pose.joints
    assert 0 <= joint.x <= size[1] - 1
    assert 0 <= joint.y <= size[0] - 1


def test_extras_come_with_joints_as_with_masks() -> None:
    """Heat and what is still refined, a byte a cell."""
    extras = Extras(confidence=True, active=True)
    message = encode(pose((0, 0, 0), (0, 0, 0)), wanted((8, 9), (8, 9), extras)).refinement
    assert (message.confidence.height, message.confidence.width) == (2, 3)
    assert zstandard.decompress(message.confidence.zstd) == bytes([7]) * 6
    assert zstandard.decompress(message.active.zstd) == bytes([1]) * 6


def test_a_model_that_answers_in_another_kind_is_found_out() -> None:
    """A label map where joints were promised, and the other way round."""
    masks = WantedMask(encoding=pb.RAW, size=(8, 12), quarter=False)
    for finding, want in ((Maps(CELLS, CELLS, CELLS), wanted((8, 12), (8, 12))), (pose(), masks)):
        with pytest.raises(TypeError, match="was due"):
            encode(finding, want)
