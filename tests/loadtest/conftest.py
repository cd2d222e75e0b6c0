"""A scripted server that answers over loopback."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from interim.v1 import inference_pb2 as pb
from interim.v1 import inference_pb2_grpc as rpc

EXITS = 4


class Scripted(rpc.InferenceServicer):
    """Answers by budget: below 1 ms refused, below 2 ms no exit, else an exit each 2 ms (it says) to the last.

    Every mask is `mask`; `frames` are the requests that came, on how many `sessions`. The first
    `broken` sessions fail at their first frame. While it is `doubtful`, every other refusal says when to try again.
    """

    def __init__(self) -> None:
        self.frames: list[pb.InferRequest] = []
        self.sessions = 0
        self.broken = 0
        self.mask = np.zeros((3, 4), np.uint8)
        self.doubtful = False
        self._refusals = itertools.count()

    def ListModels(self, request: Any, context: Any) -> pb.ListModelsResponse:  # noqa: N802  gRPC's name
        return pb.ListModelsResponse(models=[self._model()])

    def GetModel(self, request: Any, context: Any) -> pb.Model:  # noqa: N802  gRPC's name
        if request.name not in {"", "scripted"}:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {request.name!r}; there is scripted")
        return self._model()

    def _model(self) -> pb.Model:
        exits = [pb.Exit(name=f"exit {exit_}", quality=exit_ / 10) for exit_ in range(1, EXITS + 1)]
        classes = [pb.Class(id=each, name=f"class {each}") for each in range(2)]
        return pb.Model(name="scripted", exits=exits, classes=classes)

    def Session(self, requests: Any, context: Any) -> Iterator[pb.SessionResponse]:  # noqa: N802  gRPC's name
        self.sessions += 1
        for message in requests:
            if message.HasField("frame"):
                self.frames.append(message.frame)
                if self.sessions <= self.broken:
                    context.abort(grpc.StatusCode.INTERNAL, "this stream breaks")
                yield from self._answers(message.frame)

    def _answers(self, frame: pb.InferRequest) -> Iterator[pb.SessionResponse]:
        if frame.budget_ms < 1:
            rejection = pb.Rejection(
                request_id=frame.request_id,
                status=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0],
                cause="deadline",
                detail="too tight",
                retry_after_ms=1.0 if self.doubtful and next(self._refusals) % 2 == 0 else 0.0,
            )
            yield pb.SessionResponse(rejection=rejection)
        elif frame.budget_ms < 2:
            yield self._refined(frame, 0, pb.DEADLINE)
        else:
            last = frame.max_exit or EXITS
            for exit_ in range(1, last + 1):
                yield self._refined(frame, exit_, pb.FINAL_EXIT if exit_ == last else None)

    def _refined(self, frame: pb.InferRequest, exit_: int, reason: Any) -> pb.SessionResponse:
        height, width = self.mask.shape
        refinement = pb.Refinement(
            request_id=frame.request_id,
            exit=exit_,
            exits=EXITS,
            elapsed_ms=2.0 * exit_,
            budget_ms=frame.budget_ms,
            final=reason is not None,
            reason=reason or pb.REASON_UNSPECIFIED,
        )
        if exit_:
            data = self.mask.tobytes()
            refinement.mask.CopyFrom(pb.LabelMap(encoding=pb.RAW, height=height, width=width, data=data))
        return pb.SessionResponse(refinement=refinement)


@pytest.fixture
def scripted() -> Iterator[tuple[str, Scripted]]:
    """A scripted server on a free loopback port: its target, and the script."""
    servicer = Scripted()
    server = grpc.server(ThreadPoolExecutor(8))
    rpc.add_InferenceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", servicer
    server.stop(None).wait()
