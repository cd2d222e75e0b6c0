"""What a user's budget function is told of a request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One request, and how busy the server is.

    Attributes:
        request_class: Its class; empty where it named none.
        height: Of the image as the network will see it, pixels.
        width: Likewise.
        budget_ms: The budget it comes with: its own, its gRPC deadline's or a default.
        in_flight: Requests in flight, this one included.
        queue_ms: What they would still take the device to their last exits.
    """

    request_class: str
    height: int
    width: int
    budget_ms: float
    in_flight: int
    queue_ms: float
