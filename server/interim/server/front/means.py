"""What every live request works with: the engine, its memory, two pools of threads, what was learnt, metrics."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from interim.server.engine.arena import Arena
from interim.server.engine.messages import ToEngine
from interim.server.front.pace import DecodePace, SendMargin
from interim.server.telemetry.metrics import Metrics

RESTART_S = 2.0
"""What an engine usually needs from its death to its first new verdict."""

Result = TypeVar("Result")


class Engine(Protocol):
    """The front's side of one engine process (see `worker.Worker`)."""

    @property
    def up(self) -> bool:
        """Whether it is ready and answers."""

    @property
    def restarts(self) -> int:
        """How many times it was started anew."""

    def send(self, message: ToEngine) -> None:
        """Send a message; to an engine that is gone it goes nowhere."""

    def drain(self) -> None:
        """Take everything the engine has sent so far, now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The shared means of all requests to one engine."""

    engine: Engine
    arena: Arena
    metrics: Metrics
    decoders: Executor
    encoders: Executor
    margin: SendMargin = field(default_factory=SendMargin)
    pace: DecodePace = field(default_factory=DecodePace)

    async def timed(self, pool: Executor, work: Callable[..., Result], *args: object) -> tuple[Result, float]:
        """Run `work` in a pool, off the event loop; its result and how many seconds it took there."""
        clock = asyncio.get_running_loop().time

        def measured() -> tuple[Result, float]:
            began_s = clock()
            result = work(*args)
            return result, clock() - began_s

        return await asyncio.get_running_loop().run_in_executor(pool, measured)
