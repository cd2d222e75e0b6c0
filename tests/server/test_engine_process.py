"""Real engine processes: they answer, they die, they are killed, and nothing that was complete is lost."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.server.scripted import CRASH, EXITS, HANG, RAISE, picture

from interim.server.engine.arena import Arena, Maps, Slot
from interim.server.engine.messages import (
    Ask,
    Begun,
    Failed,
    Forget,
    Freed,
    FromEngine,
    Published,
    Ready,
    Start,
    Submit,
    Verdict,
)
from interim.server.errors import StartError
from interim.server.front.worker import Worker
from interim.server.urgency import PREFERRED_NICENESS

pytestmark = pytest.mark.slow

SIZE = (64, 96)
Kind = TypeVar("Kind", bound=FromEngine)


class Front:
    """A front that asks, submits and listens."""

    def __init__(self, model: str, **options: Any) -> None:
        self.arena = Arena.create(slots=24, max_pixels=SIZE[0] * SIZE[1])
        self.said: list[FromEngine] = []
        self.lost = 0
        self.slots: dict[int, Slot] = {}
        self._news = asyncio.Event()
        start = Start(model=f"tests.server.scripted:{model}", warm_sizes=(SIZE,), **options)
        self.worker = Worker(start, arena=self.arena, listener=self.listen, lost=self.lose)

    def listen(self, message: FromEngine) -> None:
        self.said.append(message)
        self._news.set()

    def lose(self) -> None:
        self.lost += 1
        self._news.set()

    async def enter(self, id_: int, *, command: int = 0, at: int = 0) -> None:
        """Ask, hear that it may come, and submit."""
        now_s = time.monotonic()
        ask = Ask(
            id=id_,
            arrival_s=now_s,
            answer_by_s=now_s + 100.0,
            ready_in_s=0.0,
            height=SIZE[0],
            width=SIZE[1],
            min_exit=1,
            max_exit=EXITS,
            stop_below=0.0,
            full_resolution=True,
        )
        self.worker.send(ask)
        verdict = await self.hear(Verdict, lambda message: message.id == id_)
        assert verdict.admitted, verdict.detail
        slot = self.arena.acquire()
        assert slot is not None
        self.slots[id_] = slot
        self.arena.input(slot, *SIZE)[:] = picture(*SIZE, command=command, at=at, first_class=id_ % 5)
        self.worker.send(Submit(id=id_, slot=slot.index, generation=slot.generation))

    async def hear(self, kind: type[Kind], which: Callable[[Kind], bool] = lambda _: True) -> Kind:
        """The first such message."""
        found: list[Kind] = []

        def look() -> bool:
            found[:] = [message for message in self.said if isinstance(message, kind) and which(message)]
            return bool(found)

        await self.until(look)
        return found[0]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def exits(self, id_: int) -> list[int]:
        return [m.exit for m in self.said if isinstance(m, Published) and m.id == id_]


def play(model: str, scene: Callable[[Front], Awaitable[None]], **options: Any) -> None:
    """Start an engine (`options`: more of `Start`), run the scene, stop the engine: then no process is left."""

    async def whole() -> None:
        front = Front(model, **options)
        await front.worker.start()
        try:
            await scene(front)
        finally:
            pid = front.worker.pid
            await front.worker.stop()
        assert pid is None or not alive(pid)

    asyncio.run(whole())


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(front: Front, number: int) -> None:
    assert front.worker.pid is not None
    os.kill(front.worker.pid, number)


def threads(front: Front) -> set[tuple[int, bool]]:
    """Of each thread of the engine its niceness, and whether it is kept to one processor."""
    found: set[tuple[int, bool]] = set()
    for each in Path(f"/proc/{front.worker.pid}/task").iterdir():
        with suppress(ProcessLookupError):  # it has just ended
            id_ = int(each.name)
            found.add((os.getpriority(os.PRIO_PROCESS, id_), len(os.sched_getaffinity(id_)) == 1))
    return found


def may_be_preferred() -> bool:
    """Whether this process may give a thread more weight than ordinary work."""
    tried = [sys.executable, "-c", f"import os; os.nice({PREFERRED_NICENESS})"]
    return subprocess.run(tried, stderr=subprocess.DEVNULL, check=False).returncode == 0


def test_a_compute_thread_on_a_processor_of_its_own_goes_before_ordinary_work() -> None:
    """If it is to be urgent, and not else."""
    if not may_be_preferred():
        pytest.skip("more weight is not allowed here")
    core = min(os.sched_getaffinity(0))

    async def pinned(front: Front) -> None:
        await front.enter(1)
        assert (PREFERRED_NICENESS, True) in threads(front)

    async def ordinary(front: Front) -> None:
        await front.enter(1)
        assert (PREFERRED_NICENESS, True) not in threads(front)

    play("steady", pinned, cores=(core,), urgent=True)
    play("steady", ordinary, cores=(core,))


def test_an_engine_serves_and_survives_what_a_terminal_sends() -> None:
    """Exits come in order with their maps; Ctrl-C and SIGTERM of the group are for the front to answer."""

    async def scene(front: Front) -> None:
        assert front.worker.pid == os.getpgid(front.worker.pid or 0)  # also before it can refuse a signal
        await front.enter(1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            kill(front, number)
        await front.enter(2, command=RAISE, at=2)
        await front.enter(3)
        for id_ in (1, 3):
            await front.hear(Published, lambda message, id_=id_: message.id == id_ and message.last)  # type: ignore[misc]
        failed = await front.hear(Failed)
        assert (failed.id, front.exits(1), front.exits(2), front.exits(3)) == (
            2,
            [1, 2, 3, 4],
            [1],
            [1, 2, 3, 4],
        )
        assert failed.detail == "The model raised RuntimeError: it says so in two lines."
        for id_ in (1, 3):
            maps = front.arena.read(front.slots[id_], EXITS)
            assert isinstance(maps, Maps)
            assert (maps.labels == (id_ + EXITS - 1) % 5).all()
            front.worker.send(Forget(id=id_))
            await front.hear(Freed, lambda message, id_=id_: message.id == id_)  # type: ignore[misc]

    play("quick", scene)


def test_the_verdict_comes_while_a_stage_runs() -> None:
    """The answer to a question does not wait for the device."""

    async def scene(front: Front) -> None:
        await front.enter(1)
        await front.hear(Begun)
        await front.enter(2)
        assert front.exits(1) == []
        await front.hear(Published)

    play("steady", scene)


def test_killed_with_requests_in_flight() -> None:
    """What was published is heard and can be read, the loss is told once, and another engine takes over."""

    async def scene(front: Front) -> None:
        for id_ in range(20):
            await front.enter(id_)
        await front.hear(Published)
        kill(front, signal.SIGKILL)
        await front.until(lambda: front.lost)
        assert not front.worker.up
        for id_ in range(20):
            for exit_ in front.exits(id_)[-1:]:
                maps = front.arena.read(front.slots[id_], exit_)
                assert isinstance(maps, Maps)
                assert (maps.labels == (id_ + exit_ - 1) % 5).all()
        await front.until(lambda: front.worker.up)
        assert [type(message) for message in front.said].count(Ready) == 2
        for slot in front.slots.values():
            front.arena.release(slot)
        await front.enter(99)
        await front.hear(Published, lambda message: message.id == 99)
        assert (front.lost, front.worker.restarts) == (1, 1)

    play("steady", scene)


def test_stopped_engines_are_killed_and_replaced() -> None:
    """Kill -STOP is a hang: noticed by its silence."""

    async def scene(front: Front) -> None:
        stopped = front.worker.pid
        assert stopped is not None
        kill(front, signal.SIGSTOP)
        await front.until(lambda: front.lost)
        await front.until(lambda: front.worker.up)
        assert not alive(stopped)
        await front.enter(1)
        await front.hear(Published)

    play("quick", scene)


@pytest.mark.parametrize("command", [CRASH, HANG])
def test_a_request_that_takes_its_engine_with_it(command: int) -> None:
    """A crash or an endless loop in the model costs one engine, and what had an exit keeps it."""

    async def scene(front: Front) -> None:
        await front.enter(1, command=command, at=2)
        await front.until(lambda: front.lost)
        assert front.exits(1) == [1]
        assert front.arena.read(front.slots[1], 1) is not None
        await front.until(lambda: front.worker.up)
        await front.enter(2)
        await front.hear(Published, lambda message: message.last)

    play("quick", scene)


def test_a_model_that_cannot_be_made_fails_the_start() -> None:
    """With the factory's own words."""

    async def scene() -> None:
        front = Front("broken")
        with pytest.raises(StartError, match="no weights today"):
            await front.worker.start()
        await front.worker.stop()

    asyncio.run(scene())


@pytest.mark.parametrize("stopped", [False, True])
def test_an_engine_goes_with_its_front(*, stopped: bool) -> None:
    """Kill -9 on the front ends the engine too, even one that is stopped."""
    script = """
        import asyncio
        from interim.server.engine.arena import Arena
        from interim.server.engine.messages import Start
        from interim.server.front.worker import Worker

        async def front():
            start = Start(model="tests.server.scripted:quick", warm_sizes=((64, 96),))
            arena = Arena.create(slots=2, max_pixels=64 * 96)
            worker = Worker(start, arena=arena, listener=lambda _: None, lost=lambda: None)
            await worker.start()
            print(worker.pid, flush=True)
            await asyncio.sleep(600)

        asyncio.run(front())
    """
    front = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert front.stdout is not None
    engine = int(front.stdout.readline())
    if stopped:
        os.kill(engine, signal.SIGSTOP)
    assert alive(engine)
    front.kill()
    front.wait()
    front.stdout.close()
    until_s = time.monotonic() + 20.0
    while alive(engine):
        assert time.monotonic() < until_s
        time.sleep(0.01)
