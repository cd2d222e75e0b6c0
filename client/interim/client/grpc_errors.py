"""From gRPC's statuses to the tree in `errors`."""

from collections.abc import Callable
from typing import Any, Final

import grpc

from interim.client import errors

RETRY_AFTER: Final = "retry-after-ms"
"""Trailing metadata of a refusal, and of an answer without an exit: when to try again, in ms."""

NO_SERVER: Final = "no server answers"
"""How the sentence begins where nothing was reached; a server that is there says itself what to do."""

CAUSE: Final = "cause"
"""Trailing metadata of a refusal: one word, as in `Rejection.cause`."""

_PLAIN: Final[dict[grpc.StatusCode, Callable[[str], errors.InterimError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.NOT_FOUND: errors.UnknownModel,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.CANCELLED: errors.ConnectionLost,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.ABORTED: errors.SlowReader,
}
# How gRPC words a connection that could not be made and one that broke, as opposed to a server's own
# UNAVAILABLE. Only the sentence, and the choice between Unavailable and ConnectionLost, hang on it.
_UNMADE: Final = ("failed to connect", "dns resolution", "name resolution", "resolver")
_BROKEN: Final = ("socket closed", "connection reset", "broken pipe", "goaway", "stream removed", "recvmsg")


def error_of(failure: Any, *, target: str, heard: bool = False, unary: bool = False) -> errors.InterimError:
    """The error a failed RPC means.

    Args:
        failure: what gRPC raised; has `code()`, `details()` and `trailing_metadata()`.
        target: the server's address, for the sentence.
        heard: whether an answer had arrived before: the connection was there.
        unary: whether UNAVAILABLE with a time to retry means "no exit" (`InferOnce`).

    Returns:
        A leaf of the tree, not raised yet.
    """
    code, details = failure.code(), failure.details() or ""
    metadata = {key: value for key, value in failure.trailing_metadata() or () if isinstance(value, str)}
    retry_after_ms = _number(metadata.get(RETRY_AFTER, ""))
    if code is grpc.StatusCode.UNAVAILABLE:
        if unary and RETRY_AFTER in metadata:
            return errors.NoExit(details, retry_after_ms=retry_after_ms)
        return _unavailable(details, target, retry_after_ms, heard=heard)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        details = "the deadline of the call passed before its answer was complete"
    elif code is grpc.StatusCode.CANCELLED:  # by the other side: ours are told apart before this
        details = f"the server at {target} gave the call up"
    elif code is grpc.StatusCode.UNIMPLEMENTED or "Exception deserializing" in details:
        return errors.ProtocolError(f"what answers at {target} does not speak interim.v1: {details}")
    return rejection(code, details, cause=metadata.get(CAUSE, ""), retry_after_ms=retry_after_ms)


def rejection(
    code: grpc.StatusCode, details: str, *, cause: str = "", retry_after_ms: float = 0.0
) -> errors.InterimError:
    """The error a request that was never admitted means, whether it came in band or as a status."""
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        if "larger than max" in details:  # gRPC's own words, either side's limit
            return errors.TooLarge(f"the message is over the size limit: {details}")
        return errors.Refused(details, retry_after_ms=retry_after_ms, cause=cause)
    if code is grpc.StatusCode.UNAVAILABLE:
        return errors.Unavailable(details, retry_after_ms=retry_after_ms)
    if code in _PLAIN:
        return _PLAIN[code](details or f"the server rejected the request ({code.name})")
    return errors.ServerFailed(f"the server failed ({code.name}): {details or 'it does not say why'}")


def _unavailable(details: str, target: str, retry_after_ms: float, *, heard: bool) -> errors.Unavailable:
    cause = details.lower()
    if heard:
        return errors.ConnectionLost(f"the server at {target} went away: {details}")
    if "http1" in cause:
        return errors.Unavailable(f"{NO_SERVER} at {target}: what listens there speaks HTTP/1, not gRPC")
    if any(each in cause for each in _UNMADE):
        innermost = details.rsplit(": ", 1)[-1]  # of gRPC's chain of causes
        return errors.Unavailable(f"{NO_SERVER} at {target}: {innermost}")
    if any(each in cause for each in _BROKEN):
        return errors.ConnectionLost(f"the server at {target} went away: {details}")
    words = f"the server at {target} takes no requests: {details}"
    return errors.Unavailable(words, retry_after_ms=retry_after_ms)


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
