"""The client for threads."""

import time
from types import TracebackType
from typing import Any, Final, Self, Unpack

import grpc

from interim.client.answer import answer_of
from interim.client.budget import BudgetState, budget_of, cap_request
from interim.client.catalogue import Model, model_of
from interim.client.link import Link, options_for
from interim.client.refinement import Refinement
from interim.client.request import ImageSource, Options, carried, infer_request
from interim.client.session import Session
from interim.client.status import Status, status_of
from interim.client.stream import RefinementStream
from interim.v1 import control_pb2, inference_pb2

DEFAULT_TARGET: Final = "127.0.0.1:8500"
"""Where `interim-server` listens unless told otherwise."""


class Client:
    """Asks a server for masks that get better until the time is up.

        with Client("127.0.0.1:8500") as client:
            for refinement in client.infer("street.jpg", budget_ms=80):
                print(refinement.exit, refinement.elapsed_ms, refinement.reason)

    One client is one connection; it connects at the first call, and again after a server's restart. It
    may be shared by threads. `deadline_ms`, where a call takes it, is the deadline of the RPC itself, in
    ms from now: the server answers a little before it, and past it the call raises DeadlineExceeded.
    Without one a call waits as long as the server is connected.

    Args:
        target: the server's address, "HOST:PORT" or any name gRPC resolves.
        credentials: for TLS (`grpc.ssl_channel_credentials()`); None: plain text.
    """

    def __init__(
        self, target: str = DEFAULT_TARGET, *, credentials: grpc.ChannelCredentials | None = None
    ) -> None:
        if credentials is None:
            channel = grpc.insecure_channel(target, options=options_for(target))
        else:
            channel = grpc.secure_channel(target, credentials, options=options_for(target))
        self._link = Link(channel, target)

    def infer(
        self, image: ImageSource, *, deadline_ms: float | None = None, **options: Unpack[Options]
    ) -> RefinementStream:
        """Sends an image at once; iterate over what comes back.

        Args:
            image: a path, the bytes of a JPEG, PNG or WebP, or (H, W, 3) uint8 RGB (sent raw).
            deadline_ms: the deadline of the RPC itself.
            **options: budget_ms, model, min_exit, max_exit, stop_below, long_side, request_class,
                encoding, resolution, grid, confidence, active; see `Options`.

        Returns:
            An iterator of `Refinement`; the last one is final. What the server says against the request
            is raised by the iteration.

        Raises:
            UnreadableImage: No such file, or an array that is not (H, W, 3) uint8.
            InvalidArgument: An unknown choice, or a number the wire cannot carry.
            ClientClosed: The client was closed before.
        """
        return RefinementStream(self._link, image, deadline_ms, options)

    def infer_once(
        self, image: ImageSource, *, deadline_ms: float | None = None, **options: Unpack[Options]
    ) -> Refinement:
        """Sends an image and waits for the answer at the deadline: the deepest exit complete by then.

        Args:
            image: a path, the bytes of a JPEG, PNG or WebP, or (H, W, 3) uint8 RGB (sent raw).
            deadline_ms: the deadline of the RPC itself.
            **options: as for `infer`.

        Raises:
            NoExit: No exit was complete; try again after its `retry_after_ms`.
            InterimError: Refused, BadRequest, Unavailable, ….
        """
        sent_s = time.monotonic()
        message = self._call(self._link.inference.InferOnce, infer_request(image, **options), deadline_ms)
        return answer_of(message, seen_ms=1e3 * (time.monotonic() - sent_s))

    def session(self, *, newest_wins: bool = True, deadline_ms: float | None = None) -> Session:
        """Opens a stream for many images.

        Args:
            newest_wins: a newer frame supersedes those that wait or are past exit 1.
            deadline_ms: the deadline of the whole stream.

        Raises:
            ClientClosed: The client was closed before.
        """
        return Session(self._link, newest_wins=newest_wins, deadline_ms=deadline_ms)

    def models(self) -> tuple[Model, ...]:
        """The models the server has, the default one first.

        Raises:
            InterimError: Unavailable, ….
        """
        message = self._call(self._link.inference.ListModels, inference_pb2.ListModelsRequest())
        return tuple(model_of(each) for each in message.models)

    def model(self, name: str = "") -> Model:
        """One model; "": the server's default.

        Raises:
            UnknownModel: The server has none of that name.
            InterimError: Unavailable, ….
        """
        with carried():
            request = inference_pb2.GetModelRequest(name=name)
        return model_of(self._call(self._link.inference.GetModel, request))

    def status(self) -> Status:
        """How the server is, now.

        Raises:
            InterimError: Unavailable, ….
        """
        return status_of(self._call(self._link.control.Status, control_pb2.StatusRequest()))

    def budget(self) -> BudgetState:
        """What governs budgets on the server, now.

        Raises:
            InterimError: Unavailable, ….
        """
        return budget_of(self._call(self._link.control.GetBudget, control_pb2.GetBudgetRequest()))

    def set_budget_cap(
        self,
        at_most_ms: float,
        *,
        ttl_s: float,
        request_class: str = "",
        why: str = "",
        dry_run: bool = False,
    ) -> BudgetState:
        """Lets no budget be longer, for a while; requests in flight are cut as well, never below exit 1.

        Args:
            at_most_ms: the longest budget, from arrival.
            ttl_s: the cap ends by itself after this.
            request_class: whom it is about; "": every request.
            why: for the server's log, and for whoever asks.
            dry_run: only report what the cap would have done.

        Raises:
            BadRequest: A value breaks its rule.
            InterimError: Unavailable, ….
        """
        request = cap_request(at_most_ms, ttl_s=ttl_s, request_class=request_class, why=why, dry_run=dry_run)
        return budget_of(self._call(self._link.control.SetBudgetCap, request))

    def clear_budget_cap(self, request_class: str | None = None) -> BudgetState:
        """Takes a class's cap away before its time ("": the one for every request; None: all).

        Raises:
            InterimError: Unavailable, ….
        """
        with carried():
            request = control_pb2.ClearBudgetCapRequest(request_class=request_class)
        return budget_of(self._call(self._link.control.ClearBudgetCap, request))

    def close(self) -> None:
        """Cancels what is in flight (it raises ClientClosed) and closes the connection."""
        self._link.closed = True
        self._link.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Any, request: Any, deadline_ms: float | None = None) -> Any:
        try:
            return self._link.call(method, request, self._link.connected(deadline_ms))
        except grpc.RpcError as failure:
            raise self._link.error(failure, unary=method is self._link.inference.InferOnce) from failure
