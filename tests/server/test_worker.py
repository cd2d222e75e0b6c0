"""The front's side of an engine: heard to the end, lost once, watched, and started again."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from interim.server.engine.arena import Arena
from interim.server.engine.channel import Frames
from interim.server.engine.messages import (
    Ask,
    Beat,
    Forget,
    Freed,
    FromEngine,
    Learned,
    Quit,
    Ready,
    Start,
    Unable,
    Verdict,
)
from interim.server.errors import ConfigError, StartError
from interim.server.front.life import SILENCE_S
from interim.server.front.worker import BACK_OFF_S, Worker

READY = Ready(
    spec={},
    device="cpu",
    dtype="float32",
    execution="dense",
    masking=False,
    threads=1,
    longest_slice_s=0.01,
    height=32,
    width=32,
    costs=(),
)


class Engines:
    """Stands in for engine processes: each is a process that only sleeps; the test speaks for it.

    Attributes:
        ends: the engines' ends of the sockets, oldest first.
        starts: what each was told to start.
    """

    def __init__(self) -> None:
        self.ends: list[socket.socket] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self.now_s, self.tick_s = 1000.0, 0.0
        self.refusals = 0
        self.replaced = 0
        self.said: list[FromEngine] = []
        self.events: list[str] = []
        self.arena = Arena.create(slots=2, max_pixels=16)
        self.worker = Worker(
            Start(model="stand-in"),
            arena=self.arena,
            listener=self.listen,
            lost=lambda: self.events.append("lost"),
            replaced=self.replace,
            spawn=self.spawn,
            clock=self.clock,
        )

    def clock(self) -> float:
        self.now_s += self.tick_s
        return self.now_s

    def spawn(self, end: socket.socket, arena: Arena, threads: int) -> subprocess.Popen[bytes]:
        assert arena is self.arena
        assert threads >= 1
        if self.refusals:
            self.refusals -= 1
            raise BlockingIOError("Resource temporarily unavailable")
        self.ends.append(end.dup())
        self.processes.append(subprocess.Popen(["sleep", "600"]))
        return self.processes[-1]

    def replace(self) -> None:
        self.replaced += 1

    def listen(self, message: FromEngine) -> None:
        self.said.append(message)
        self.events.append(type(message).__name__)

    def say(self, *messages: FromEngine) -> None:
        self.ends[-1].sendall(b"".join(Frames.frame(message) for message in messages))

    def heard(self) -> list[Any]:
        """All that the newest engine was told."""
        self.ends[-1].setblocking(False)
        try:
            return list(Frames().feed(self.ends[-1].recv(1 << 20)))
        except BlockingIOError:
            return []

    def die(self) -> None:
        self.processes[-1].kill()
        self.processes[-1].wait()
        self.ends[-1].close()

    def count_is(self, count: int) -> bool:
        return len(self.processes) == count

    async def start(self) -> Ready:
        starting = asyncio.create_task(self.worker.start())
        await asyncio.sleep(0)
        self.say(READY)
        return await starting

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 -- what it waits for are processes, too
                await asyncio.sleep(0.001)


@pytest.fixture
def engines() -> Iterator[Engines]:
    engines = Engines()
    yield engines
    for end in engines.ends:
        end.close()
    for process in engines.processes:
        process.kill()
        process.wait()
    engines.arena.close()


def play(engines: Engines, scene: Callable[[], Awaitable[None]]) -> None:
    """Run a scene in an event loop, and stop the worker after it."""

    async def whole() -> None:
        try:
            await scene()
        finally:
            for process in engines.processes:
                process.kill()
            await engines.worker.stop()

    asyncio.run(whole())


def test_an_engine_is_up_from_ready_on(engines: Engines) -> None:
    """It is told what to do, with the arena's sizes and its threads; then it is up."""

    async def scene() -> None:
        assert await engines.start() == READY
        (start,) = engines.heard()
        assert (start.model, start.slots, start.max_pixels) == ("stand-in", 2, 16)
        assert start.threads >= 1
        assert engines.worker.up
        assert engines.said == [READY]

    play(engines, scene)


@pytest.mark.parametrize(("wrong_use", "kind"), [(True, ConfigError), (False, StartError)])
def test_a_model_that_cannot_be_served_fails_the_start_in_its_own_words(
    engines: Engines, wrong_use: bool, kind: type[StartError]
) -> None:
    """One sentence for the person at the terminal, and no second try; a name that nothing has is wrong use."""

    async def scene() -> None:
        starting = asyncio.create_task(engines.worker.start())
        await asyncio.sleep(0)
        engines.say(Unable(detail="There is no such model.", wrong_use=wrong_use))
        engines.die()
        with pytest.raises(StartError, match="There is no such model") as raised:
            await starting
        assert raised.type is kind
        assert len(engines.processes) == 1
        assert engines.events == []

    play(engines, scene)


