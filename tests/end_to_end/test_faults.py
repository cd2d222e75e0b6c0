"""Faults of whole processes: nothing that was complete is lost, every stream ends, the server comes back."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tests.end_to_end.conftest import Running, alive
from tests.server.scripted import CRASH, picture

from interim.v1 import inference_pb2 as pb
from interim.v1 import inference_pb2_grpc

pytestmark = pytest.mark.slow

MANY = 20
BUDGET_MS = 60_000.0


def request(pixels: Any = None, **fields: Any) -> pb.InferRequest:
    """A picture that the scripted model obeys; an ordinary one if none is given."""
    pixels = picture() if pixels is None else pixels
    height, width = pixels.shape[:2]
    raw = pb.RawImage(height=height, width=width, rgb=np.ascontiguousarray(pixels).tobytes())
    return pb.InferRequest(image=pb.Image(raw=raw), budget_ms=fields.pop("budget_ms", BUDGET_MS), **fields)


class Streams:
    """Requests in flight, each with what it has been told so far."""

    def __init__(self, stub: Any) -> None:
        self.stub = stub
        self.said: list[list[pb.Refinement]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def open(self, message: pb.InferRequest) -> list[pb.Refinement]:
        said: list[pb.Refinement] = []
        self.said.append(said)
        self._tasks.append(asyncio.ensure_future(self._read(message, said)))
        return said

    async def _read(self, message: pb.InferRequest, said: list[pb.Refinement]) -> None:
        async for each in self.stub.Infer(message):
            said.append(each)  # noqa: PERF401 -- it is looked at while it grows

    async def end(self) -> None:
        """Wait until every stream has ended, and see that each did with exactly one final."""
        await asyncio.gather(*self._tasks)
        for said in self.said:
            assert [each.final for each in said] == [False] * (len(said) - 1) + [True]
            exits = [each.exit for each in said]
            assert exits == sorted(exits)


async def until(condition: Callable[[], object]) -> None:
    """Wait for it; the test's own time limit ends a wait in vain."""
    while not condition():  # noqa: ASYNC110 -- what is waited for has no event
        await asyncio.sleep(0.005)


def play(server: Running, scene: Callable[[Streams], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with grpc.aio.insecure_channel(server.grpc) as channel:
            await scene(Streams(inference_pb2_grpc.InferenceStub(channel)))  # type: ignore[no-untyped-call]

    asyncio.run(whole())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_an_engine_lost_with_many_in_flight(steady_server: Running, number: signal.Signals) -> None:
    """Killed or hanging: those with an exit get it at once, the others are asked for once more and served."""
    server, first = steady_server, steady_server.engine

    async def scene(streams: Streams) -> None:
        for _ in range(MANY):
            streams.open(request(max_exit=2))
        await until(lambda: sum(map(bool, streams.said)) >= 3)
        before = [bool(said) for said in streams.said]
        os.kill(first, number)
        await until(lambda: not server.ready())
        await streams.end()
        with_exit = [said for said, had in zip(streams.said, before, strict=True) if had]
        for said in with_exit:
            assert said[-1].exit >= 1
            assert said[-1].reason in (pb.WORKER_LOST, pb.FINAL_EXIT)
        assert any(said[-1].reason == pb.WORKER_LOST for said in with_exit)
        for said, had in zip(streams.said, before, strict=True):
            if not had:
                assert (said[-1].exit, said[-1].late) == (2, False) or said[-1].reason == pb.WORKER_LOST
        assert any(said[-1].reason == pb.FINAL_EXIT for said in streams.said)
        assert all(said[-1].exit >= 1 for said in streams.said)

    play(server, scene)
    server.until(server.ready)
    assert server.engine != first
    assert not alive(first)
    assert (
        'interim_worker_restarts_total{model="tests.server.scripted:steady"} 1.0' in server.get("/metrics")[1]
    )


def test_a_front_that_is_killed_leaves_nothing_behind(start_server: Callable[..., Running]) -> None:
    """The engine goes too, stages under way or not, and the memory goes with the last of them."""
    server = start_server("--model", "tests.server.scripted:steady", "--warm-sizes", "64x96")
    try:
        server.await_banner()
        engine = server.engine
        memory = memory_of(server.process.pid)
        assert memory
        assert memory == memory_of(engine)

        async def scene(streams: Streams) -> None:
            said = streams.open(request())
            await until(lambda: said)
            server.process.kill()
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await streams.end()
            assert error.value.code() == grpc.StatusCode.UNAVAILABLE

        play(server, scene)
        server.until(lambda: not alive(engine))
        assert not [pid for pid in processes() if memory & memory_of(pid)]
    finally:
        server.end()


def test_a_request_that_kills_every_engine_ends_alone(steady_server: Running) -> None:
    """At the second death it is given up; who had an exit kept it, and who comes later is served."""
    server = steady_server

    async def scene(streams: Streams) -> None:
        neighbour = streams.open(request())
        await until(lambda: neighbour)
        poison = streams.open(request(picture(command=CRASH, at=1)))
        await streams.end()
        assert (poison[-1].exit, poison[-1].reason) == (0, pb.WORKER_LOST)
        assert poison[-1].retry_after_ms > 0
        assert neighbour[-1].exit >= 1
        await until(server.ready)
        later = streams.open(request())
        await streams.end()
        assert (later[-1].exit, later[-1].reason) == (4, pb.FINAL_EXIT)

    play(server, scene)
    assert (
        'interim_worker_restarts_total{model="tests.server.scripted:steady"} 2.0' in server.get("/metrics")[1]
    )


def test_while_the_engine_is_away_newcomers_are_told_when_to_return(steady_server: Running) -> None:
    """UNAVAILABLE with a time, not a hang; `/readyz` agrees."""
    server = steady_server

    async def scene(streams: Streams) -> None:
        os.kill(server.engine, signal.SIGKILL)
        await until(lambda: not server.ready())
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await streams.stub.InferOnce(request())
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "retry-after-ms" in [key for key, _ in error.value.trailing_metadata() or ()]
        await until(server.ready)
        assert (await streams.stub.InferOnce(request())).exit == 4

    play(server, scene)


def processes() -> list[int]:
    """Every process there is."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def memory_of(pid: int) -> set[str]:
    """The arenas that a process maps, by inode."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except OSError:
        return set()
    return {line.split()[4] for line in lines if "interim-arena" in line}
