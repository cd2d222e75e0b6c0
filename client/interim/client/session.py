"""Many images on one stream: a camera, a video, a load test."""

import asyncio
import threading
import time
from types import TracebackType
from typing import Generic, Self, TypeVar, Unpack

from interim.client import errors, orders
from interim.client.exchange import AsyncExchange, Exchange
from interim.client.link import Link
from interim.client.request import ImageSource, Options, infer_request
from interim.client.transcript import Answer, Transcript
from interim.v1 import inference_pb2 as pb

_E = TypeVar("_E", Exchange, AsyncExchange)


class _ManyImages(Generic[_E]):
    """What both sessions share: all that does not wait."""

    def __init__(self, exchange: _E, *, newest_wins: bool) -> None:
        self._exchange: _E = exchange
        self._newest_wins = newest_wins
        self._transcript = Transcript()
        self._known = threading.Lock()  # guards the transcript: one thread sends while another reads
        self._finished = False
        self._ended = False
        self._failure: errors.InterimError | None = None

    def send(self, image: ImageSource, **options: Unpack[Options]) -> str:
        """Sends a frame without waiting; its id, which its answers bear as `request_id`.

        In a session where the newest wins, a frame the network has not taken yet when the next one
        comes is not sent: its answer is an exit 0, SUPERSEDED, from this side.

        Raises:
            UnreadableImage: No such file, or an array that is not (H, W, 3) uint8.
            InvalidArgument: An unknown choice, or a number the wire cannot carry.
            InterimError: The session has ended: the error that ended it, or ClientClosed.
        """
        if self._failure:
            raise self._failure
        if self._ended or self._finished:
            raise errors.ClientClosed("the session is over; open a new one")
        with self._known:
            request_id = self._transcript.new_id()
        frame = infer_request(image, request_id=request_id, newest_wins=self._newest_wins, **options)
        now_s = time.monotonic()
        with self._known:
            self._transcript.opened(request_id, now_s)
            replaced = self._exchange.send(pb.SessionRequest(frame=frame))
            if replaced is not None:
                self._transcript.replaced(replaced, now_s)
        return request_id

    def revise(
        self, request_id: str, *, total_ms: float | None = None, remaining_ms: float | None = None
    ) -> None:
        """Moves a frame's deadline; does not wait. Void once the frame has ended.

        What became of it comes as a `Revision` among the answers.

        Args:
            request_id: the frame.
            total_ms: the new budget, from the frame's arrival at the server.
            remaining_ms: or the time left, from the receipt of this revision.

        Raises:
            InvalidArgument: Not exactly one of the two.
        """
        self._tell(orders.revise(request_id, total_ms=total_ms, remaining_ms=remaining_ms))

    def stop(self, request_id: str) -> None:
        """Asks for a frame's newest exit at once; does not wait. Void once the frame has ended."""
        self._tell(orders.stop(request_id))

    def cancel(self, request_id: str) -> None:
        """Nothing more is wanted of a frame: no answer to it comes any more, not even a final one."""
        with self._known:
            if self._transcript.cancelled(request_id):
                self._tell(orders.cancel(request_id))
            self._finish_when_done()

    def finish(self) -> None:
        """No more frames: the iteration ends when those in flight have their final answers."""
        with self._known:
            self._finished = True
            self._finish_when_done()

    def _finish_when_done(self) -> bool:
        """Ends our side of the stream once no frame is left that could still be revised."""
        done = self._finished and not self._transcript.live
        if done:
            self._exchange.finish()
        return done

    def _tell(self, message: pb.SessionRequest) -> None:
        if not self._ended:
            self._exchange.send(message)

    def _tear_down(self) -> None:
        if not self._ended:
            self._ended = True
            self._exchange.cancel()

    def _failed(self, failure: errors.InterimError) -> None:
        self._failure = failure
        self._tear_down()

    def _at_hand(self) -> Answer | None:
        """An answer that needs no message; sets `_ended` where none will come any more."""
        if self._failure:
            raise self._failure
        with self._known:
            answer = self._transcript.next_unsent()
            if answer is None and self._finish_when_done():
                self._ended = True
        return answer

    def _heard(self, response: pb.SessionResponse | None) -> Answer | None:
        with self._known:
            if response is not None:
                return self._transcript.heard(response, time.monotonic())
            live = self._transcript.live
        if not self._ended and live:
            raise errors.ProtocolError(f"the server ended the stream and left {live} frames unanswered")
        self._ended = True
        return None


class Session(_ManyImages[Exchange]):
    """Frames out, answers in, on one stream; made by `Client.session`.

    Iterating gives `Refinement`, `Rejection` (the end of a frame that was never admitted; the others do
    not notice) and `Revision`, each with its frame's `request_id`. One thread may send while another
    iterates. Leaving the `with` block tears the stream down; call `finish` and iterate to the end first
    where every answer matters.
    """

    def __init__(self, link: Link, *, newest_wins: bool, deadline_ms: float | None) -> None:
        super().__init__(
            Exchange(link, deadline_ms=deadline_ms, newest_wins=newest_wins), newest_wins=newest_wins
        )
        self._turn = threading.Lock()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Answer:
        """The next answer to any frame, waiting for it.

        Raises:
            InterimError: The stream itself failed; every frame in flight is lost.
        """
        with self._turn:
            while True:
                answer = self._at_hand()
                if answer is not None:
                    return answer
                if self._ended:
                    raise StopIteration
                try:
                    answer = self._heard(self._exchange.receive())
                except errors.InterimError as failure:
                    self._failed(failure)
                    raise
                if answer is not None:
                    return answer

    def close(self) -> None:
        """Tears the stream down: frames in flight are cancelled, the iteration ends."""
        self._tear_down()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncSession(_ManyImages[AsyncExchange]):
    """The same for `async for`; made by `AsyncClient.session`. Only the iteration is awaited.

    Cancelling the task that awaits the next answer (a timeout does) tears the stream down.
    """

    def __init__(self, link: Link, *, newest_wins: bool, deadline_ms: float | None) -> None:
        super().__init__(
            AsyncExchange(link, deadline_ms=deadline_ms, newest_wins=newest_wins), newest_wins=newest_wins
        )

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Answer:
        """The next answer to any frame.

        Raises:
            InterimError: The stream itself failed; every frame in flight is lost.
        """
        while True:
            answer = self._at_hand()
            if answer is not None:
                return answer
            if self._ended:
                raise StopAsyncIteration
            try:
                answer = self._heard(await self._exchange.receive())
            except asyncio.CancelledError:
                self._tear_down()
                raise
            except errors.InterimError as failure:
                self._failed(failure)
                raise
            if answer is not None:
                return answer

    async def close(self) -> None:
        """Tears the stream down: frames in flight are cancelled, the iteration ends."""
        self._tear_down()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