def test_an_engine_that_dies_before_it_is_ready_fails_the_start(engines: Engines) -> None:
    """The start never waits for ever."""

    async def scene() -> None:
        starting = asyncio.create_task(engines.worker.start())
        await asyncio.sleep(0)
        engines.die()
        with pytest.raises(StartError, match="before it was ready"):
            await starting

    play(engines, scene)


def test_all_that_was_said_is_heard_before_the_loss(engines: Engines) -> None:
    """Nothing already computed is lost with an engine, and it is lost once."""

    async def scene() -> None:
        await engines.start()
        engines.say(*(Freed(id=number, wasted_s=0.0) for number in range(50)))
        engines.die()
        await engines.until(lambda: len(engines.processes) == 2)
        assert engines.events == ["Ready", *["Freed"] * 50, "lost"]
        engines.say(READY)
        await engines.until(lambda: engines.worker.up)
        assert engines.worker.restarts == 1
        assert engines.events.count("lost") == 1

    play(engines, scene)


def test_draining_hears_everything_now(engines: Engines) -> None:
    """A timer that fires hears what is complete, without going back to the event loop."""

    async def scene() -> None:
        await engines.start()
        engines.say(Freed(id=1, wasted_s=0.0), Freed(id=2, wasted_s=0.0))
        engines.worker.drain()
        assert engines.said[1:] == [Freed(id=1, wasted_s=0.0), Freed(id=2, wasted_s=0.0)]
        engines.die()
        engines.worker.drain()
        assert engines.events[-1] == "lost"
        assert not engines.worker.up

    play(engines, scene)


def test_a_death_is_noticed_though_a_child_keeps_the_socket_open(engines: Engines) -> None:
    """What a user's model leaves running does not hide the end of the engine."""

    async def scene() -> None:
        await engines.start()
        engines.processes[0].kill()
        await engines.until(lambda: "lost" in engines.events)

    play(engines, scene)


def test_silence_is_a_hang(engines: Engines) -> None:
    """An engine that says nothing for 2 s is killed, stopped or not; one that beats is not."""

    async def scene() -> None:
        await engines.start()
        os.kill(engines.processes[0].pid, signal.SIGSTOP)
        for _ in range(20):
            engines.now_s += 0.4
            engines.say(Beat(now_s=0.0, longest_slice_s=0.01, queued=0))
            engines.worker._watch()
        assert engines.worker.up
        for _ in range(int(SILENCE_S / 0.4) + 1):
            engines.now_s += 0.4
            engines.worker._watch()
        await engines.until(lambda: "lost" in engines.events)
        assert engines.processes[0].poll() == -signal.SIGKILL

    play(engines, scene)


def test_verdicts_are_no_sign_of_a_compute_thread(engines: Engines) -> None:
    """An engine whose compute thread hangs is replaced, however busily its other thread answers."""

    async def scene() -> None:
        await engines.start()
        for _ in range(int(SILENCE_S / 0.4) + 1):
            engines.now_s += 0.4
            engines.say(Verdict(id=1, ticket=0, admitted=True), Freed(id=1, wasted_s=0.0))
            engines.worker._watch()
        await engines.until(lambda: "lost" in engines.events)
        assert engines.processes[0].poll() == -signal.SIGKILL

    play(engines, scene)


def test_long_slices_are_waited_for(engines: Engines) -> None:
    """A model whose slices take a second is silent for ten of them before it counts as hung."""

    async def scene() -> None:
        await engines.start()
        engines.say(Beat(now_s=0.0, longest_slice_s=1.0, queued=0))
        engines.worker.drain()
        for _ in range(24):
            engines.now_s += 0.4
            engines.worker._watch()
        assert engines.processes[0].poll() is None
        for _ in range(2):
            engines.now_s += 0.4
            engines.worker._watch()
        await engines.until(lambda: "lost" in engines.events)

    play(engines, scene)


def test_a_front_that_slept_kills_nobody(engines: Engines) -> None:
    """When the front itself was stopped, the silence was its own."""

    async def scene() -> None:
        await engines.start()
        engines.now_s += 3600.0
        engines.worker._watch()
        engines.now_s += 0.1
        engines.worker._watch()
        assert engines.processes[0].poll() is None
        assert engines.worker.up

    play(engines, scene)


def test_an_engine_that_stops_reading_is_killed_and_blocks_nobody(engines: Engines) -> None:
    """Sending never waits; past a limit the engine counts as hung."""

    async def scene() -> None:
        await engines.start()
        for number in range(200_000):
            engines.worker.send(Forget(id=number))
            if engines.processes[0].poll() is not None:
                break
        await engines.until(lambda: "lost" in engines.events)

    play(engines, scene)


