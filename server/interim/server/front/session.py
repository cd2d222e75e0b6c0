"""Many frames on one stream: each is a request of its own, one writer serves them all."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

from interim.server.errors import BadInputError, RequestError
from interim.server.front.actions import Send
from interim.server.front.handover import Handover
from interim.server.front.live import Live
from interim.server.front.orders import MAX_ID, budget_s_from_ms
from interim.server.front.outgoing import Outgoing
from interim.server.front.reception import Reception
from interim.v1 import inference_pb2 as pb

_UNREAD = 256  # answers waiting for a client that does not read; then we stop reading it as well


class Fixed:
    """A parcel that is ready as it is."""

    def __init__(self, message: pb.SessionResponse) -> None:
        self._message = message

    def pack(self, now_s: float) -> pb.SessionResponse:  # noqa: ARG002 -- the interface
        """The message."""
        return self._message

    def taken(self, handed_s: float, now_s: float) -> None:
        """Nothing depends on it."""


class Session:
    """One bidirectional stream; a `Sink` for each of its frames."""

    def __init__(
        self,
        reception: Reception,
        write: Callable[[Any], Awaitable[None]],
        *,
        grpc_deadline_s: float | None,
        patience_s: float,
    ) -> None:
        self._reception = reception
        self._outgoing = Outgoing(write, self._give_up)
        self._grpc_deadline_s = grpc_deadline_s
        self._patience_s = patience_s
        self._frames: dict[str, Live] = {}
        self._handovers: dict[int, Handover] = {}
        self._revisions: set[asyncio.Task[None]] = set()
        self._clock = asyncio.get_running_loop().time
        self._half_closed = self._given_up = False

    async def run(self, messages: AsyncIterator[pb.SessionRequest]) -> None:
        """Serve until the client has half-closed and everything is answered.

        Raises:
            SlowReaderError: the client does not read.
        """
        tasks = [asyncio.ensure_future(self._read(messages)), asyncio.ensure_future(self._outgoing.run())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in [*tasks, *self._revisions]:
                task.cancel()
            self._cancel_all()

    # --- a sink for each frame ----------------------------------------------------------------------

    def offer(self, live: Live, send: Send) -> None:
        """Something newer of one frame can go out."""
        take_by_s = None
        if send.final:
            take_by_s = max(live.truth.deadline_s, self._clock()) + self._patience_s
        self._outgoing.put(live.id, self._handovers[live.id], take_by_s=take_by_s)

    def reject(self, live: Live, error: RequestError) -> None:
        """One frame ends without an answer."""
        self._reject(live.order.request_id, error)
        self._end(live)

    # --- what the client sends ----------------------------------------------------------------------

    async def _read(self, messages: AsyncIterator[pb.SessionRequest]) -> None:
        async for message in messages:
            if self._given_up:
                return  # and what comes after it stays with the client
            match message.WhichOneof("message"):
                case "frame":
                    self._frame(message.frame)
                case "revise":
                    self._revise(message.revise)
                case "cancel":
                    self._cancel(message.cancel.request_id)
                case _:
                    self._reject("", BadInputError("the message is empty: set frame, revise or cancel"))
            await self._outgoing.room(_UNREAD)
        self._half_closed = True
        self._close_if_done()

    def _frame(self, request: pb.InferRequest) -> None:
        requests = self._reception.requests
        try:
            self._check_id(request.request_id)
            order, asked = self._reception.read(request, self._clock(), self._grpc_deadline_s)
            older = tuple(self._frames.values()) if order.newest_wins else ()
            live = requests.open(order, asked, self, eager=True, older=older)
        except RequestError as error:
            self._reject(request.request_id, error)
            return
        self._frames[order.request_id] = live
        model, means = requests.known_model(), requests.means
        self._handovers[live.id] = Handover(live, model, means, lambda: self._end(live))

    def _check_id(self, request_id: str) -> None:
        if not request_id:
            raise BadInputError("request_id is empty: in a session each frame needs one")
        if request_id in self._frames:
            raise BadInputError(f'request_id "{request_id[:80]}" is in use by a live frame: choose another')

    def _cancel(self, request_id: str) -> None:
        frame = self._frames.get(request_id)
        if frame is not None:
            self._drop(frame)
            self._outgoing.drop(frame.id)
            self._end(frame)

    def _revise(self, revise: pb.Revise) -> None:
        frame = self._frames.get(revise.request_id)
        which = revise.WhichOneof("deadline")
        if frame is None or frame.truth.ended:
            self._say_revised(revise.request_id, frame, "no such frame is in flight")
        elif which is None:
            self._say_revised(revise.request_id, frame, "set total_ms, remaining_ms or stop")
        elif which == "stop":
            frame.stop()
            self._say_revised(revise.request_id, frame)
        else:
            task = asyncio.ensure_future(self._move(revise, which, frame, self._clock()))
            self._revisions.add(task)
            task.add_done_callback(self._revisions.discard)

    async def _move(
        self,
        revise: pb.Revise,
        which: Literal["total_ms", "remaining_ms"],
        frame: Live,
        now_s: float,
    ) -> None:
        try:
            own_s = _own_s(revise, which, now_s - frame.truth.arrival_s)
        except BadInputError as error:
            self._say_revised(revise.request_id, frame, error.detail)
            return
        verdict = await self._reception.requests.budgets.revise(frame.term, own_s)
        self._say_revised(
            revise.request_id, frame, "" if verdict.admitted else verdict.detail or verdict.cause
        )

    # --- what the client is told --------------------------------------------------------------------

    def _say_revised(self, request_id: str, frame: Live | None, why_not: str = "") -> None:
        budget_ms = frame.truth.budget_s * 1e3 if frame else 0.0
        revised = pb.Revised(
            request_id=request_id[:MAX_ID], accepted=not why_not, budget_ms=budget_ms, detail=why_not
        )
        self._say(pb.SessionResponse(revised=revised))

    def _reject(self, request_id: str, error: RequestError) -> None:
        self._reception.requests.refused(error)
        rejection = pb.Rejection(
            request_id=request_id[:MAX_ID],
            status=error.grpc_status.value[0],
            detail=error.detail,
            cause=error.cause,
            retry_after_ms=error.retry_after_s * 1e3,
        )
        self._say(pb.SessionResponse(rejection=rejection))

    def _say(self, message: pb.SessionResponse) -> None:
        self._outgoing.put(object(), Fixed(message), take_by_s=self._clock() + self._patience_s)

    def _end(self, live: Live) -> None:
        if self._frames.get(live.order.request_id) is live:  # its id may be a newer frame's by now
            del self._frames[live.order.request_id]
        self._handovers.pop(live.id, None)
        self._close_if_done()

    def _cancel_all(self) -> None:
        for frame in list(self._frames.values()):
            self._drop(frame)
        self._frames.clear()

    def _drop(self, frame: Live) -> None:
        frame.cancel()
        self._handovers[frame.id].given_up()

    def _give_up(self) -> None:
        self._given_up = True
        self._cancel_all()

    def _close_if_done(self) -> None:
        if self._half_closed and not self._frames:
            self._outgoing.close()


def _own_s(revise: pb.Revise, which: Literal["total_ms", "remaining_ms"], elapsed_s: float) -> float:
    """The client's new budget from arrival, in seconds."""
    if which == "total_ms":
        return budget_s_from_ms("total_ms", revise.total_ms)
    if not math.isfinite(revise.remaining_ms) or revise.remaining_ms < 0:
        raise BadInputError(f"remaining_ms is {revise.remaining_ms:g}: it must be 0 or more, and finite")
    return elapsed_s + budget_s_from_ms("remaining_ms", max(revise.remaining_ms, 1e-6))
