"""A person's joints, as a pose model finds them."""

from dataclasses import dataclass

from interim.client.errors import ProtocolError
from interim.v1 import inference_pb2 as pb


@dataclass(frozen=True, kw_only=True, slots=True)
class Joint:
    """One joint of the person whom the image is taken to show.

    Attributes:
        name: as the model calls it.
        x: from the left, in pixels of the image as sent (after EXIF orientation); 0 is the middle of the first.
        y: from the top, likewise.
        confidence: the heat at its peak, 0 to 1: the higher the surer, but no probability.
    """

    name: str
    x: float
    y: float
    confidence: float


def joints_of(message: pb.Pose) -> tuple[Joint, ...]:
    """Reads joints as they came, in the order of the model's classes.

    Raises:
        ProtocolError: A confidence is not from 0 to 1.
    """
    for each in message.joints:
        if not 0.0 <= each.confidence <= 1.0:
            raise ProtocolError(f"the server sent a joint with a confidence of {each.confidence}")
    return tuple(
        Joint(name=each.name, x=each.x, y=each.y, confidence=each.confidence) for each in message.joints
    )
