"""An engine that a test plays itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from interim.scheduling.budgets.book import Book, BudgetRules
from interim.server.config import Config
from interim.server.engine.arena import Arena, Maps, Slot
from interim.server.engine.messages import (
    Ask,
    Begun,
    Forget,
    Freed,
    Move,
    Published,
    Ready,
    StageCost,
    Submit,
    ToEngine,
    Verdict,
)
from interim.server.front.budget_watch import BudgetWatch
from interim.server.front.budgets import Budgets
from interim.server.front.control_service import ControlService
from interim.server.front.health import Health
from interim.server.front.http import routes
from interim.server.front.images import Limits
from interim.server.front.inference_service import InferenceService
from interim.server.front.listening import CONTROL, INFERENCE, grpc_server, http_site
from interim.server.front.means import Means
from interim.server.front.reception import Reception
from interim.server.front.requests import Door, Requests
from interim.server.front.served import served
from interim.server.front.state import State
from interim.server.telemetry.metrics import Metrics
from interim.v1 import control_pb2_grpc, inference_pb2_grpc

EXITS = 4
LONG_SIDE = 64

READY = Ready(
    spec={
        "name": "fake",
        "task": "segmentation",
        "classes": [{"name": "road", "color": (1, 2, 3)}, {"name": "sky", "color": (255, 0, 16)}],
        "exits": [
            {"name": f"e{exit_}", "quality": exit_ / 10, "miou": None} for exit_ in range(1, EXITS + 1)
        ],
        "multiple": 32,
        "stride": 4,
        "long_side": LONG_SIDE,
        "threshold": 0.998,
    },
    device="cpu",
    dtype="float32",
    execution="dense",
    masking=False,
    threads=1,
    longest_slice_s=0.001,
    height=48,
    width=64,
    costs=tuple(StageCost(name=f"e{exit_}", mean_s=0.01, p99_s=0.02) for exit_ in range(1, EXITS + 1)),
)


class Inline(Executor):
    """A pool without threads: work is done when it is handed in."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 -- as a pool does
            done.set_exception(error)
        return done


