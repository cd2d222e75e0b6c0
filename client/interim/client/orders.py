"""What may be asked of a frame in flight, as messages."""

from interim.client.errors import InvalidArgument
from interim.client.request import carried
from interim.v1 import inference_pb2 as pb


def revise(request_id: str, *, total_ms: float | None, remaining_ms: float | None) -> pb.SessionRequest:
    """Moves a frame's deadline.

    Args:
        request_id: the frame.
        total_ms: the new budget, from the frame's arrival at the server.
        remaining_ms: or the time left, from the receipt of this message.

    Raises:
        InvalidArgument: Not exactly one of the two, or no number.
    """
    if (total_ms is None) == (remaining_ms is None):
        raise InvalidArgument("a revision takes either total_ms or remaining_ms; give exactly one")
    with carried():
        if total_ms is not None:
            return pb.SessionRequest(revise=pb.Revise(request_id=request_id, total_ms=total_ms))
        return pb.SessionRequest(revise=pb.Revise(request_id=request_id, remaining_ms=remaining_ms))


def stop(request_id: str) -> pb.SessionRequest:
    """Asks for a frame's newest exit at once."""
    return pb.SessionRequest(revise=pb.Revise(request_id=request_id, stop=True))


def cancel(request_id: str) -> pb.SessionRequest:
    """Nothing more is wanted of a frame."""
    return pb.SessionRequest(cancel=pb.Cancel(request_id=request_id))
