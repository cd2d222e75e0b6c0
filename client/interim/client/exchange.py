"""One Session stream: messages out, messages in, errors of ours. Threads here, asyncio below."""

import asyncio
import contextlib
from typing import Any

import grpc

from interim.client.link import Link, is_cancelled, remaining_ms
from interim.client.outbox import AsyncOutbox, Outbox
from interim.v1 import inference_pb2 as pb


class Exchange:
    """A Session RPC for threads: any of them may send, finish and cancel; one at a time receives.

    A dropped exchange cancels its call (gRPC's own rule), which ends the thread that sends.
    """

    def __init__(self, link: Link, *, deadline_ms: float | None, newest_wins: bool) -> None:
        self._link = link
        self._outbox = Outbox(newest_wins=newest_wins)
        self._cancelled = False
        self._heard = False
        self._call: Any = link.call(link.inference.Session, self._outbox, deadline_ms)
        if not self._call.add_callback(self._outbox.close):
            self._outbox.close()

    def send(self, message: pb.SessionRequest) -> str | None:
        """Queues a message; the id of the unsent frame that made room for it, if one did."""
        return self._outbox.put(message)

    def receive(self) -> pb.SessionResponse | None:
        """The next message, waiting for it; None once the server has ended the stream, or `cancel`.

        Raises:
            InterimError: The RPC failed.
        """
        try:
            if not self._heard:
                self._link.connected(remaining_ms(self._call))
            response: pb.SessionResponse = next(self._call)
        except StopIteration:
            return None
        except grpc.RpcError as failure:
            if self._cancelled:
                return None
            raise self._link.error(failure, heard=self._heard) from failure
        self._heard = True
        return response

    def finish(self) -> None:
        """Nothing more will be sent; the server ends the stream when it has answered."""
        self._outbox.close()

    def cancel(self) -> None:
        """Tears the stream down, on both sides."""
        self._cancelled = True
        self._call.cancel()


class AsyncExchange:
    """The same for one event loop; only `receive` waits."""

    def __init__(self, link: Link, *, deadline_ms: float | None, newest_wins: bool) -> None:
        self._link = link
        self._outbox = AsyncOutbox(newest_wins=newest_wins)
        self._cancelled = False
        self._heard = False
        self._call: Any = link.call(link.inference.Session, self._outbox, deadline_ms)
        outbox = self._outbox  # not self: the call must not keep alive what cancels it when dropped
        self._call.add_done_callback(lambda _: outbox.close())

    def send(self, message: pb.SessionRequest) -> str | None:
        """Queues a message; the id of the unsent frame that made room for it, if one did."""
        return self._outbox.put(message)

    async def receive(self) -> pb.SessionResponse | None:
        """The next message, waiting for it; None once the server has ended the stream, or `cancel`.

        Raises:
            InterimError: The RPC failed.
        """
        try:
            if not self._heard:
                await self._link.connected_async(remaining_ms(self._call))
            response = await self._call.read()
        except grpc.RpcError as failure:
            raise self._link.error(failure, heard=self._heard) from failure
        except asyncio.CancelledError:
            if is_cancelled():  # gRPC cancels the call with the task
                self._cancelled = True
                raise
            if self._cancelled:
                return None
            raise self._link.error(_LocallyCancelled()) from None
        if response is grpc.aio.EOF:
            return None
        self._heard = True
        message: pb.SessionResponse = response
        return message

    def finish(self) -> None:
        """Nothing more will be sent; the server ends the stream when it has answered."""
        self._outbox.close()

    def cancel(self) -> None:
        """Tears the stream down, on both sides."""
        self._cancelled = True
        self._call.cancel()

    def __del__(self) -> None:
        if hasattr(self, "_call"):  # else the constructor raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: its calls are gone already
                self._call.cancel()


class _LocallyCancelled:
    """What gRPC would have said, where asyncio says CancelledError: the channel was closed."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.CANCELLED

    def details(self) -> str:
        return "cancelled on this side"

    def trailing_metadata(self) -> tuple[()]:
        return ()
