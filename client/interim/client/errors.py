"""Everything the client raises.

    InterimError
    ├── BadRequest               the request is wrong; sending it again will not help
    │   ├── InvalidArgument      a value the server (or the wire) does not take
    │   ├── UnreadableImage      no such file, or an array of the wrong shape or type
    │   ├── TooLarge             the message is over the size limit
    │   ├── UnknownModel         the server has no model of that name
    │   ├── Unauthenticated      the server wants credentials
    │   └── PermissionDenied     these credentials are not enough
    ├── Refused                  not admitted: not even exit 1 could be met, or a limit is reached
    ├── NoExit                   admitted, but no exit was complete at the deadline
    ├── Unavailable              no server answers there, or it takes no more requests
    │   └── ConnectionLost       it answered, and then went away
    ├── SlowReader               answers were not read, and the server gave the stream up
    ├── DeadlineExceeded         the deadline of the RPC itself passed (`deadline_ms`)
    ├── ServerFailed             the server broke on this request
    ├── ProtocolError            the server said what `interim.v1` does not allow
    └── ClientClosed             the client was closed before or during the call

Catch a broad name to give up, a narrow one to recover. Every leaf bears the gRPC status it stands
for, so that a proxy in front of another transport can pass it on.
"""

# ruff: noqa: N818 - `except Refused` reads as the sentence it is; the tree's root ends in Error
from typing import ClassVar

import grpc


class InterimError(Exception):
    """The root: anything that went wrong between this client and its server.

    Attributes:
        status: the gRPC status this error stands for.
    """

    status: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN


class BadRequest(InterimError):
    """The request is wrong; sending it again will not help."""

    status = grpc.StatusCode.INVALID_ARGUMENT


class InvalidArgument(BadRequest):
    """A value the server (or the wire) does not take; the sentence names it."""


class UnreadableImage(BadRequest):
    """No such file, or an array that is not (H, W, 3) uint8."""


class TooLarge(BadRequest):
    """The message is over the size limit of the client or of the server."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class UnknownModel(BadRequest):
    """The server has no model of that name; the sentence names those there are."""

    status = grpc.StatusCode.NOT_FOUND


class Unauthenticated(BadRequest):
    """The server wants credentials."""

    status = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(BadRequest):
    """These credentials are not enough."""

    status = grpc.StatusCode.PERMISSION_DENIED


class Refused(InterimError):
    """Not admitted: not even exit 1 could be met, or a limit is reached.

    Attributes:
        retry_after_ms: when to try again, in ms from now; 0 where trying again will not help.
        cause: one word: "deadline", "queue", "memory", "bytes"; "" where the server names none.
    """

    status = grpc.StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, message: str, *, retry_after_ms: float = 0.0, cause: str = "") -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms
        self.cause = cause


class NoExit(InterimError):
    """Admitted, but no exit was complete at the deadline (`infer_once` only).

    Attributes:
        retry_after_ms: when to try again, in ms from now; 0 where the server does not say.
    """

    status = grpc.StatusCode.UNAVAILABLE

    def __init__(self, message: str, *, retry_after_ms: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class Unavailable(InterimError):
    """No server answers there, or it takes no more requests.

    Attributes:
        retry_after_ms: when to try again, in ms from now; 0 where nobody says.
    """

    status = grpc.StatusCode.UNAVAILABLE

    def __init__(self, message: str, *, retry_after_ms: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class ConnectionLost(Unavailable):
    """The server answered, and then went away; what it had sent was delivered before this."""


class SlowReader(InterimError):
    """Answers were not read, and the server gave the stream up."""

    status = grpc.StatusCode.ABORTED


class DeadlineExceeded(InterimError):
    """The deadline of the RPC itself passed (`deadline_ms`); a budget never raises this."""

    status = grpc.StatusCode.DEADLINE_EXCEEDED


class ServerFailed(InterimError):
    """The server broke on this request."""

    status = grpc.StatusCode.INTERNAL


class ProtocolError(InterimError):
    """The server said what `interim.v1` does not allow."""

    status = grpc.StatusCode.INTERNAL


class ClientClosed(InterimError):
    """The client was closed before or during the call."""

    status = grpc.StatusCode.CANCELLED
