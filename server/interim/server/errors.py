"""Every error the server raises on purpose; the leaves bear the status a client sees.

    ServerError
    ├── RequestError            one request's; answered, never logged as a fault
    │   ├── BadInputError       INVALID_ARGUMENT     400
    │   ├── UnknownModelError   NOT_FOUND            404
    │   ├── OverloadedError     RESOURCE_EXHAUSTED   503   cause and time to retry after
    │   ├── UnavailableError    UNAVAILABLE          503   time to retry after
    │   └── FaultyError         INTERNAL             500   ours, not the client's
    └── StartError              the server cannot start
        └── ConfigError         a wrong option or line of the config file: exit status 2

Every message is one clear sentence that names the value, the rule and the way out.
"""

from typing import ClassVar

import grpc


class ServerError(Exception):
    """The root of the tree."""


class RequestError(ServerError):
    """One request was not, or could not be, answered as asked; `retry_after_s` is 0 where a retry is no use."""

    grpc_status: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN
    http_status: ClassVar[int] = 500

    def __init__(self, detail: str, *, cause: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.cause = cause
        self.retry_after_s = retry_after_s


class BadInputError(RequestError):
    """The request breaks a rule, and sending it again will not help."""

    grpc_status = grpc.StatusCode.INVALID_ARGUMENT
    http_status = 400


class UnknownModelError(RequestError):
    """No model of that name is served here."""

    grpc_status = grpc.StatusCode.NOT_FOUND
    http_status = 404


class OverloadedError(RequestError):
    """Even the first exit cannot be met, or a limit is reached; `cause` is one word."""

    grpc_status = grpc.StatusCode.RESOURCE_EXHAUSTED
    http_status = 503


class UnavailableError(RequestError):
    """Nobody can answer just now: the engine is starting, or no exit was reached in time."""

    grpc_status = grpc.StatusCode.UNAVAILABLE
    http_status = 503


class FaultyError(RequestError):
    """The server failed on this request alone; the log says more than the client is told."""

    grpc_status = grpc.StatusCode.INTERNAL
    http_status = 500


class StartError(ServerError):
    """The server cannot start: one sentence for the person who started it."""


class ConfigError(StartError):
    """An option or a line of the config file breaks a rule, or names what there is not."""
