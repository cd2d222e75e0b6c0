"""From the pose of one exit to the joints a client asked for: by name, in pixels of the image as sent."""

from dataclasses import dataclass

from interim.server.engine.arena import Pose
from interim.server.front.extras import NO_EXTRAS, Extras, add_extras
from interim.v1 import inference_pb2 as pb


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedJoints:
    """What one request wants to see of a pose; `size` and `working` are (height, width) of the image.

    `names` are the model's joints, in its order.
    """

    names: tuple[str, ...]
    size: tuple[int, int]
    working: tuple[int, int]
    extras: Extras = NO_EXTRAS

    @property
    def positions(self) -> int:
        """How large an answer is."""
        return len(self.names)

    @property
    def full_resolution(self) -> bool:
        """Joints are read off the heat maps as they are: nothing is enlarged."""
        return False


def encode_joints(pose: Pose, wanted: WantedJoints) -> pb.SessionResponse:
    """The joints, none of them outside the image, and the extras as asked, in a message to be filled in."""
    response = pb.SessionResponse()
    message, (height, width) = response.refinement, wanted.size
    down, across = height / wanted.working[0], width / wanted.working[1]
    message.pose.SetInParent()  # a model without joints has answered, too
    for name, (x, y, heat) in zip(wanted.names, pose.joints.tolist(), strict=True):
        at = _along(x, across, width), _along(y, down, height)
        message.pose.joints.add(name=name, x=at[0], y=at[1], confidence=heat)
    add_extras(message, pose, wanted.extras)
    return response


def _along(place: float, factor: float, length: int) -> float:
    """A place of the working size on the image's own line of pixels, counted from the middle of the first."""
    return min(max((place + 0.5) * factor - 0.5, 0.0), length - 1.0)
