"""A scripted server: real gRPC over loopback, saying exactly what a test wants it to say."""

import contextlib
import os
import queue
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import pytest
import zstandard
from PIL import Image

from interim.client import Client
from interim.v1 import control_pb2, control_pb2_grpc, inference_pb2_grpc
from interim.v1 import inference_pb2 as pb

SessionScript = Callable[[Iterator[pb.SessionRequest], Any], Iterator[pb.SessionResponse]]
CLASSES = (("sky", 0x4682B4), ("road", 0x804080), ("car", 0x00008E))
HEIGHT, WIDTH = 12, 16


def label_map(mask: npt.NDArray[np.uint8]) -> pb.LabelMap:
    """A mask as the server sends it by default: runs, compressed."""
    flat = mask.reshape(-1)
    starts = np.flatnonzero(np.concatenate(([True], flat[1:] != flat[:-1])))
    lengths = np.diff(np.append(starts, flat.size)).astype("<u4")
    data = struct.pack("<I", starts.size) + flat[starts].tobytes() + lengths.tobytes()
    return pb.LabelMap(
        encoding=pb.RLE_ZSTD, height=mask.shape[0], width=mask.shape[1], data=zstandard.compress(data)
    )


def mask_of(exit_: int) -> npt.NDArray[np.uint8]:
    """The scripted mask of one exit: sky over road, and a car that grows by the exit."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[HEIGHT // 2 :] = 1
    mask[-2:, :exit_] = 2
    return mask


def described() -> pb.Model:
    """The scripted model."""
    exits = [pb.Exit(name=f"exit {k}", quality=0.4 + 0.05 * k, cost_ms=10.0 * k) for k in (1, 2, 3)]
    return pb.Model(
        name="scripted",
        task="segmentation",
        classes=[pb.Class(id=id_, name=name, rgb=rgb) for id_, (name, rgb) in enumerate(CLASSES)],
        exits=[*exits, pb.Exit(name="exit 4")],
        long_side=2048,
        threshold=0.99,
        masking=True,
    )


class ScriptedServer(inference_pb2_grpc.InferenceServicer, control_pb2_grpc.ControlServicer):
    """What a test changes is an attribute; what it wants to know was noted.

    Attributes:
        session: answers a whole Session stream.
        infer_once: answers InferOnce.
        caps, moved: what it says of budgets.
        model: what it says of its model.
        said: set once `exit_1_and_silence` has answered.
        heard: every message of every session, in order.
        ended: one entry for each session that ended, whoever ended it.
        address: where it listens.
        label_map, mask_of: the helpers above, for tests.
    """

    label_map = staticmethod(label_map)
    mask_of = staticmethod(mask_of)

    def __init__(self) -> None:
        self.session: SessionScript = self.four_exits
        self.infer_once: Callable[[pb.InferRequest, Any], pb.Refinement] = self.last_exit
        self.caps: list[control_pb2.BudgetCap] = []
        self.moved = 0
        self.model = described()
        self.said = threading.Event()
        self.heard: queue.Queue[pb.SessionRequest] = queue.Queue()
        self.ended: queue.Queue[str] = queue.Queue()
        limit = [("grpc.max_receive_message_length", 4 << 20)]
        self._server = grpc.server(ThreadPoolExecutor(8), options=limit)
        inference_pb2_grpc.add_InferenceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]  # generated
        control_pb2_grpc.add_ControlServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]  # generated
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    # What scripts are made of

    def refinement(self, request_id: str, exit_: int, **fields: Any) -> pb.SessionResponse:
        """An answer with the scripted mask of its exit, unless `fields` say otherwise."""
        said: dict[str, Any] = {
            "request_id": request_id,
            "model": "scripted",
            "exit": exit_,
            "exits": 4,
            "mask": label_map(mask_of(exit_)) if exit_ else None,
            "active_share": 1.0 - exit_ / 4,
            "elapsed_ms": 10.0 * exit_,
            "remaining_ms": 80.0 - 10.0 * exit_,
            "budget_ms": 80.0,
            "budget_policy": "request",
        }
        return pb.SessionResponse(refinement=pb.Refinement(**{**said, **fields}))

    def four_exits(self, requests: Iterator[pb.SessionRequest], _: Any) -> Iterator[pb.SessionResponse]:
        """Answers each frame with all four exits."""
        for request in requests:
            if request.HasField("frame"):
                frame_id = request.frame.request_id
                yield from (self.refinement(frame_id, exit_) for exit_ in (1, 2, 3))
                yield self.refinement(frame_id, 4, final=True, reason=pb.FINAL_EXIT)

    def exit_1_and_silence(
        self, requests: Iterator[pb.SessionRequest], context: Any
    ) -> Iterator[pb.SessionResponse]:
        """Answers the first frame with exit 1, notes that in `said`, and hangs until it is cancelled."""
        over = threading.Event()
        context.add_callback(over.set)
        yield self.refinement(next(self.frame_ids(requests)), 1)
        self.said.set()
        over.wait(60.0)

    @staticmethod
    def frame_ids(requests: Iterator[pb.SessionRequest]) -> Iterator[str]:
        """The ids of the frames among what a client sends."""
        return (request.frame.request_id for request in requests if request.HasField("frame"))

    def last_exit(self, _: pb.InferRequest, __: Any) -> pb.Refinement:
        """The answer at the deadline."""
        answer = self.refinement("by-the-server", 4, final=True, reason=pb.DEADLINE).refinement
        assert isinstance(answer, pb.Refinement)
        return answer

    # The services

    def GetBudget(self, _: Any, __: Any) -> control_pb2.BudgetState:  # noqa: N802
        return control_pb2.BudgetState(
            default_ms=1000,
            load_share=0.5,
            queue_ms=120,
            in_flight=3,
            moved=self.moved,
            policies=[control_pb2.BudgetPolicy(name="class:batch", says="at most 300 ms", active=True)],
            caps=self.caps,
        )

    def SetBudgetCap(self, request: control_pb2.SetBudgetCapRequest, context: Any) -> control_pb2.BudgetState:  # noqa: N802
        if request.at_most_ms > 1e6:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "at_most_ms is too large")
        self.moved = 2
        self.caps = [
            control_pb2.BudgetCap(
                request_class=request.request_class,
                at_most_ms=request.at_most_ms,
                remaining_s=request.ttl_s,
                why=request.why,
                set_by="ipv4:127.0.0.1:1",
                dry_run=request.dry_run,
            )
        ]
        return self.GetBudget(None, None)

    def ClearBudgetCap(self, request: control_pb2.ClearBudgetCapRequest, _: Any) -> control_pb2.BudgetState:  # noqa: N802
        whose = request.request_class if request.HasField("request_class") else None
        gone = [cap for cap in self.caps if whose in {None, cap.request_class}]
        self.caps = [cap for cap in self.caps if cap not in gone]
        state = self.GetBudget(None, None)
        state.cleared = len(gone)
        return state

    def Session(self, requests: Iterator[pb.SessionRequest], context: Any) -> Iterator[pb.SessionResponse]:  # noqa: N802
        context.add_callback(lambda: self.ended.put("session"))
        yield from self.session(self._noted(requests), context)

    def InferOnce(self, request: pb.InferRequest, context: Any) -> pb.Refinement:  # noqa: N802
        self.heard.put(pb.SessionRequest(frame=request))
        return self.infer_once(request, context)

    def ListModels(self, _: pb.ListModelsRequest, __: Any) -> pb.ListModelsResponse:  # noqa: N802
        return pb.ListModelsResponse(models=[self.GetModel(pb.GetModelRequest(), None)])

    def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.Model:  # noqa: N802
        if request.name not in {"", "scripted"}:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {request.name!r}; there is scripted")
        return self.model

    def Status(self, _: control_pb2.StatusRequest, __: Any) -> control_pb2.StatusResponse:  # noqa: N802
        stages = [control_pb2.StageCost(exit=f"exit {k}", mean_ms=10.0, p99_ms=12.0) for k in (1, 2, 3, 4)]
        worker = control_pb2.Worker(
            model="scripted",
            device="cpu",
            dtype="float32",
            up=True,
            height=360,
            width=480,
            stages=stages,
            task="pose",
            classes=["head", "foot"],
        )
        return control_pb2.StatusResponse(
            version="0.1.0", uptime_s=61.0, ready=True, in_flight=2, bytes_in_flight=4096, workers=[worker]
        )

    def _noted(self, requests: Iterator[pb.SessionRequest]) -> Iterator[pb.SessionRequest]:
        for request in requests:
            self.heard.put(request)
            yield request


class Wire:
    """A TCP proxy before a server, to be cut in the middle of what it carries."""

    def __init__(self, address: str) -> None:
        self._behind = address.rsplit(":", 1)
        self._ends: list[socket.socket] = []
        self.address = "127.0.0.1:0"
        self.mend()

    @property
    def connections(self) -> int:
        """How many it carries."""
        return len(self._ends) // 2

    def mend(self) -> None:
        """Takes connections, at the same address after a cut."""
        host, port = self.address.rsplit(":", 1)
        self._listener = socket.create_server((host, int(port)))
        self.address = f"{host}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Breaks every connection and takes no new one, as a killed server does."""
        for end in [self._listener, *self._ends]:
            with contextlib.suppress(OSError):  # shutdown wakes the thread that waits; closing does not
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((self._behind[0], int(self._behind[1])))
            self._ends += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        return


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A scripted server on a free port."""
    scripted = ScriptedServer()
    yield scripted
    scripted.stop()


@pytest.fixture
def wire(server: ScriptedServer) -> Iterator[Wire]:
    """A connection to the scripted server that a test can cut."""
    proxy = Wire(server.address)
    yield proxy
    proxy.cut()


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[Client]:
    """A client of the scripted server."""
    with Client(server.address) as ours:
        yield ours


@pytest.fixture
def image() -> npt.NDArray[np.uint8]:
    """A small picture, as an array."""
    rows = np.linspace(0, 255, HEIGHT, dtype=np.uint8)
    return np.broadcast_to(rows[:, None, None], (HEIGHT, WIDTH, 3)).copy()


@pytest.fixture
def street(tmp_path: Path, image: Any) -> Path:
    """A picture file of the size of the scripted masks."""
    path = tmp_path / "street.png"
    Image.fromarray(image).save(path)
    return path


@pytest.fixture
def command() -> Callable[..., subprocess.Popen[str]]:
    """Starts `interim` as a process of its own."""

    def start(*args: str) -> subprocess.Popen[str]:
        paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        line = [sys.executable, "-m", "interim.client.main", *args]
        return subprocess.Popen(line, env=paths, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start
