"""One connection to one server, and what both clients know of it."""

from typing import Any, Final

from interim.client import errors
from interim.client.grpc_errors import error_of
from interim.v1.control_pb2_grpc import ControlStub
from interim.v1.inference_pb2_grpc import InferenceStub

MESSAGE_BYTES: Final = 64 << 20
"""The largest message either way: a raw image of 22 megapixels."""

CHANNEL_OPTIONS: Final = (
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.use_local_subchannel_pool", 1),  # a connection for each client: it balances, it closes alone
    ("grpc.min_reconnect_backoff_ms", 5000),  # how long one attempt may take, despite its name
    ("grpc.initial_reconnect_backoff_ms", 100),  # a server that restarts is found again soon;
    ("grpc.max_reconnect_backoff_ms", 2000),  # gRPC's own limit is two minutes
)


class Link:
    """A channel with its stubs; `closed` once the client gave it up.

    Args:
        channel: of `grpc` or `grpc.aio`.
        target: the server's address, for sentences.
    """

    def __init__(self, channel: Any, target: str) -> None:
        self.channel = channel
        self.target = target
        self.closed = False
        self.inference: Any = InferenceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self.control: Any = ControlStub(channel)  # type: ignore[no-untyped-call]  # generated

    def call(self, method: Any, request: Any, deadline_ms: float | None = None) -> Any:
        """Starts an RPC with its deadline, in ms from now; what gRPC returns for it.

        Raises:
            ClientClosed: The client was closed before.
        """
        if self.closed:
            raise errors.ClientClosed(f"the client of {self.target} is closed; make a new one")
        return method(request, timeout=None if deadline_ms is None else deadline_ms / 1e3)

    def error(self, failure: Any, *, heard: bool = False, unary: bool = False) -> errors.InterimError:
        """The error a failed RPC on this channel means; see `error_of`."""
        if self.closed:
            return errors.ClientClosed(f"the client of {self.target} was closed during the call")
        return error_of(failure, target=self.target, heard=heard, unary=unary)
