"""The client for asyncio: the same shape as `Client`; what waits for the server is awaited."""

import asyncio
import time
from types import TracebackType
from typing import Any, Final, Self, Unpack

import grpc

from interim.client import errors
from interim.client.answer import answer_of
from interim.client.budget import BudgetState, budget_of, cap_request
from interim.client.catalogue import Model, model_of
from interim.client.client import DEFAULT_TARGET
from interim.client.link import Link, is_cancelled, options_for
from interim.client.refinement import Refinement
from interim.client.request import ImageSource, Options, carried, infer_request
from interim.client.session import AsyncSession
from interim.client.status import Status, status_of
from interim.client.stream import AsyncRefinementStream
from interim.v1 import control_pb2, inference_pb2

_LINGER_S: Final = 0.02
"""How long a closed client stays in its event loop.

What gRPC's own thread still has to say of calls that were cancelled, it says a moment later; if their loop has
ended then, the next one prints a trace for each. gRPC tells nobody when it has said all.
"""


class AsyncClient:
    """Asks a server for masks that get better until the time is up.

        async with AsyncClient("127.0.0.1:8500") as client:
            async for refinement in client.infer("street.jpg", budget_ms=80):
                print(refinement.exit, refinement.elapsed_ms, refinement.reason)

    For one event loop; make it inside that loop. The arguments and errors are those of `Client`. A path
    is read where it is given, without waiting for other tasks; give bytes where disks are slow.

    Args:
        target: the server's address, "HOST:PORT" or any name gRPC resolves.
        credentials: for TLS (`grpc.ssl_channel_credentials()`); None: plain text.
    """

    def __init__(
        self, target: str = DEFAULT_TARGET, *, credentials: grpc.ChannelCredentials | None = None
    ) -> None:
        if credentials is None:
            channel = grpc.aio.insecure_channel(target, options=options_for(target))
        else:
            channel = grpc.aio.secure_channel(target, credentials, options=options_for(target))
        self._link = Link(channel, target)

    def infer(
        self, image: ImageSource, *, deadline_ms: float | None = None, **options: Unpack[Options]
    ) -> AsyncRefinementStream:
        """Sends an image at once; iterate with `async for` over what comes back. See `Client.infer`."""
        return AsyncRefinementStream(self._link, image, deadline_ms, options)

    async def infer_once(
        self, image: ImageSource, *, deadline_ms: float | None = None, **options: Unpack[Options]
    ) -> Refinement:
        """Sends an image; the answer at the deadline. See `Client.infer_once`."""
        sent_s = time.monotonic()
        request = infer_request(image, **options)
        message = await self._call(self._link.inference.InferOnce, request, deadline_ms)
        return answer_of(message, seen_ms=1e3 * (time.monotonic() - sent_s))

    def session(self, *, newest_wins: bool = True, deadline_ms: float | None = None) -> AsyncSession:
        """Opens a stream for many images. See `Client.session`."""
        return AsyncSession(self._link, newest_wins=newest_wins, deadline_ms=deadline_ms)

    async def models(self) -> tuple[Model, ...]:
        """The models the server has, the default one first."""
        message = await self._call(self._link.inference.ListModels, inference_pb2.ListModelsRequest())
        return tuple(model_of(each) for each in message.models)

    async def model(self, name: str = "") -> Model:
        """One model; "": the server's default. Raises UnknownModel where there is none of that name."""
        with carried():
            request = inference_pb2.GetModelRequest(name=name)
        return model_of(await self._call(self._link.inference.GetModel, request))

    async def status(self) -> Status:
        """How the server is, now."""
        return status_of(await self._call(self._link.control.Status, control_pb2.StatusRequest()))

    async def budget(self) -> BudgetState:
        """What governs budgets on the server, now."""
        return budget_of(await self._call(self._link.control.GetBudget, control_pb2.GetBudgetRequest()))

    async def set_budget_cap(
        self,
        at_most_ms: float,
        *,
        ttl_s: float,
        request_class: str = "",
        why: str = "",
        dry_run: bool = False,
    ) -> BudgetState:
        """Lets no budget be longer, for a while. See `Client.set_budget_cap`."""
        request = cap_request(at_most_ms, ttl_s=ttl_s, request_class=request_class, why=why, dry_run=dry_run)
        return budget_of(await self._call(self._link.control.SetBudgetCap, request))

    async def clear_budget_cap(self, request_class: str | None = None) -> BudgetState:
        """Takes caps away before their time. See `Client.clear_budget_cap`."""
        with carried():
            request = control_pb2.ClearBudgetCapRequest(request_class=request_class)
        return budget_of(await self._call(self._link.control.ClearBudgetCap, request))

    async def close(self) -> None:
        """Cancels what is in flight (it raises ClientClosed) and closes the connection, in 20 ms."""
        self._link.closed = True
        await self._link.channel.close()
        await asyncio.sleep(_LINGER_S)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, method: Any, request: Any, deadline_ms: float | None = None) -> Any:
        try:
            left_ms = await self._link.connected_async(deadline_ms)
            return await self._link.call(method, request, left_ms)
        except asyncio.CancelledError:
            if is_cancelled() or not self._link.closed:
                raise
            raise errors.ClientClosed(
                f"the client of {self._link.target} was closed during the call"
            ) from None
        except grpc.RpcError as failure:
            raise self._link.error(failure, unary=method is self._link.inference.InferOnce) from failure