class FakeEngine:
    """Keeps what it is sent; the test (or `script`) says what it answers. `outbox` waits for a drain."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.up = True
        self.restarts = 0
        self.sent: list[ToEngine] = []
        self.outbox: list[Any] = []
        self.listener: Callable[[Any], None]
        self.script: Callable[[FakeEngine, ToEngine], None] = admit_and_free
        self.asks: dict[int, Ask] = {}
        self.slots: dict[int, Slot] = {}
        self.done: dict[int, int] = {}

    def send(self, message: ToEngine) -> None:
        self.sent.append(message)
        match message:
            case Ask():
                self.asks[message.id] = message
            case Forget():
                self.slots.pop(message.id, None)
            case Submit():
                self.slots[message.id] = Slot(message.slot, message.generation)
        self.script(self, message)

    def drain(self) -> None:
        while self.outbox:
            self.listener(self.outbox.pop(0))

    def say(self, message: Any) -> None:
        """The message arrives as soon as the loop turns, or with the next drain."""
        self.outbox.append(message)
        asyncio.get_running_loop().call_soon(self.drain)

    def begin(self, id_: int) -> None:
        self.say(Begun(id=id_, queued_s=0.001))

    def publish(self, id_: int, exit_: int, *, share: float = 0.5, last: bool = False) -> None:
        """Exit k says class k everywhere."""
        ask, slot = self.asks[id_], self.slots[id_]
        cells = (-(-ask.height // 4), -(-ask.width // 4))
        size = (ask.height, ask.width) if ask.full_resolution else cells
        maps = Maps(*(np.full(shape, exit_, np.uint8) for shape in (size, cells, cells)))
        self.arena.write(slot, exit_, maps)
        published = Published(
            id=id_, generation=slot.generation, exit=exit_, active_share=share, done_s=0.0, last=last
        )
        self.say(published)

    def of(self, kind: type[Any]) -> list[Any]:
        """What it was sent of one kind."""
        return [message for message in self.sent if isinstance(message, kind)]


def admit_and_free(engine: FakeEngine, message: ToEngine) -> None:
    """The usual script: everything may come in, every deadline may move, nothing is computed."""
    match message:
        case Ask():
            engine.say(Verdict(id=message.id, ticket=0, admitted=True))
        case Move():
            engine.say(Verdict(id=message.id, ticket=message.ticket, admitted=True))
        case Forget():
            engine.say(Freed(id=message.id, wasted_s=0.25))


def make_requests(
    pool: Executor,
    *,
    max_requests: int = 4,
    max_bytes: int = 100_000,
    budget: BudgetRules | None = None,
    wall: Callable[[], float] = lambda: 0.0,
) -> Requests:
    """A table of requests over a fake engine that is ready."""
    arena = Arena.create(slots=max_requests + 1, max_pixels=LONG_SIDE * LONG_SIDE)
    engine = FakeEngine(arena)
    metrics = Metrics()
    requests = Requests(
        means=Means(engine=engine, arena=arena, metrics=metrics, decoders=pool, encoders=pool),
        door=Door(max_requests=max_requests, max_bytes=max_bytes),
        budgets=Budgets(Book(budget or BudgetRules()), metrics, wall=wall),
        learn=lambda ready: served("fake", ready, long_side=0),
    )
    engine.listener = requests.on
    requests.on(READY)
    return requests


@pytest.fixture
def requests_of_fake() -> Callable[..., Requests]:
    """Makes a table of requests over a fake engine, with no threads: for virtual time."""
    return lambda **options: make_requests(Inline(), **options)


class Loopback:
    """A whole front on free loopback ports, over a fake engine; `engine.script` decides what is computed."""

    def __init__(self, requests: Requests, grpc_address: str, http_address: str, health: Health) -> None:
        self.requests = requests
        self.engine: Any = requests.means.engine
        self.grpc_address = grpc_address
        self.http_address = http_address
        self.health = health
        self.channel = grpc.aio.insecure_channel(grpc_address)
        self.control: Any = control_pb2_grpc.ControlStub(self.channel)  # type: ignore[no-untyped-call]
        self.inference: Any = inference_pb2_grpc.InferenceStub(self.channel)  # type: ignore[no-untyped-call]


def whole_work(engine: FakeEngine, message: ToEngine) -> None:
    """A script: everything comes in, and all exits are there at once."""
    admit_and_free(engine, message)
    if isinstance(message, Submit):
        engine.begin(message.id)
        for exit_ in range(1, EXITS + 1):
            engine.publish(message.id, exit_, share=1 - exit_ / EXITS, last=exit_ == EXITS)


@contextlib.asynccontextmanager
async def loopback(*, wall: Callable[[], float] = lambda: 0.0, **options: Any) -> AsyncIterator[Loopback]:
    """Serve as long as the context lasts; `options` are those of the config, `wall` is its calendar."""
    config = Config(grpc="127.0.0.1:0", http="127.0.0.1:0", **options)
    with ThreadPoolExecutor(2) as pool:
        requests = make_requests(
            pool,
            max_requests=config.max_requests,
            max_bytes=config.max_bytes_mib << 20,
            budget=config.budgets,
            wall=wall,
        )
        watch = BudgetWatch(requests)
        clock = asyncio.get_running_loop().time
        state = State(requests, clock, clock())
        health = Health((INFERENCE, CONTROL))
        inference = InferenceService(Reception(requests, Limits()), patience_s=config.slow_reader_s)
        server, grpc_address = grpc_server(config, inference, ControlService(state, watch), health)
        runner, http_address = await http_site(config, routes(state, requests.means.metrics, grpc_address))
        await server.start()
        watch.start()
        health.set(serving=True)
        front = Loopback(requests, grpc_address, http_address, health)
        front.engine.script = whole_work
        try:
            yield front
        finally:
            watch.stop()
            await front.channel.close()
            await server.stop(0)
            await runner.cleanup()


@pytest.fixture
def over_loopback() -> Callable[..., None]:
    """Plays a scenario, an async function of a `Loopback`, over real gRPC and HTTP."""

    def play(scenario: Callable[[Loopback], Coroutine[Any, Any, None]], **options: Any) -> None:
        async def main() -> None:
            async with loopback(**options) as front:
                await scenario(front)

        asyncio.run(main())

    return play
