"""interim.v1.Inference over gRPC: three ways in, one reception behind them."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, NoReturn

import grpc

from interim.server.errors import RequestError, UnavailableError, UnknownModelError
from interim.server.front.actions import Send
from interim.server.front.handover import Handover
from interim.server.front.live import Live
from interim.server.front.means import RESTART_S
from interim.server.front.outgoing import Outgoing, SlowReaderError
from interim.server.front.reception import Reception
from interim.server.front.session import Session
from interim.v1 import inference_pb2 as pb
from interim.v1 import inference_pb2_grpc

Context = Any  # grpc.aio.ServicerContext; grpc ships no types


class StreamSink:
    """The way out of one `Infer`."""

    def __init__(self, outgoing: Outgoing, patience_s: float) -> None:
        self.error: RequestError | None = None
        self.handover: Handover | None = None
        self._outgoing = outgoing
        self._patience_s = patience_s

    def offer(self, live: Live, send: Send) -> None:
        """Something newer can go out."""
        assert self.handover is not None
        take_by_s = None
        if send.final:
            take_by_s = max(live.truth.deadline_s, asyncio.get_running_loop().time()) + self._patience_s
        self._outgoing.put(live.id, self.handover, take_by_s=take_by_s)

    def reject(self, live: Live, error: RequestError) -> None:  # noqa: ARG002 -- the interface
        """The stream ends with an error."""
        self.error = error
        self._outgoing.close()


class UnarySink:
    """The way out of one `InferOnce`."""

    def __init__(self) -> None:
        self.final: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def offer(self, live: Live, send: Send) -> None:  # noqa: ARG002 -- the interface
        """Only the final can go out."""
        if send.final and not self.final.done():
            self.final.set_result(None)

    def reject(self, live: Live, error: RequestError) -> None:  # noqa: ARG002 -- the interface
        """The call ends with an error."""
        if not self.final.done():
            self.final.set_exception(error)


class InferenceService(inference_pb2_grpc.InferenceServicer):
    """The servicer; `patience_s`: how long after its deadline a final waits for a client that does not read."""

    def __init__(self, reception: Reception, *, patience_s: float) -> None:
        self._reception = reception
        self._requests = reception.requests
        self._patience_s = patience_s

    async def Infer(self, request: pb.InferRequest, context: Context) -> None:  # noqa: N802 -- gRPC's name
        """One image in, its refinements out."""
        arrival_s = _now_s()

        async def write(response: pb.SessionResponse) -> None:
            await self._requests.deliver(lambda whole: context.write(whole.refinement), response)

        def give_up() -> None:
            live.cancel()

        outgoing = Outgoing(write, give_up)
        sink = StreamSink(outgoing, self._patience_s)
        try:
            live = self._reception.open(request, arrival_s, _deadline_s(context, arrival_s), sink, eager=True)
            sink.handover = handover = self._handover(live, outgoing.close)
            try:
                await outgoing.run()
            finally:
                live.cancel()
                handover.given_up()
            if sink.error is not None:
                raise sink.error
        except RequestError as error:
            await self._refuse(context, error)
        except SlowReaderError as error:
            await context.abort(grpc.StatusCode.ABORTED, str(error))

    async def InferOnce(self, request: pb.InferRequest, context: Context) -> pb.Refinement:  # noqa: N802 -- gRPC's name
        """One image in, the answer at the deadline out."""
        arrival_s = _now_s()
        sink = UnarySink()
        try:
            live = self._reception.open(
                request, arrival_s, _deadline_s(context, arrival_s), sink, eager=False
            )
            handover = self._handover(live, lambda: None)
            try:
                await sink.final
                answer = _answer(handover)
            finally:
                live.cancel()
                handover.given_up()
        except RequestError as error:
            await self._refuse(context, error)
        if answer.exit == 0:
            await _abort(context, _without_exit(answer))
        return answer

    async def Session(self, request_iterator: AsyncIterator[pb.SessionRequest], context: Context) -> None:  # noqa: N802 -- gRPC's name
        """Many frames on one stream."""
        session = Session(
            self._reception,
            partial(self._requests.deliver, context.write),
            grpc_deadline_s=_deadline_s(context, _now_s()),
            patience_s=self._patience_s,
        )
        try:
            await session.run(request_iterator)
        except SlowReaderError as error:
            await context.abort(grpc.StatusCode.ABORTED, str(error))

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:  # noqa: N802, ARG002 -- gRPC's name and interface
        """What this server serves."""
        try:
            return pb.ListModelsResponse(models=[self._requests.known_model().described()])
        except RequestError as error:
            await self._refuse(context, error)

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.Model:  # noqa: N802 -- gRPC's name
        """One model."""
        try:
            model = self._requests.known_model()
            if request.name not in ("", model.name):
                raise UnknownModelError(
                    f'there is no model "{request.name[:80]}": this server has "{model.name}"'
                )
            return model.described()
        except RequestError as error:
            await self._refuse(context, error)

    def _handover(self, live: Live, done: Any) -> Handover:
        return Handover(live, self._requests.known_model(), self._requests.means, done)

    async def _refuse(self, context: Context, error: RequestError) -> NoReturn:
        self._requests.refused(error)
        await _abort(context, error)


def _answer(handover: Handover) -> pb.Refinement:
    """The final, as of now: what is returned here is handed over here."""
    now_s = _now_s()
    response = handover.pack(now_s)
    assert response is not None
    handover.taken(now_s, now_s)
    return response.refinement


def _without_exit(answer: pb.Refinement) -> UnavailableError:
    reason = pb.Reason.Name(answer.reason)
    return UnavailableError(
        f"no exit was complete in time ({reason}): allow more time, or try again",
        cause=reason.lower(),
        retry_after_s=answer.retry_after_ms / 1e3 or RESTART_S,
    )


async def _abort(context: Context, error: RequestError) -> NoReturn:
    """End a call with the error's status, and with its cause and time to retry after in the trailing metadata."""
    trailing = [("cause", error.cause)] if error.cause else []
    if error.retry_after_s > 0:
        trailing.append(("retry-after-ms", f"{error.retry_after_s * 1e3:.3f}"))
    await context.abort(error.grpc_status, error.detail, tuple(trailing))
    raise AssertionError  # abort never returns


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _deadline_s(context: Context, now_s: float) -> float | None:
    """The gRPC deadline on this machine's clock, if there is one."""
    remaining_s = context.time_remaining()
    return None if remaining_s is None else now_s + remaining_s
