"""From what an engine found to the message a client gets: each kind of finding in its own way. Off the event loop."""

from interim.server.engine.arena import Finding, Maps, Pose
from interim.server.front.joints import WantedJoints, encode_joints
from interim.server.front.masks import WantedMask, encode_mask
from interim.v1 import inference_pb2 as pb

Wanted = WantedMask | WantedJoints
"""What one request wants to see, by the task of its model."""


def encode(finding: Finding, wanted: Wanted) -> pb.SessionResponse:
    """The answer of one exit, in place in a message to be filled in.

    A refinement within a session's message can be written by itself as well: so nothing is copied later.

    Raises:
        TypeError: the model found something else than it said it would.
    """
    match finding, wanted:
        case Maps(), WantedMask():
            return encode_mask(finding, wanted)
        case Pose(), WantedJoints():
            return encode_joints(finding, wanted)
    raise TypeError(f"a {type(finding).__name__} came where a {type(wanted).__name__} was due")
