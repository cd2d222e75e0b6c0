"""Bones where nobody has drawn them: between joints of the usual names."""

from interim.model_zoo.bones import usual_bones


def test_limbs_of_usual_names_are_joined() -> None:
    """A leg and the hips, in whatever order the joints come."""
    assert usual_bones(["left_hip", "left_ankle", "left_knee", "right_hip"]) == ((1, 2), (2, 0), (3, 0))


def test_joints_of_other_names_are_not() -> None:
    """A hand's, say, or those of a network that was never trained."""
    assert usual_bones(["thumb", "class 1"]) == ()
