"""Starting and stopping as people and service managers do it."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from tests.end_to_end.conftest import Running, alive, scripted
from tests.server.scripted import picture

from interim.v1 import inference_pb2 as pb
from interim.v1 import inference_pb2_grpc

pytestmark = pytest.mark.slow


def request(**fields: Any) -> pb.InferRequest:
    raw = pb.RawImage(height=64, width=96, rgb=picture().tobytes())
    return pb.InferRequest(image=pb.Image(raw=raw), **fields)


@pytest.fixture
def stub(steady_server: Running) -> Iterator[Any]:
    with grpc.insecure_channel(steady_server.grpc) as channel:
        yield inference_pb2_grpc.InferenceStub(channel)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_is_finished_before_the_end(
    steady_server: Running, stub: Any, number: signal.Signals
) -> None:
    """No newcomers, not ready, but the one that runs gets all its exits; then status 0 and no engine."""
    engine = steady_server.engine
    running = stub.Infer(request(budget_ms=5000))
    assert next(running).exit == 1
    steady_server.process.send_signal(number)
    steady_server.until(lambda: not steady_server.ready())
    with pytest.raises(grpc.RpcError) as error:
        stub.InferOnce(request())
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "stopping" in error.value.details()
    assert [(each.exit, each.final) for each in running] == [(2, False), (3, False), (4, True)]
    assert steady_server.process.wait(20) == 0
    assert not alive(engine)


@contextmanager
def draining(server: Running) -> Iterator[tuple[Running, Any]]:
    """A server that was told to stop after exit 1 of a request with 50 s, and its stream; it ends with status 0."""
    try:
        server.await_banner()
        with grpc.insecure_channel(server.grpc) as channel:
            running = inference_pb2_grpc.InferenceStub(channel).Infer(request(budget_ms=50_000))  # type: ignore[no-untyped-call]
            assert next(running).exit == 1
            server.process.send_signal(signal.SIGTERM)
            yield server, running
        assert server.process.wait(20) == 0
    finally:
        server.end()


def test_an_engine_that_dies_during_the_drain_keeps_nobody_waiting(
    start_server: Callable[..., Running],
) -> None:
    """What it had finished is the answer, at once, and the stop goes on."""
    with draining(start_server(*scripted("slow"))) as (server, running):
        server.until(lambda: not server.ready())
        os.kill(server.engine, signal.SIGKILL)
        *_, final = running
        assert (final.final, final.reason) == (True, pb.WORKER_LOST)
        assert final.remaining_ms > 0


def test_what_cannot_be_finished_in_time_ends_with_its_newest_exit(
    start_server: Callable[..., Running],
) -> None:
    """The drain has a limit; the final says why."""
    with draining(start_server(*scripted("steady"), "--drain-s", "0.05")) as (_, running):
        *_, final = running
        assert (final.final, final.reason) == (True, pb.SHUTDOWN)
        assert 1 <= final.exit < 4


def test_an_idle_server_stops_at_once_and_says_nothing_ugly(start_server: Callable[..., Running]) -> None:
    """Ctrl-C is a way to end it, not an error."""
    server = start_server(*scripted("quick"))
    try:
        server.await_banner()
        for words in ("4 exits", "cpu", "1 after", "gRPC     127.0.0.1:", "interim segment"):
            assert words in server.said
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0
    finally:
        server.end()
    assert "Traceback" not in server.said
    assert "ERROR" not in server.said


def refusal(server: Running, ends_with: int) -> str:
    """The last line of a server that did not start."""
    try:
        status = server.process.wait(60)
    finally:
        server.end()
    assert status == ends_with
    assert "Traceback" not in server.said
    return server.said.splitlines()[-1]


def test_a_port_in_use_is_one_sentence_and_status_1(start_server: Callable[..., Running]) -> None:
    """Before the model is loaded."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for option in ("--grpc", "--http"):
            said = refusal(start_server(*scripted("quick"), option, address), 1)
            assert said.startswith("interim-server: ")
            assert address in said
            assert option in said


@pytest.mark.parametrize("model", ["no-such-model", "tests.server.scripted:broken", "nowhere:to_be_found"])
def test_a_model_that_cannot_be_served_is_one_sentence(
    start_server: Callable[..., Running], model: str
) -> None:
    """It names the model; status 2: another one must be named."""
    said = refusal(start_server("--model", model), 2)
    assert said.startswith("interim-server: ")
    assert model in said