def test_what_was_kept_back_is_sent_when_there_is_room(engines: Engines) -> None:
    """A burst that the socket does not take at once arrives whole and in order."""

    async def scene() -> None:
        await engines.start()
        count = 4000
        for number in range(count):
            engines.worker.send(Forget(id=number))
        assert engines.worker._life is not None
        assert engines.worker._life.channel.pending
        frames = Frames()
        told: list[Any] = []
        engines.ends[0].setblocking(False)

        def read() -> bool:
            with contextlib.suppress(BlockingIOError):
                told.extend(frames.feed(engines.ends[0].recv(1 << 16)))
            return len(told) == count + 1

        await engines.until(read)
        assert told[1:] == [Forget(id=number) for number in range(count)]
        assert not engines.worker._life.channel.pending

    play(engines, scene)


def test_what_is_sent_to_no_engine_goes_nowhere(engines: Engines) -> None:
    """Between two engines the front need not look before it speaks."""

    async def scene() -> None:
        await engines.start()
        engines.die()
        engines.worker.drain()
        engines.worker.send(Forget(id=1))
        await engines.until(lambda: len(engines.processes) == 2)
        assert not any(isinstance(message, Forget | Ask) for message in engines.heard())

    play(engines, scene)


def test_the_next_engine_knows_what_the_last_had_learnt(engines: Engines) -> None:
    """Costs are not measured again, long slices are no surprise, and the front is not told of them."""

    async def scene() -> None:
        await engines.start()
        engines.say(Learned(costs={"lines": [1]}), Beat(now_s=0.0, longest_slice_s=2.5, queued=0))
        engines.die()
        await engines.until(lambda: len(engines.processes) == 2)
        (start,) = engines.heard()
        assert (start.learned, start.longest_slice_s) == ({"lines": [1]}, 2.5)
        assert "Learned" not in engines.events

    play(engines, scene)


def test_restarts_back_off_until_an_engine_lives(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first restart is at once, the next ones wait longer and longer; all count; a long life starts afresh."""

    async def scene() -> None:
        await engines.start()
        waits: list[float] = []
        loop = asyncio.get_running_loop()
        later = loop.call_later

        def call_later(wait_s: float, call: Callable[..., object], *arguments: object) -> object:
            if call == engines.worker._restart:
                waits.append(wait_s)
                wait_s = 0.0
            return later(wait_s, call, *arguments)

        monkeypatch.setattr(loop, "call_later", call_later)
        for lived in range(2, len(BACK_OFF_S) + 3):
            engines.die()
            await engines.until(partial(engines.count_is, lived))
        assert waits == [*BACK_OFF_S, BACK_OFF_S[-1]]
        assert engines.replaced == engines.worker.restarts == len(waits)
        engines.say(READY)
        await engines.until(lambda: engines.worker.up)
        engines.now_s += 60.0
        engines.die()
        await engines.until(lambda: len(waits) == len(BACK_OFF_S) + 2)
        assert waits[-1] == BACK_OFF_S[0]

    play(engines, scene)


def test_a_start_that_the_system_refuses_is_tried_again(engines: Engines) -> None:
    """No memory for a new process now is no reason never to have one."""

    async def scene() -> None:
        await engines.start()
        engines.refusals = 1
        engines.die()
        await engines.until(partial(engines.count_is, 2))
        assert engines.worker.restarts == 2

    play(engines, scene)


def test_a_listener_that_raises_harms_no_other_message(engines: Engines) -> None:
    """One request's fault is logged, and the next message is heard."""

    async def scene() -> None:
        await engines.start()
        listen = engines.worker._listener

        def touchy(message: FromEngine) -> None:
            if message == Freed(id=1, wasted_s=0.0):
                raise RuntimeError("not this one")
            listen(message)

        engines.worker._listener = touchy
        engines.say(Freed(id=1, wasted_s=0.0), Freed(id=2, wasted_s=0.0))
        engines.worker.drain()
        assert engines.said[1:] == [Freed(id=2, wasted_s=0.0)]

    play(engines, scene)


def test_stopping_ends_the_engine_and_starts_no_other(engines: Engines) -> None:
    """It is asked to quit, killed when it does not, and not mourned."""

    async def scene() -> None:
        await engines.start()
        engines.tick_s = 0.5
        stopping = asyncio.create_task(engines.worker.stop())
        await asyncio.sleep(0)
        assert Quit() in engines.heard()
        engines.ends[0].close()
        await stopping
        assert engines.processes[0].poll() == -signal.SIGKILL
        assert len(engines.processes) == 1
        assert engines.events == ["Ready"]
        assert not engines.worker.up

    asyncio.run(scene())
