"""Skeletons over pictures show joints where they are, and how sure they are."""

from typing import Any

import numpy as np
import pytest

from interim.client.catalogue import LabelClass, Model
from interim.client.joint import Joint
from interim.client.painter import MaskPainter, PosePainter, painter_of
from interim.client.refinement import Refinement
from interim.client.sheet import contact_sheet
from interim.client.skeleton import with_skeleton

RED, BLUE = (220, 20, 30), (20, 30, 220)
GREY = np.full((60, 90, 3), 100, np.uint8)
CLASSES = (LabelClass(id=0, name="head", rgb=RED), LabelClass(id=1, name="foot", rgb=BLUE))


def joint(name: str, x: float, y: float, confidence: float = 0.9) -> Joint:
    return Joint(name=name, x=x, y=y, confidence=confidence)


def test_joints_are_discs_joined_by_a_bone_of_the_first_ones_colour() -> None:
    """Each joint in its own colour; beside them the picture is as it was."""
    drawn = with_skeleton(GREY, [joint("head", 20, 30), joint("foot", 70, 30)], [(0, 1)], [RED, BLUE])
    assert tuple(drawn[30, 20]) == tuple(drawn[30, 45]) == RED
    assert tuple(drawn[30, 70]) == BLUE
    assert (drawn[:20] == 100).all()
    assert (GREY == 100).all()


def test_an_unsure_joint_is_a_ring() -> None:
    """The picture shows through its middle."""
    sure = with_skeleton(GREY, [joint("head", 20, 30, 0.9)], [], [RED])
    unsure = with_skeleton(GREY, [joint("head", 20, 30, 0.01)], [], [RED])
    assert tuple(sure[30, 20]) == RED
    assert tuple(unsure[30, 20]) == (100, 100, 100)
    assert (unsure != GREY).any()


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (1300, 4)])
def test_any_picture_is_drawn_on(size: tuple[int, int]) -> None:
    """Tiny, flat or long, joints at its edges, bones of joints that are not there."""
    pixels = np.zeros((*size, 3), np.uint8)
    drawn = with_skeleton(pixels, [joint("head", size[1] - 1, 0)], [(0, 0), (0, 9)], [RED, BLUE])
    assert drawn.shape == pixels.shape
    assert drawn.any()


@pytest.mark.parametrize(("task", "kind"), [("pose", PosePainter), ("segmentation", MaskPainter)])
def test_each_task_has_its_painter(task: str, kind: type) -> None:
    """Joints for pose, masks for everything else."""
    known: Any = {"exits": (), "long_side": 96, "threshold": 0.05, "masking": True}
    assert isinstance(painter_of(Model(name="m", task=task, classes=CLASSES, **known)), kind)


def test_a_sheet_shows_joints_and_how_sure_the_last_are() -> None:
    """A column for each exit, a key for each joint."""
    painter = PosePainter(CLASSES, [(0, 1)])
    answers = [
        Refinement(request_id="1", exit=exit_, exits=2, joints=(joint("head", 45, 30, exit_ / 4),))
        for exit_ in (1, 2)
    ]
    assert painter.legend(answers) == [("head 0.50", RED)]
    assert painter.legend([]) == []
    sheet = np.asarray(contact_sheet(GREY, answers, painter, title="runner.jpg"))
    assert sheet.shape[1] == 3 * 500 + 20
    assert (sheet == RED).all(axis=2).sum() > 2 * 100
