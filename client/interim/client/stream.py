"""The refinements of one image, as they come."""

import asyncio
import threading
import time
import uuid
from types import TracebackType
from typing import Generic, Self, TypeVar

from interim.client import errors, orders
from interim.client.exchange import AsyncExchange, Exchange
from interim.client.link import Link
from interim.client.refinement import Refinement
from interim.client.request import ImageSource, Options, infer_request
from interim.client.transcript import Rejection, Revision, Transcript
from interim.v1 import inference_pb2 as pb

_E = TypeVar("_E", Exchange, AsyncExchange)


class _OneImage(Generic[_E]):
    """What both streams share: a Session RPC of one frame, and all that does not wait.

    Attributes:
        request_id: unique; the server's logs know the request by it.
    """

    def __init__(self, exchange: _E, frame: pb.InferRequest) -> None:
        self.request_id = frame.request_id
        self._exchange: _E = exchange
        self._transcript = Transcript()
        self._transcript.opened(frame.request_id, time.monotonic())
        self._revision: Revision | None = None
        self._ended = False
        self._failure: errors.InterimError | None = None
        exchange.send(pb.SessionRequest(frame=frame))

    @property
    def revision(self) -> Revision | None:
        """What became of the last revision the server has answered; known once iteration has met it."""
        return self._revision

    def revise(self, *, total_ms: float | None = None, remaining_ms: float | None = None) -> None:
        """Moves the deadline, earlier or later; does not wait. Void once the answer is final.

        The server may decline an extension: the old deadline stands then. Refinements say the budget in
        force, and `revision` what became of it.

        Args:
            total_ms: the new budget, from the image's arrival at the server.
            remaining_ms: or the time left, from the receipt of this revision.

        Raises:
            InvalidArgument: Not exactly one of the two.
        """
        self._tell(orders.revise(self.request_id, total_ms=total_ms, remaining_ms=remaining_ms))

    def stop(self) -> None:
        """Asks for the newest exit at once, as the final answer; does not wait. Void once it is final."""
        self._tell(orders.stop(self.request_id))

    def cancel(self) -> None:
        """Nothing more is wanted: the iteration ends without another answer, the server stops its work."""
        if not self._ended:
            self._ended = True
            self._exchange.cancel()

    def _tell(self, message: pb.SessionRequest) -> None:
        if not self._ended:
            self._exchange.send(message)

    def _over(self) -> bool:
        """Whether nothing more will come; an error that ended it is raised each time."""
        if self._failure:
            raise self._failure
        return self._ended

    def _heard(self, response: pb.SessionResponse | None) -> Refinement | None:
        """Reads one message (None: the server ended the stream); the refinement in it, if one is."""
        if response is None:
            if not self._ended:
                raise errors.ProtocolError("the server ended the stream without a final answer")
            return None
        answer = self._transcript.heard(response, time.monotonic())
        if isinstance(answer, Revision):
            self._revision = answer
            return None
        if isinstance(answer, Rejection) or (answer is not None and answer.final):
            self._ended = True
            self._exchange.finish()
        if isinstance(answer, Rejection):
            raise answer.error
        return answer

    def _failed(self, failure: errors.InterimError) -> None:
        self._failure = failure
        self.cancel()


class RefinementStream(_OneImage[Exchange]):
    """Iterates over the refinements of one image; made by `Client.infer`.

    It can be iterated once: after the final answer there is nothing more, and after an error the same
    error again. `revise`, `stop` and `cancel` may be called from any thread, before, while and after it
    is iterated. Leaving the `with` block, or dropping it before its end, cancels it.
    """

    def __init__(self, link: Link, image: ImageSource, deadline_ms: float | None, options: Options) -> None:
        frame = infer_request(image, request_id=_new_id(), **options)
        super().__init__(Exchange(link, deadline_ms=deadline_ms, newest_wins=False), frame)
        self._turn = threading.Lock()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Refinement:
        """The next refinement, waiting for it.

        Raises:
            InterimError: Refused, BadRequest, ConnectionLost, ….
        """
        with self._turn:
            while not self._over():
                try:
                    refinement = self._heard(self._exchange.receive())
                except errors.InterimError as failure:
                    self._failed(failure)
                    raise
                if refinement is not None:
                    return refinement
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()


class AsyncRefinementStream(_OneImage[AsyncExchange]):
    """The same for `async for`; made by `AsyncClient.infer`. Only the iteration is awaited.

    Cancelling the task that awaits the next refinement (a timeout does) cancels the request.
    """

    def __init__(self, link: Link, image: ImageSource, deadline_ms: float | None, options: Options) -> None:
        frame = infer_request(image, request_id=_new_id(), **options)
        super().__init__(AsyncExchange(link, deadline_ms=deadline_ms, newest_wins=False), frame)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Refinement:
        """The next refinement.

        Raises:
            InterimError: Refused, BadRequest, ConnectionLost, ….
        """
        while not self._over():
            try:
                refinement = self._heard(await self._exchange.receive())
            except asyncio.CancelledError:
                self.cancel()
                raise
            except errors.InterimError as failure:
                self._failed(failure)
                raise
            if refinement is not None:
                return refinement
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()


def _new_id() -> str:
    return uuid.uuid4().hex[:16]
