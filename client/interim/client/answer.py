"""The one answer of `InferOnce`."""

from interim.client.errors import NoExit, ProtocolError
from interim.client.refinement import Refinement, refinement_of
from interim.v1 import inference_pb2 as pb


def answer_of(message: pb.Refinement, *, seen_ms: float) -> Refinement:
    """Reads the answer at the deadline.

    Args:
        message: as it came.
        seen_ms: from the call to the receipt, by this side's clock.

    Raises:
        NoExit: It bears no exit. (The server says so by its status; one that answers is understood.)
        ProtocolError: It contradicts itself.
    """
    answer = refinement_of(message, None, seen_ms=seen_ms)
    if not answer.final:
        raise ProtocolError("the server sent an answer that is not final")
    if not answer.exit:
        text = answer.detail or f"no exit was complete in {answer.elapsed_ms:.0f} ms ({answer.reason})"
        raise NoExit(text, retry_after_ms=answer.retry_after_ms)
    return answer
